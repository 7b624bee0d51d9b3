"""Launch a prepared run, follow its log to the end of the window, and keep what it leaves.

On this machine, in a process or a container, it is one run at a time, its devices locked; a node of
a cluster calls `train` alone.

Progress is for the eye only: the record comes from the files.
"""

import contextlib
import functools
import os
import shlex
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from mrbench.doctor import cooldown, quiet
from mrbench.errors import WorkspaceError
from mrbench.files import real_path
from mrbench.launch import processors
from mrbench.launch.executors.base import Launcher
from mrbench.launch.telemetry.beside import Beside, on_the_gpus
from mrbench.measure.log.blocks import Block
from mrbench.measure.parsers import parse_samples, until_past
from mrbench.model.job import PreparedRun
from mrbench.model.machine import Machine
from mrbench.model.options import ExecutorOptions
from mrbench.model.places import Places
from mrbench.model.plan import Plan
from mrbench.model.record import RunRecord
from mrbench.model.reporter import Reporter
from mrbench.model.run import Exit
from mrbench.prepare import environment, source
from mrbench.prepare.job import with_port
from mrbench.prepare.run_copy import Scratch
from mrbench.record.rundir import RunDir
from mrbench.run import queue
from mrbench.run.progress import POLL_S, Progress
from mrbench.run.recorder import Recorder, Run
from mrbench.run.resultfile import ResultFile
from mrbench.text import shorten

FIRST = "waiting for the first line of its log (loading data; compiling, if the framework does)"
MOST_KEPT_BYTES = 64 << 20  # of a file that the recipe asks to keep
MOST_KEPT_FILES, MOST_KEPT_TOTAL_BYTES = 1000, 256 << 20  # of all of them: `pack` takes a GiB


class Knowing(Protocol):
    """Is told what is learnt of a run while it trains."""

    def began(self) -> None:
        """Hear that the training was started: its log is there."""

    def know_machine(self, machine: Machine, frozen: tuple[str, ...] | None) -> None:
        """Hear which machine trains; frozen: packages of mrbench's own Python where that trains."""

    def lose(self, *what: str) -> None:
        """Hear what could not be kept of the run once its window was over."""


def train(  # noqa: PLR0917 - the life's parts, each used once
    plan: Plan,
    prepared: PreparedRun,
    folder: RunDir,
    launcher: Launcher,
    reporter: Reporter,
    knowing: Knowing,
    keep_open: tuple[int, ...] = (),
) -> Exit:
    """Start the job, follow it to the end of the window and one interval more, and end it.

    keep_open: files of locks that live as long as the job. LaunchError where it cannot be started,
    WorkspaceError where what runs is not the plan's source, OSError where `folder` takes no files.
    """
    prepared = msgspec.structs.replace(prepared, job=with_port(prepared.job))
    telemetry = _telemetry(plan, prepared, folder)
    output, result = prepared.folder / "output", None
    with contextlib.ExitStack() as stack:
        if plan.log.file is not None:  # left last: the training has ended by then
            result = stack.enter_context(ResultFile(output, plan.log.file, folder))
        start = launcher.start(prepared.job, folder.path, keep_open=keep_open)
        running = stack.enter_context(start)
        stack.callback(telemetry.stop)
        knowing.began()
        reporter.output(f"$ {shlex.join(prepared.job.argv)}  (its output: {folder.log})")
        reporter.stage(plan.label, FIRST)
        # of several nodes each starts its own, beside its own part of the training
        root = None if plan.nodes > 1 and plan.on_each_node else running.root()
        meanwhile = _meanwhile(plan, prepared, knowing, telemetry, root)
        progress = Progress(plan, reporter)
        blocks = running.blocks(
            tick=lambda: next(meanwhile, None),
            poll_s=POLL_S,
            log=folder.result_log if result else None,
        )
        blocks = progress.at_once(echoed(blocks, reporter))
        samples = parse_samples(blocks, plan.log, plan.rated_work, plan.window)
        for sample in until_past(samples, plan.window):
            progress.show(sample)
        telemetry.stop()  # before the training is, to see it behind the window
        running.stop("enough")
        for _ in meanwhile:
            pass  # the training was over before it came to that
    if result and result.problem:
        knowing.lose(result.problem)
    knowing.lose(*_keep(plan, prepared, folder))
    return running.exit()


def echoed(blocks: Iterator[Block], reporter: Reporter) -> Iterator[Block]:
    """Pass on the blocks of a log, and tell the reporter what the training prints."""
    for offset, block in blocks:
        if reporter.verbose:
            reporter.output(block.decode("utf-8", "replace"))
        yield offset, block


def _telemetry(plan: Plan, prepared: PreparedRun, folder: RunDir) -> Beside:
    """Look which programs are on the GPUs already; telemetry itself starts behind the launch."""
    if plan.accelerator != "gpu":
        return Beside(folder.telemetry, gpus=False)
    return Beside(
        folder.telemetry,
        gpus=True,
        before=on_the_gpus(),
        visible=prepared.job.variables.get("CUDA_VISIBLE_DEVICES"),
    )


def _meanwhile(
    plan: Plan,
    prepared: PreparedRun,
    knowing: Knowing,
    telemetry: Beside,
    root: int | None,
) -> Iterator[None]:
    """Do what must not delay the launch while the training starts; most of it one poll later."""
    telemetry.start(root)
    yield
    from mrbench.launch import machine  # noqa: PLC0415 - 15 ms, while the training starts
    from mrbench.record import judge  # noqa: F401, PLC0415 - the same: the recorder needs it

    if not source.verify_tree(prepared.workspace, prepared.folder / "src"):
        raise _other_source(prepared)
    # mrbench's own interpreter, whose packages no lock tells; a command may name another
    own = plan.environment.kind == "current" and not prepared.environment.frozen
    own = own and prepared.environment.image is None
    own = own and any("{python}" in word for word in plan.command)
    knowing.know_machine(
        machine.facts(prepared.job), tuple(environment.installed()) if own else None
    )


def _other_source(prepared: PreparedRun) -> WorkspaceError:
    """Say what of the source that runs is not the plan's, and who changed it."""
    workspace, template = prepared.workspace, prepared.environment.template
    text = f"what runs is not tree {workspace.tree}"
    file = source.changed_file(workspace, prepared.folder / "src")
    if file and source.verify_tree(workspace, template):
        return WorkspaceError(
            f"{text}: the training, or a step of data.prepare, changed {shorten(file)} of its own"
            " source",
            "have it write elsewhere, as below {output}, or make the change a patch of the recipe",
        )
    return WorkspaceError(
        f"{text}: {workspace.path} or {template} was changed", "remove both and run again"
    )


def _keep(plan: Plan, prepared: PreparedRun, folder: RunDir) -> Iterator[str]:
    """Copy the small files that the recipe asks to keep out of the training's output.

    Yields what could not be kept: the window is over, and nothing here may cost its number.
    """
    output = prepared.folder / "output"
    files = total_bytes = 0
    for pattern in plan.log.keep:
        try:
            for path in output.glob(pattern):
                if not (path.is_file() and real_path(path).is_relative_to(real_path(output))):
                    continue
                size_bytes = path.stat().st_size
                if size_bytes > MOST_KEPT_BYTES:
                    most = f"{MOST_KEPT_BYTES >> 20} MiB"
                    yield f"log.keep: {path.name} was not kept (more than {most})"
                    continue
                files, total_bytes = files + 1, total_bytes + size_bytes
                if files > MOST_KEPT_FILES or total_bytes > MOST_KEPT_TOTAL_BYTES:
                    most = f"{MOST_KEPT_FILES} files, {MOST_KEPT_TOTAL_BYTES >> 20} MiB together"
                    yield f"log.keep: {path.name} and what follows were not kept (more than {most})"
                    return
                yield from _keep_one(path, folder.kept / path.relative_to(output))
        except (OSError, ValueError, RuntimeError) as exc:  # too deep, or links in a circle
            yield f"log.keep: {shorten(pattern)}: {_why(exc)}"


def _keep_one(path: Path, target: Path) -> Iterator[str]:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    except OSError as exc:
        with contextlib.suppress(OSError):  # a part of it
            target.unlink()
        yield f"log.keep: {path.name} was not kept ({_why(exc)})"


def _why(exc: Exception) -> str:
    return getattr(exc, "strerror", None) or str(exc) or type(exc).__name__


class OnThisMachine:
    """Starts trainings with a launcher of this machine; see executor.Executor."""

    trains_here = True

    def __init__(self, name: str, launcher: Launcher, options: ExecutorOptions) -> None:
        self.name = name
        self.surroundings = launcher.surroundings
        self.unavailable = launcher.unavailable
        self._launcher, self._options = launcher, options

    def check(self, plans: Sequence[Plan]) -> None:
        """Raise BusyError where a run would have to wait and shall not."""
        for devices in {device_names(plan) for plan in plans} if self._options.wait == 0 else ():
            queue.refuse_busy(devices)

    def details(self, _plan: Plan, _places: Places) -> Mapping[str, str]:
        """Have nothing to show beyond what all runs have."""
        return {}

    @contextlib.contextmanager
    def session(self, recorder: Recorder) -> Iterator["InTurn"]:
        """Take the runs of one command."""
        yield InTurn(self._launcher, self._options, recorder)


class InTurn:
    """Runs that train as they come; see executor.Session."""

    def __init__(self, launcher: Launcher, options: ExecutorOptions, recorder: Recorder) -> None:
        self._launcher, self._options, self._recorder = launcher, options, recorder
        self._before = processors.first()  # until the first launch, others show

    def submit(self, run: Run, prepared: PreparedRun, _scratch: Scratch) -> None:
        """Wait for the devices, train to the end, and record it."""
        reporter, plan = self._recorder.reporter, run.plan
        stage = functools.partial(reporter.stage, plan.label)
        what = f"{plan.suite}/{plan.implementation}"
        waits = functools.partial(stage, waits=True)
        with queue.turn(device_names(plan), what, waits, self._options.wait) as held:
            self._see_to_the_machine(run, stage)
            stage("starting the training")
            run.enter()
            end = train(
                plan,
                prepared,
                run.folder,
                self._launcher,
                reporter,
                run,
                keep_open=held if run.lock is None else (*held, run.lock),
            )
        self._recorder.finish(run, end)
        self._before = processors.look()

    def _see_to_the_machine(self, run: Run, stage: Callable[[str], None]) -> None:
        """Wait until it is cool and quiet, as far as that was asked for; warn where it is not."""
        options, plan = self._options, run.plan
        problem = functools.partial(self._recorder.reporter.note, problem=True)
        if options.cool_down is not None:
            run.know(cooled_down=cooldown.wait(options.cool_down, plan, stage, problem))
        if options.wait_until_quiet is not None:
            run.know(quiet_wait=quiet.wait(options.wait_until_quiet, plan, stage, problem))
        elif text := quiet.warning(plan, self._before):
            self._recorder.reporter.note(f"{plan.implementation}: {text}")

    def stay_with(self, _record: RunRecord) -> None:
        """Have no other machine than this one."""

    def wait(self) -> None:
        """Have nothing to wait for: all were trained when they were submitted."""

    def cancel(self) -> None:
        """Have nothing to end: an interrupted training has ended already."""


def device_names(plan: Plan) -> tuple[str, ...]:
    """Return the locks of a run: two on the same devices would slow one another down.

    All runs on a CPU share one.
    """
    if plan.accelerator == "cpu":
        return ("cpu",)
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = visible.split(",") if visible else [str(i) for i in range(plan.gpus)]
    plain = ["".join(c for c in name if c.isalnum() or c == "-") for name in names]
    return tuple(f"gpu{name}" for name in plain[: plan.gpus])
