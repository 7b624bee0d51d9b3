"""Run plans one after the other: prepare, launch, follow, measure, record."""

import dataclasses
import functools
import os
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from mrbench import (
    __version__,
    environment,
    locks,
    observe,
    preflight,
    preparation,
    rundir,
    scratch,
    workspace,
)
from mrbench.console import Reporter
from mrbench.errors import MeasureError, MrbenchError, WorkspaceError
from mrbench.executors import EXECUTORS
from mrbench.interval import Interval
from mrbench.outcome import Exit, IterationSample
from mrbench.parsers import parse, until_past
from mrbench.places import Places
from mrbench.plan import Plan, run_folder_name
from mrbench.preparation import Prepared
from mrbench.recipe import RecipeFile
from mrbench.rundir import RunDir

Record = dict[str, Any]


def run_all(
    planned: Sequence[tuple[Plan, RecipeFile]], places: Places, repeat: int, reporter: Reporter
) -> list[Record]:
    """Run every plan `repeat` times, interleaved (A B C A B C): slow drift spreads evenly."""
    preflight.check((plan for plan, _ in planned), places)
    records = []
    for _ in range(repeat):
        for plan, file in planned:
            record = run_one(plan, file, places, reporter)
            reporter.note(summary(record), problem=record["status"] != "ok")
            records.append(record)
    return records


def run_one(plan: Plan, file: RecipeFile, places: Places, reporter: Reporter) -> Record:
    """Run one plan; a record is written whatever happens."""
    folder = rundir.create(places.runs.resolve(), run_folder_name(plan, rundir.stamp()))
    rundir.write(folder.plan, plan.canonical())
    record = _blank(plan, file, folder)
    try:
        _train(plan, file, places, folder, reporter, record)
    except MrbenchError as exc:
        record |= {"status": "failed", "reason": str(exc), "exit_code": exc.exit_code}
    except KeyboardInterrupt:
        record |= {"status": "interrupted", "reason": "interrupted by the user", "exit_code": 130}
        raise
    except OSError as exc:  # the disk is full, or a folder vanished
        reason = f"{exc.filename or folder.path}: {exc.strerror}; make room there and run again"
        record |= {"status": "failed", "reason": reason, "exit_code": MrbenchError.exit_code}
    finally:
        record["ended"] = _now()
        record["files"] = rundir.describe_files(folder)
        rundir.write_record(folder, record)
    return record


def _train(  # noqa: PLR0917 - the pipeline's parts, each used once
    plan: Plan,
    file: RecipeFile,
    places: Places,
    folder: RunDir,
    reporter: Reporter,
    record: Record,
) -> None:
    stage = functools.partial(reporter.stage, plan.implementation)
    own = scratch.folder(plan.suite, plan.implementation, folder.path.name)
    with locks.hold(_lock_names(plan), stage) as held, scratch.own(own):
        ready = preparation.prepare(plan, file, places, own, stage)
        record["workspace"] = dataclasses.asdict(ready.workspace)
        record["environment"] = dataclasses.asdict(ready.environment)
        record["weights"] = [dataclasses.asdict(used) for used in ready.weights]
        stage("starting the training")
        end = _launch(plan, ready, folder, held, reporter, record)
        record["exit"] = dataclasses.asdict(end)
        _keep(plan, ready, folder)
    from mrbench import judge  # noqa: PLC0415 - loaded by _meanwhile
    from mrbench.validity import judge_record  # noqa: PLC0415 - the same

    measurement = judge.judge(folder, plan, end)
    record["measurement"] = dataclasses.asdict(measurement)
    record["stated"] = judge.stated(folder, plan)
    record |= {"status": measurement.status, "reason": measurement.reason}
    record["exit_code"] = judge.exit_code_of(measurement.status)
    validity = judge_record(record, file.suite.rules)
    record["validity"] = dataclasses.asdict(validity)
    if measurement.status == "ok" and validity.verdict == "invalid":
        record["exit_code"] = MeasureError.exit_code


def _lock_names(plan: Plan) -> tuple[str, ...]:
    """Two runs on the same devices would slow one another; all runs on a CPU share it."""
    if plan.accelerator == "cpu":
        return ("cpu",)
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = visible.split(",") if visible else [str(i) for i in range(plan.gpus)]
    plain = ["".join(c for c in name if c.isalnum() or c == "-") for name in names]
    return tuple(f"gpu{name}" for name in plain[: plan.gpus])


def _launch(  # noqa: PLR0917 - as above
    plan: Plan,
    ready: Prepared,
    folder: RunDir,
    held: tuple[int, ...],
    reporter: Reporter,
    record: Record,
) -> Exit:
    """Start the job, follow it to the end of the window and one interval more, and end it."""
    gpus = plan.gpus if plan.accelerator == "gpu" else 0
    earlier = observe.before(gpus) if gpus else None
    with EXECUTORS["local"].start(ready.job, folder.path, keep_open=held) as running:
        meanwhile = _meanwhile(ready, plan.environment.kind, record)
        progress = _Progress(plan, reporter)
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
class _Progress:
    """Images per second so far; only for the eye, the record is computed from the files."""

    plan: Plan
    reporter: Reporter
    images: int = 0
    seconds: float = 0.0

    def show(self, sample: IterationSample) -> None:
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


def _keep(plan: Plan, ready: Prepared, folder: RunDir) -> None:
    """Copy the small files that the recipe asks to keep out of the training's output."""
    output = ready.folder / "output"
    for pattern in plan.log.keep:
        for path in output.glob(pattern):
            if path.is_file() and path.resolve().is_relative_to(output.resolve()):
                target = folder.kept / path.relative_to(output)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)


def _blank(plan: Plan, file: RecipeFile, folder: RunDir) -> Record:
    return {
        "format": plan.format,
        "id": f"{plan.suite}/{plan.implementation}/{folder.path.name}",
        "mrbench": __version__,
        "started": _now(),
        "suite": dataclasses.asdict(file.suite),
        "plan": dataclasses.asdict(plan),
        "plan_digest": plan.digest,
        "status": "failed",
        "reason": "",
        "measurement": None,
    }


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def summary(record: Record) -> str:
    """Return one line on how a run ended."""
    name = record["plan"]["implementation"]
    if record["status"] != "ok":
        return f"{name}: {record['status']}: {record['reason']} ({record['id']})"
    m, validity = record["measurement"], record["validity"]
    sure = m["interval"]
    rate = str(Interval(**sure)) if sure else f"{m['images_per_second']:.2f}"
    text = f"{name}: {rate} img/s in iterations {m['first']}-{m['last']}, {validity['verdict']}"
    if validity["why"]:
        text += f": {validity['why']}"
    for note in validity["notes"]:
        text += f"\n  {note}"
    return f"{text} ({record['id']})"


def exit_code(records: Iterable[Record]) -> int:
    """Return the largest of the runs' exit codes."""
    return max((int(r.get("exit_code", 0)) for r in records), default=0)
