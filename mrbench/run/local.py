"""Run plans one after the other: prepare, launch, follow, measure, record."""

import dataclasses
import functools
import os
from collections.abc import Iterable, Sequence
from typing import Any

from mrbench import locks
from mrbench.console import Reporter
from mrbench.doctor import cooldown, preflight
from mrbench.errors import MrbenchError
from mrbench.launch.executors import Executor
from mrbench.model.places import Places
from mrbench.model.plan import Plan
from mrbench.prepare import job, scratch
from mrbench.recipe.load import RecipeFile
from mrbench.recipe.plan import run_folder_name
from mrbench.record import rundir
from mrbench.record.record import blank, conclude, in_turns, now, run_start, summary
from mrbench.record.rundir import RunDir
from mrbench.run.training import keep, launch

Record = dict[str, Any]


def run_all(
    planned: Sequence[tuple[Plan, RecipeFile]],
    places: Places,
    repeat: int,
    reporter: Reporter,
    executor: Executor,
    *,
    cool_down: cooldown.CoolDown | None = None,
    force: bool = False,
) -> list[Record]:
    """Run every plan `repeat` times, interleaved (A B C A B C): slow drift spreads evenly.

    force: go on where that may be forced; the record then tells what.
    """
    forced = preflight.check((plan for plan, _ in planned), places, executor, force=force)
    for finding in forced:
        text = f"{', '.join(finding.implementations)}: {finding.text}; forced"
        reporter.note(text, problem=True)
    return [
        run_one(
            plan,
            file,
            places,
            reporter,
            executor,
            cool_down,
            {
                "series": series,
                "forced": [f.text for f in forced if plan.implementation in f.implementations],
            },
        )
        for plan, file, series in in_turns(planned, repeat)
    ]


def run_one(  # noqa: PLR0917 - the pipeline's parts, each used once
    plan: Plan,
    file: RecipeFile,
    places: Places,
    reporter: Reporter,
    executor: Executor,
    cool_down: cooldown.CoolDown | None,
    known: Record,
) -> Record:
    """Run one plan; a record is written whatever happens.

    known: what the record tells of how it came to this run: `series`, `forced`.
    """
    folder = rundir.create(places.runs.resolve(), run_folder_name(plan, rundir.stamp()))
    rundir.write(folder.plan, plan.canonical())
    record = blank(plan, file, folder) | known
    reporter.run_started(run_start(record, folder))
    try:
        _train(plan, file, places, folder, reporter, record, executor, cool_down)
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
        record["files"] = rundir.describe_files(folder)
        rundir.write_record(folder, record)
        reporter.run_ended(record, summary(record))
    return record


def _train(  # noqa: PLR0917 - the pipeline's parts, each used once
    plan: Plan,
    file: RecipeFile,
    places: Places,
    folder: RunDir,
    reporter: Reporter,
    record: Record,
    executor: Executor,
    cool_down: cooldown.CoolDown | None,
) -> None:
    stage = functools.partial(reporter.stage, plan.implementation)
    own = scratch.folder(plan.suite, plan.implementation, folder.path.name)
    with locks.machine_wide(_lock_names(plan), stage) as held, scratch.own(own):
        ready = job.prepare(plan, file, places, own, stage, executor.surroundings)
        record["workspace"] = dataclasses.asdict(ready.workspace)
        record["environment"] = dataclasses.asdict(ready.environment)
        record["weights"] = [dataclasses.asdict(used) for used in ready.weights]
        if cool_down is not None:
            problem = functools.partial(reporter.note, problem=True)
            record["cooled_down"] = cooldown.wait(cool_down, plan, stage, problem)
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
