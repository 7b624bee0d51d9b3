"""Launch a prepared run, follow its log to the end of the window, and keep what it leaves.

On this machine, in a process or a container, it is one run at a time, its devices locked; a node of
a cluster calls `train` alone.

Progress is for the eye only: the record comes from the files.
"""

import contextlib
import functools
import math
import os
import shlex
import shutil
import time
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
from mrbench.measure.interval import within_run
from mrbench.measure.log.blocks import Block
from mrbench.measure.parsers import parse_samples, until_past
from mrbench.measure.spans import in_window
from mrbench.model.job import PreparedRun
from mrbench.model.machine import Machine
from mrbench.model.measurement import IterationSample
from mrbench.model.options import ExecutorOptions
from mrbench.model.places import Places
from mrbench.model.plan import Plan
from mrbench.model.record import RunRecord
from mrbench.model.reporter import Reporter, RunProgress
from mrbench.model.run import Exit
from mrbench.prepare import environment, source
from mrbench.prepare.job import with_port
from mrbench.prepare.run_copy import Scratch
from mrbench.record.rundir import RunDir
from mrbench.run import queue
from mrbench.run.recorder import Recorder, Run
from mrbench.run.resultfile import ResultFile
from mrbench.text import shorten

FIRST = "first iteration (loading data; compiling, if the framework does)"
POLL_S = 0.5  # looking 20 times a second would take a quarter percent of a core from the training
MOST_TIMES = 512  # of the window; more are joined in pairs, so that each look costs little
MOST_KEPT_BYTES = 64 << 20  # of a file that the recipe asks to keep
MOST_KEPT_FILES, MOST_KEPT_TOTAL_BYTES = 1000, 256 << 20  # of all of them: `pack` takes a GiB
LOOKS = 4  # at the log, before lines timed as they arrive make a rate
GROWTH = 1.05  # the interval is computed anew when the window has grown so much


class Knowing(Protocol):
    """Is told what is learnt of a run while it trains."""

    def began(self) -> None:
        """Hear that the training was started: its log is there."""
        ...

    def know_machine(self, machine: Machine, frozen: tuple[str, ...] | None) -> None:
        """Hear which machine trains; frozen: packages of mrbench's own Python where that trains."""
        ...

    def lose(self, *what: str) -> None:
        """Hear what could not be kept of the run once its window was over."""
        ...


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
        stack.enter_context(telemetry)
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
        samples = parse_samples(echoed(blocks, reporter), plan.log, plan.rated_work, plan.window)
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
    own = plan.environment.kind == "current" and prepared.environment.image is None
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
                if size_bytes <= MOST_KEPT_BYTES:
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
        if path.stat().st_size > MOST_KEPT_BYTES:
            yield f"log.keep: {path.name} was not kept (more than {MOST_KEPT_BYTES >> 20} MiB)"
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    except OSError as exc:
        with contextlib.suppress(OSError):  # a part of it
            target.unlink()
        yield f"log.keep: {path.name} was not kept ({_why(exc)})"


def _why(exc: Exception) -> str:
    return getattr(exc, "strerror", None) or str(exc) or type(exc).__name__


class Progress:
    """Passes the progress after each sample to a reporter.

    Where the log tells no seconds, they are those between two calls, as `clock` gives them.
    """

    def __init__(
        self, plan: Plan, reporter: Reporter, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._plan = plan
        self._reporter = reporter
        self._clock = clock
        self._arrived_s: float | None = None
        self._times: list[tuple[int, float]] = []
        self._seconds = self._data_s = self._timed_data_s = self._rounding_s = 0.0
        self._iterations = self._judged = self._lines = 0
        self._relative: float | None = None

    def show(self, sample: IterationSample) -> None:
        """Add a sample and report."""
        window, work = self._plan.window, self._plan.work_per_iteration
        self._lines += 1  # the first has the start in it: no time left follows from it
        sample, least_s = self._timed(sample)
        if self._inside(sample):
            self._add(sample)
        rate = self._iterations * work / self._seconds if self._seconds > least_s else None
        end = window.last + sample.count
        per_iteration = self._seconds / self._iterations if rate else sample.seconds / sample.count
        left_s = max(0, end - sample.last) * per_iteration
        if rate is None and least_s:
            left_s = math.nan
        self._reporter.progress(
            RunProgress(
                iteration=sample.last,
                end=end,
                window=window,
                unit=self._plan.unit,
                throughput=rate,
                half_width=None if rate is None or least_s else self._half_width(sample),
                loss=sample.loss,
                data_share=self._data_s / self._timed_data_s if self._timed_data_s else None,
                left_s=left_s if self._lines > 1 and 0 <= left_s < math.inf else None,
            )
        )

    def _timed(self, sample: IterationSample) -> tuple[IterationSample, float]:
        """Return a sample with its seconds, and how many of them are too few for a rate.

        Lines that arrive between two looks at the log seem to come at once, so that these seconds
        vary as the looks do and tell nothing of an interval.
        """
        if not (math.isnan(sample.seconds) and self._plan.log.clock == "arrival"):
            return sample, 0.0
        before_s, self._arrived_s = self._arrived_s, self._clock()
        if before_s is not None:
            seconds = max(self._arrived_s - before_s, 1e-9)  # of lines that came together
            sample = sample._replace(seconds=seconds)
        return sample, LOOKS * POLL_S

    def _inside(self, sample: IterationSample) -> bool:
        return in_window(sample, self._plan.window) and 0 < sample.seconds < math.inf

    def _add(self, sample: IterationSample) -> None:
        self._times.append((sample.count, sample.seconds))
        if len(self._times) > MOST_TIMES:
            pairs = zip(self._times[::2], self._times[1::2], strict=False)
            odd = self._times[len(self._times) // 2 * 2 :]
            self._times = [(a + b, s + t) for (a, s), (b, t) in pairs] + odd
        self._iterations += sample.count
        self._seconds += sample.seconds
        self._rounding_s += sample.rounding_s
        if sample.data_s is not None:
            self._data_s += sample.data_s
            self._timed_data_s += sample.seconds

    def _half_width(self, sample: IterationSample) -> float | None:
        if self._iterations >= GROWTH * self._judged:
            self._judged = self._iterations
            running = sample.edge_s is not None
            sure = within_run(
                self._times,
                resolution_s=2 * (sample.edge_s or self._rounding_s / len(self._times)),
                one_clock=running,
            )
            self._relative = sure.half_width / sure.throughput if sure else None
        if self._relative is None:
            return None
        work = self._iterations * self._plan.work_per_iteration
        return self._relative * work / self._seconds


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
