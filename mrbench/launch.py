"""Launch a prepared run, follow its log to the end of the window, and keep what it leaves."""

import dataclasses
import shutil
from collections.abc import Iterator
from typing import Any

from mrbench import environment, observe, workspace
from mrbench.console import Reporter
from mrbench.errors import WorkspaceError
from mrbench.executors import Executor
from mrbench.outcome import Exit, IterationSample
from mrbench.parsers import parse, until_past
from mrbench.plan import Plan
from mrbench.preparation import Prepared
from mrbench.rundir import RunDir

Record = dict[str, Any]


def launch(  # noqa: PLR0917 - the pipeline's parts, each used once
    plan: Plan,
    ready: Prepared,
    folder: RunDir,
    held: tuple[int, ...],
    reporter: Reporter,
    record: Record,
    executor: Executor,
) -> Exit:
    """Start the job, follow it to the end of the window and one interval more, and end it."""
    gpus = plan.gpus // plan.nodes if plan.accelerator == "gpu" else 0  # of this node
    earlier = observe.before(gpus) if gpus else None
    with executor.start(ready.job, folder.path, keep_open=held) as running:
        meanwhile = _meanwhile(ready, plan.environment.kind, record)
        progress = Progress(plan, reporter)
        blocks = running.blocks(tick=lambda: next(meanwhile, None))
        samples = parse(blocks, plan.log, plan.images_per_iteration, plan.window)
        for sample in until_past(samples, plan.window):
            progress.show(sample)
        if gpus:
            record["observed"] = observe.behind_window(gpus, earlier)
        running.stop("enough")
        for _ in meanwhile:
            pass  # the training was over before it came to that
    return running.exit()


def _meanwhile(ready: Prepared, kind: str, record: Record) -> Iterator[None]:
    """Do what must not delay the launch while the training starts, one poll later."""
    yield
    from mrbench import judge, machine, validity  # noqa: F401, PLC0415 - used in the end

    if not workspace.verify_tree(ready.workspace, ready.folder / "src"):
        raise WorkspaceError(
            f"what runs is not tree {ready.workspace.tree}: {ready.workspace.path} or"
            f" {ready.environment.template} was changed; remove both and run again"
        )
    record["machine"] = machine.facts()
    if kind == "current":
        record["environment"]["frozen"] = environment.installed()


@dataclasses.dataclass
class Progress:
    """Images per second so far; only for the eye, the record is computed from the files."""

    plan: Plan
    reporter: Reporter
    images: int = 0
    seconds: float = 0.0

    def show(self, sample: IterationSample) -> None:
        """Tell the reporter of one more sample."""
        window = self.plan.window
        if window.first <= sample.last - sample.count and sample.last <= window.last:
            self.images += sample.count * self.plan.images_per_iteration
            self.seconds += sample.seconds
        end = window.last + sample.count
        per_iteration = sample.seconds / sample.count
        rate = self.images / self.seconds if self.seconds > 0 else None
        self.reporter.progress(
            sample.last, end, rate, max(0.0, (end - sample.last) * per_iteration)
        )


def keep(plan: Plan, ready: Prepared, folder: RunDir) -> None:
    """Copy the small files that the recipe asks to keep out of the training's output."""
    output = ready.folder / "output"
    for pattern in plan.log.keep:
        for path in output.glob(pattern):
            if path.is_file() and path.resolve().is_relative_to(output.resolve()):
                target = folder.kept / path.relative_to(output)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)
