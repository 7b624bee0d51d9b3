"""Launch a prepared run, follow its log to the end of the window, and keep what it leaves."""

import shutil
from collections.abc import Iterator
from typing import Any

from mrbench.console import Reporter
from mrbench.errors import WorkspaceError
from mrbench.launch.executors import Executor
from mrbench.launch.telemetry.beside import Beside, on_the_gpus
from mrbench.measure.parsers import parse, until_past
from mrbench.model.plan import Plan
from mrbench.model.run import Exit
from mrbench.prepare import environment, source
from mrbench.prepare.job import Prepared
from mrbench.record.rundir import RunDir
from mrbench.run.progress import Progress

Record = dict[str, Any]
POLL_S = 0.5  # looking 20 times a second would take a quarter percent of a core from the training


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
    telemetry = _telemetry(plan, ready, folder)
    with executor.start(ready.job, folder.path, keep_open=held) as running, telemetry:
        own = plan.environment.kind == "current" and ready.environment.image is None
        # of several nodes each starts its own, beside its own part of the training
        root = None if plan.nodes > 1 and plan.on_each_node else running.root()
        meanwhile = _meanwhile(ready, record, telemetry, root, own=own)
        progress = Progress(plan, reporter)
        blocks = running.blocks(tick=lambda: next(meanwhile, None), poll_s=POLL_S)
        samples = parse(blocks, plan.log, plan.images_per_iteration, plan.window)
        for sample in until_past(samples, plan.window):
            progress.show(sample)
        telemetry.stop()  # before the training is, to see it behind the window
        running.stop("enough")
        for _ in meanwhile:
            pass  # the training was over before it came to that
    return running.exit()


def _telemetry(plan: Plan, ready: Prepared, folder: RunDir) -> Beside:
    """Look which programs are on the GPUs already; telemetry itself starts behind the launch."""
    if plan.accelerator != "gpu":
        return Beside(folder.telemetry, gpus=False)
    return Beside(
        folder.telemetry,
        gpus=True,
        before=on_the_gpus(),
        visible=ready.job.variables.get("CUDA_VISIBLE_DEVICES"),
    )


def _meanwhile(
    ready: Prepared, record: Record, telemetry: Beside, root: int | None, *, own: bool
) -> Iterator[None]:
    """Do what must not delay the launch while the training starts; most of it one poll later.

    own: whether mrbench's own interpreter trains, whose packages no lock tells.
    """
    telemetry.start(root)
    yield
    from mrbench.launch import machine  # noqa: PLC0415 - used in the end
    from mrbench.launch.telemetry import summary  # noqa: F401, PLC0415 - the same
    from mrbench.record import judge, validity  # noqa: F401, PLC0415 - used in the end

    if not source.verify_tree(ready.workspace, ready.folder / "src"):
        raise WorkspaceError(
            f"what runs is not tree {ready.workspace.tree}: {ready.workspace.path} or"
            f" {ready.environment.template} was changed",
            "remove both and run again",
        )
    record["machine"] = machine.facts()
    if own:
        record["environment"]["frozen"] = environment.installed()


def keep(plan: Plan, ready: Prepared, folder: RunDir) -> None:
    """Copy the small files that the recipe asks to keep out of the training's output."""
    output = ready.folder / "output"
    for pattern in plan.log.keep:
        for path in output.glob(pattern):
            if path.is_file() and path.resolve().is_relative_to(output.resolve()):
                target = folder.kept / path.relative_to(output)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)
