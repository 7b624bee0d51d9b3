"""Run a job in a container, whose life hangs on processes that outlive mrbench just long enough.

The job of the shim (see local) is then docker_client, which makes, follows and removes the
container. Killed are: mrbench, then the shim ends the client, which removes the container; the
shim, then the kernel tells the client; the client, then mrbench removes the container. What a
power cut leaves carries labels for `mrbench cleanup`.
"""

import contextlib
import json
import os
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

from msgspec.structs import replace

import mrbench
from mrbench.errors import LaunchError, MrbenchError
from mrbench.files import write_whole
from mrbench.launch.executors import local
from mrbench.launch.executors.base import CONTAINER, Running
from mrbench.launch.executors.docker.engine import RUN, connect, labelled, remove
from mrbench.launch.executors.docker.image import InImage
from mrbench.launch.executors.docker.order import make_order
from mrbench.model.finding import Problem
from mrbench.model.job import Job
from mrbench.model.options import ExecutorOptions
from mrbench.model.run import Exit
from mrbench.prepare.step import run_step

ENGINE_S = 45.0  # what an engine may take to end a container, beyond the grace period
STATE = "container.state"  # the client's word, until it is part of container.json
State = dict[str, Any]


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
        write_whole(folder / CONTAINER, _as_json(order))
        client = replace(
            job,
            argv=_client(folder.absolute() / CONTAINER),
            directory=folder,
            variables=_importable(),
            terminal=False,
        )
        told: State = {}
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
                _check_start(started)
                yield DockerRun(inner, told, self._options.memory, _root(started))
        finally:
            told |= _read(state)
            _conclude(folder, order, told, job)
            state.unlink(missing_ok=True)
        if "failed" in told and "code" in told:  # the container's init found nothing to start
            raise LaunchError(told["failed"], told["remedy"])

    def _step(self, job: Job, log: Path, what: str) -> None:
        """Run a command in a container to its end; see base.Surroundings."""
        name = uuid.uuid4().hex
        place = log.parent / f".{name}.json"
        order = make_order(job, self._options, log.parent / f".{name}.state", 1.0)
        write_whole(place, _as_json(order))
        state = Path(order["state"])
        try:
            with _removed(order):
                run_step(
                    _client(place),
                    directory=log.parent,
                    log=log,
                    variables=_importable(),
                    what=what,
                )
        except LaunchError as exc:
            end = _read(state)
            if "failed" in end:
                raise LaunchError(f"{what}: {end['failed']}", end["remedy"]) from exc
            raise
        finally:
            place.unlink(missing_ok=True)
            state.unlink(missing_ok=True)


class DockerRun:
    """A job in a container; see base.Running."""

    def __init__(
        self, inner: local.LocalRun, told: State, memory: str | None, root: int | None
    ) -> None:
        self._inner, self._told, self._memory, self._root = inner, told, memory, root

    def blocks(self, tick: Callable[[], None], poll_s: float = 0.05) -> Iterator[tuple[int, bytes]]:
        """Follow the log; see base.Running."""
        return self._inner.blocks(tick, poll_s)

    def root(self) -> int | None:
        """Return the container's first process, if the engine is on this machine."""
        return self._root

    def stop(self, reason: Literal["enough", "interrupted"]) -> None:
        """Ask for the container's end."""
        self._inner.stop(reason)

    def exit(self) -> Exit:
        """Tell how the container ended; only once the block was left."""
        end, told = self._inner.exit(), self._told
        if end.reason != "exited" or end.message:
            return end
        if told.get("out_of_memory") and end.code:
            limit = f"its limit of {self._memory}" if self._memory else "the machine's"
            text = f"the container ran out of memory ({limit})"
            remedy = "give it more, or train less at once"
            return replace(end, message=text, remedy=remedy, reason="out_of_memory")
        if "failed" in told or "code" not in told:
            text = told.get("failed", "the process that watched the container was killed")
            remedy = told.get("remedy", local.SHORT_OF_MEMORY)
            return replace(end, code=None, message=text, remedy=remedy)
        return end


def _client(order: Path) -> tuple[str, ...]:
    return (sys.executable, "-P", "-m", "mrbench.launch.executors.docker.client", str(order))


def _importable() -> dict[str, str]:
    """Return the variable by which another Python finds this very mrbench."""
    mine, others = str(Path(mrbench.__file__).parents[1]), os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": f"{mine}{os.pathsep}{others}" if others else mine}


@contextlib.contextmanager
def _removed(order: dict[str, Any]) -> Iterator[None]:
    """Leave no container behind, even where its client was killed."""
    try:
        yield
    finally:
        if not _read(Path(order["state"])).get("removed"):
            label = f"{RUN}={order['container']['labels'][RUN]}"
            with contextlib.suppress(MrbenchError), connect() as client:
                for container in labelled(client, label):
                    remove(container)


def _conclude(folder: Path, order: dict[str, Any], told: State, job: Job) -> None:
    """Leave one file that tells what the container was made of and how it ended."""
    asked = {name: order[name] for name in ("engine", "image", "mounts", "gpus")}
    made = {k: v for k, v in order["container"].items() if k != "environment"}
    # of the variables the names: the recipe's values stand in the plan
    content = made | asked | {"variables": sorted(job.variables)} | told
    with contextlib.suppress(OSError):
        write_whole(folder / CONTAINER, _as_json(content))


def _check_start(told: State) -> None:
    if not told.get("started"):
        lost = "the process that was to make the container was killed"
        raise LaunchError(told.get("failed", lost), told.get("remedy", "run again"))


def _read(path: Path) -> State:
    try:
        told: State = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return told


def _as_json(content: dict[str, Any]) -> bytes:
    return json.dumps(content, indent=1).encode() + b"\n"


def _root(started: State) -> int | None:
    """Return the process id that the engine tells, where it is one of this machine's."""
    pid = started.get("pid")
    try:
        groups = Path(f"/proc/{pid}/cgroup").read_text()
    except OSError:  # another machine's engine, or it has ended already
        return None
    return pid if str(started.get("container")) in groups else None
