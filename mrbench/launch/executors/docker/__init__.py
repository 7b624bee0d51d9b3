"""Run a job in a container, whose life hangs on processes that outlive mrbench just long enough.

The job of the shim (see local) is then the client, which makes, follows and removes the
container. Killed are: mrbench, then the shim ends the client, which removes the container; the
shim, then the kernel tells the client; the client, then mrbench removes the container. What a
power cut leaves carries labels for `mrbench cleanup`.
"""

import contextlib
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import msgspec
from msgspec.structs import asdict, replace

import mrbench
from mrbench.errors import LaunchError, MrbenchError
from mrbench.files import write_whole
from mrbench.launch.executors import local
from mrbench.launch.executors.base import CONTAINER, Running
from mrbench.launch.executors.docker.engine import RUN, began, connect, labelled, remove
from mrbench.launch.executors.docker.image import InImage
from mrbench.launch.executors.docker.order import make_order
from mrbench.model.container import ContainerOrder, ContainerState, DockerContainer
from mrbench.model.finding import Problem
from mrbench.model.job import Job
from mrbench.model.options import ExecutorOptions
from mrbench.model.run import Exit
from mrbench.prepare.contained import SHORT_OF_MEMORY
from mrbench.prepare.step import run_step

ENGINE_S = 45.0  # what an engine may take to end a container, beyond the grace period
STATE = "container.state"  # the client's word, until it is part of container.json
LOST = Problem("the process that was to make the container was killed", "run again")


class Docker:
    """Containers on the engine that DOCKER_HOST names; see base.Launcher."""

    trains_here = True

    def __init__(self, options: ExecutorOptions) -> None:
        self._options = options
        self.surroundings = InImage(options, self._step)

    def unavailable(self) -> Problem | None:
        """Say why no engine answers, or None."""
        try:
            with connect():
                return local.unavailable()
        except MrbenchError as exc:
            return Problem(exc.text, exc.remedy)

    @contextlib.contextmanager
    def start(
        self, job: Job, folder: Path, *, keep_open: tuple[int, ...] = (), grace_s: float = 5.0
    ) -> Iterator[Running]:
        """Start the job in a container; see base.Launcher."""
        state = folder.absolute() / STATE
        order = make_order(job, self._options, state, grace_s)
        _write(folder / CONTAINER, order)
        client = replace(
            job,
            argv=_client(folder.absolute() / CONTAINER),
            directory=folder,
            variables={**os.environ, **_importable()},
            terminal=False,
            image=None,
        )
        run: DockerRun | None = None
        try:
            with (
                _removed(order),
                local.start(
                    client, folder, keep_open=keep_open, grace_s=grace_s + ENGINE_S
                ) as inner,
            ):
                while not state.exists() and not inner.ended(0.01):
                    pass
                started = _read(state)
                if not started.started:
                    raise _launch_error(started.failed or LOST)
                run = DockerRun(inner, self._options.memory, _root(started))
                yield run
        finally:
            last = _read(state)
            if run:
                run.last = last
                alive = run.root() is not None and _root(started) == run.root()
                run.lives_on = alive and not last.removed
            if run and run.lives_on:
                _keep_while(run.root(), keep_open)
            _conclude(folder, order, last, job)
            with contextlib.suppress(OSError):
                state.unlink()
        if last.failed and last.code is not None:  # the container's init found nothing to start
            raise _launch_error(last.failed)

    def _step(self, job: Job, log: Path, what: str) -> None:
        """Run a command in a container to its end; see prepare.surroundings.Surroundings."""
        name = uuid.uuid4().hex
        place = log.parent / f".{name}.json"
        order = make_order(job, self._options, log.parent / f".{name}.state", 1.0)
        _write(place, order)
        state = Path(order.state)
        try:
            with _removed(order):
                run_step(
                    _client(place),
                    directory=log.parent,
                    log=log,
                    variables={**os.environ, **_importable()},
                    what=what,
                )
        except LaunchError as exc:
            failed = _read(state).failed
            if failed is None:
                raise
            raise LaunchError(f"{what}: {failed.text}", failed.remedy) from exc
        finally:
            place.unlink(missing_ok=True)
            state.unlink(missing_ok=True)


class DockerRun:
    """A job in a container; see base.Running. last: what its client told in the end."""

    def __init__(self, inner: local.LocalRun, memory: str | None, root: int | None) -> None:
        self._inner, self._memory, self._root = inner, memory, root
        self.last = ContainerState()
        self.lives_on = False  # nobody could end the container

    def blocks(
        self, tick: Callable[[], None], poll_s: float = 0.05, *, log: Path | None = None
    ) -> Iterator[tuple[int, bytes]]:
        """Follow the log; see base.Running."""
        return self._inner.blocks(tick, poll_s, log=log)

    def root(self) -> int | None:
        """Return the container's first process, if the engine is on this machine."""
        return self._root

    def stop(self, reason: Literal["enough", "interrupted"]) -> None:
        """Ask for the container's end."""
        self._inner.stop(reason)

    def exit(self) -> Exit:
        """Tell how the container ended; only once the block was left."""
        end, last = self._inner.exit(), self.last
        if end.reason != "exited" or end.message:
            return end
        if last.out_of_memory and end.code:
            limit = f"its limit of {self._memory}" if self._memory else "the machine's"
            text = f"the container ran out of memory ({limit})"
            remedy = "give it more, or train less at once"
            return replace(end, message=text, remedy=remedy, reason="out_of_memory")
        if last.failed or last.code is None:
            lost = "the process that watched the container was killed"
            cause = last.failed or Problem(lost, SHORT_OF_MEMORY)
            if self.lives_on:
                text = f"{cause.text}; the training may still run (process {self._root}), and its"
                text += " devices stay locked"
                cause = Problem(text, "start the engine, then `mrbench cleanup` ends it")
            return replace(end, code=None, message=cause.text, remedy=cause.remedy)
        return end


def _client(order: Path) -> tuple[str, ...]:
    return (sys.executable, "-P", "-m", "mrbench.launch.executors.docker.client", str(order))


def _importable() -> dict[str, str]:
    """Return the variable by which another Python finds this very mrbench."""
    mine, others = str(Path(mrbench.__file__).parents[1]), os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": f"{mine}{os.pathsep}{others}" if others else mine}


@contextlib.contextmanager
def _removed(order: ContainerOrder) -> Iterator[None]:
    """Leave no container behind, even where its client was killed."""
    try:
        yield
    finally:
        if not _read(Path(order.state)).removed:
            label = f"{RUN}={order.container.labels[RUN]}"
            with contextlib.suppress(MrbenchError), connect() as client:
                for container in labelled(client, label):
                    remove(container)


# A number alone may be another process's by now, and would keep the locks for ever.
KEEPER = """
import sys, time
def began():
    try:
        with open(f"/proc/{sys.argv[1]}/stat", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]
while began() == sys.argv[2]:
    time.sleep(1)
"""


def _keep_while(root: int | None, files: tuple[int, ...]) -> None:
    """Keep the locks of a training that nobody could end, as long as its first process lives."""
    if root is None or (since := began(root)) is None:
        return
    with contextlib.suppress(OSError):
        subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", KEEPER, str(root), since],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=files,
            start_new_session=True,
        )


def _conclude(folder: Path, order: ContainerOrder, last: ContainerState, job: Job) -> None:
    """Leave one file that tells what the container was made of and how it ended."""
    content = asdict(order.container) | asdict(last)
    del content["environment"]  # its names suffice: the recipe's values stand in the plan
    if last.failed:
        content |= {"failed": last.failed.text, "remedy": last.failed.remedy}
    for name in ("image", "engine", "mounts", "gpus"):
        content[name] = getattr(order, name)
    content["variables"] = sorted(job.variables)
    with contextlib.suppress(OSError):
        _write(folder / CONTAINER, msgspec.convert(content, DockerContainer))


def _launch_error(problem: Problem) -> LaunchError:
    return LaunchError(problem.text, problem.remedy)


def _read(path: Path) -> ContainerState:
    """Return what the client told last; nothing has happened as long as it told nothing."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=ContainerState)
    except (OSError, msgspec.DecodeError):
        return ContainerState()


def _write(path: Path, content: ContainerOrder | DockerContainer) -> None:
    # an order has the variables as they are, secrets too
    text = json.dumps(msgspec.to_builtins(content), indent=1)
    write_whole(path, f"{text}\n".encode(), private=isinstance(content, ContainerOrder))


def _root(started: ContainerState) -> int | None:
    """Return the process id that the engine tells, where it is one of this machine's."""
    try:
        groups = Path(f"/proc/{started.pid}/cgroup").read_text()
    except OSError:  # another machine's engine, or it has ended already
        return None
    return started.pid if str(started.container) in groups else None
