"""Run plans one after the other: prepare, launch, follow, measure, record."""

import dataclasses
import functools
import os
from collections.abc import Iterable, Sequence
from typing import Any

from mrbench import locks, preflight, preparation, rundir, scratch
from mrbench.console import Reporter
from mrbench.errors import MrbenchError
from mrbench.executors import Executor
from mrbench.launch import keep, launch
from mrbench.places import Places
from mrbench.plan import Plan, run_folder_name
from mrbench.recipe import RecipeFile
from mrbench.record import blank, conclude, now, summary
from mrbench.rundir import RunDir

Record = dict[str, Any]


def run_all(
    planned: Sequence[tuple[Plan, RecipeFile]],
    places: Places,
    repeat: int,
    reporter: Reporter,
    executor: Executor,
) -> list[Record]:
    """Run every plan `repeat` times, interleaved (A B C A B C): slow drift spreads evenly."""
    preflight.check((plan for plan, _ in planned), places, executor)
    records = []
    for _ in range(repeat):
        for plan, file in planned:
            record = run_one(plan, file, places, reporter, executor)
            reporter.note(summary(record), problem=record["status"] != "ok")
            records.append(record)
    return records


def run_one(
    plan: Plan, file: RecipeFile, places: Places, reporter: Reporter, executor: Executor
) -> Record:
    """Run one plan; a record is written whatever happens."""
    folder = rundir.create(places.runs.resolve(), run_folder_name(plan, rundir.stamp()))
    rundir.write(folder.plan, plan.canonical())
    record = blank(plan, file, folder)
    try:
        _train(plan, file, places, folder, reporter, record, executor)
    except MrbenchError as exc:
        record |= {"status": "failed", "reason": str(exc), "exit_code": exc.exit_code}
    except KeyboardInterrupt:
        record |= {"status": "interrupted", "reason": "interrupted by the user", "exit_code": 130}
        raise
    except OSError as exc:  # the disk is full, or a folder vanished
        reason = f"{exc.filename or folder.path}: {exc.strerror}; make room there and run again"
        record |= {"status": "failed", "reason": reason, "exit_code": MrbenchError.exit_code}
    finally:
        record["ended"] = now()
        rundir.write_record(folder, record)
    return record


def _train(  # noqa: PLR0917 - the pipeline's parts, each used once
    plan: Plan,
    file: RecipeFile,
    places: Places,
    folder: RunDir,
    reporter: Reporter,
    record: Record,
    executor: Executor,
) -> None:
    stage = functools.partial(reporter.stage, plan.implementation)
    own = scratch.folder(plan.suite, plan.implementation, folder.path.name)
    with locks.hold(_lock_names(plan), stage) as held, scratch.own(own):
        ready = preparation.prepare(plan, file, places, own, stage, executor.surroundings)
        record["workspace"] = dataclasses.asdict(ready.workspace)
        record["environment"] = dataclasses.asdict(ready.environment)
        record["weights"] = [dataclasses.asdict(used) for used in ready.weights]
        stage("starting the training")
        end = launch(plan, ready, folder, held, reporter, record, executor)
        keep(plan, ready, folder)
    conclude(record, folder, plan, file.suite, end)


def _lock_names(plan: Plan) -> tuple[str, ...]:
    """Two runs on the same devices would slow one another; all runs on a CPU share it."""
    if plan.accelerator == "cpu":
        return ("cpu",)
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = visible.split(",") if visible else [str(i) for i in range(plan.gpus)]
    plain = ["".join(c for c in name if c.isalnum() or c == "-") for name in names]
    return tuple(f"gpu{name}" for name in plain[: plan.gpus])


def exit_code(records: Iterable[Record]) -> int:
    """Return the largest of the runs' exit codes."""
    return max((int(r.get("exit_code", 0)) for r in records), default=0)
