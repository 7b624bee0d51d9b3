"""A run's record: how it begins, what the verdict adds in the end, and its one line of summary."""

import dataclasses
import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from mrbench import __version__
from mrbench.errors import MeasureError
from mrbench.model.plan import Plan
from mrbench.model.reporter import RunStart
from mrbench.model.run import Exit, Interval
from mrbench.model.suite import Suite
from mrbench.recipe.load import RecipeFile
from mrbench.record.rundir import RunDir

Record = dict[str, Any]


def blank(plan: Plan, file: RecipeFile, folder: RunDir) -> Record:
    """Return the record of a run that has not begun: failed, until more is known."""
    return {
        "format": plan.format,
        "id": f"{plan.suite}/{plan.implementation}/{folder.path.name}",
        "mrbench": __version__,
        "started": now(),
        "suite": msgspec.to_builtins(file.suite),
        "plan": json.loads(plan.canonical()),
        "plan_digest": plan.digest,
        "family": family(file, plan),
        "status": "failed",
        "reason": "",
        "measurement": None,
    }


def family(file: RecipeFile, plan: Plan) -> str:
    """Return a digest of all that makes a plan but the count of GPUs and what follows from it.

    Runs of one family on different counts are a scaling series.
    """
    recipe = msgspec.to_builtins(file.recipe) | {"notes": ""}
    parts = [
        recipe,
        plan.suite,
        plan.implementation,
        plan.accelerator,
        plan.patch_sha256,
        plan.lock_sha256,
        plan.source.commit,
        str(plan.window),
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def in_turns(
    planned: Sequence[tuple[Plan, RecipeFile]], repeat: int
) -> Iterator[tuple[Plan, RecipeFile, dict[str, int]]]:
    """Yield each plan `repeat` times, A B C A B C, with what its record's `series` says."""
    runs = repeat * len(planned)
    for number in range(runs):
        turn, which = divmod(number, len(planned))
        series = {"run": number + 1, "runs": runs, "repeat": turn + 1, "repeats": repeat}
        yield *planned[which], series


def run_start(record: Record, folder: RunDir) -> RunStart:
    """Return what reporters are told of a run that begins."""
    plan, series = record["plan"], record["series"]
    return RunStart(
        id=record["id"],
        suite=plan["suite"],
        implementation=plan["implementation"],
        accelerator=plan["accelerator"],
        gpus=plan["gpus"],
        number=series["run"],
        runs=series["runs"],
        repeat=series["repeat"],
        repeats=series["repeats"],
        folder=folder.path,
        telemetry=folder.telemetry,
    )


def now() -> str:
    """Return the UTC time, as records tell it, to the millisecond: it orders them."""
    ns = time.time_ns()
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ns // 10**9))
    return f"{whole}.{ns // 10**6 % 1000:03d}Z"


def conclude(record: Record, folder: RunDir, plan: Plan, suite: Suite, end: Exit) -> None:
    """Add what follows from the run's files: measurement, statements, validity."""
    from mrbench.launch.telemetry.summary import summarize  # noqa: PLC0415 - the same
    from mrbench.record import judge  # noqa: PLC0415 - loaded while the training starts
    from mrbench.record.validity import judge_record  # noqa: PLC0415 - the same

    record["exit"] = msgspec.to_builtins(end)
    measurement = judge.judge(folder, plan, end)
    record["measurement"] = msgspec.to_builtins(measurement)
    record["telemetry"] = msgspec.to_builtins(summarize(folder.telemetry, plan, measurement))
    record["stated"] = judge.stated(folder, plan)
    record |= {"status": measurement.status, "reason": measurement.reason}
    record["exit_code"] = judge.exit_code_of(measurement.status)
    validity = judge_record(record, suite.rules)
    record["validity"] = dataclasses.asdict(validity)
    if measurement.status == "ok" and validity.verdict == "invalid":
        record["exit_code"] = MeasureError.exit_code
    if folder.container.exists():
        record["container"] = _container(folder, plan)


def _container(folder: RunDir, plan: Plan) -> Record:
    told: Record = json.loads(folder.container.read_bytes())
    if plan.environment.kind == "venv" and not told["image"].get("environment"):
        told["warnings"].append("the packages are the image's own, not those of the recipe's lock")
    return told


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
    for note in (*validity["notes"], *record.get("container", {}).get("warnings", ())):
        text += f"\n  {note}"
    return f"{text} ({record['id']})"
