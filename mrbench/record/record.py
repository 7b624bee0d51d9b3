"""A run's record: how it begins, what the verdict adds in the end, and its one line of summary."""

import hashlib
import json
import time
from collections.abc import Iterator, Sequence

import msgspec
from msgspec import structs

from mrbench import __version__, jsonfile
from mrbench.errors import MeasureError
from mrbench.launch.telemetry.summary import summarize
from mrbench.model.plan import Plan
from mrbench.model.record import FORMAT, DockerContainer, RunRecord, Series
from mrbench.model.reporter import RunStart
from mrbench.model.run import Exit
from mrbench.recipe.load import RecipeFile
from mrbench.record import judge
from mrbench.record.rundir import RunDir
from mrbench.record.validity import judge_record


def blank(
    plan: Plan, file: RecipeFile, folder: RunDir, series: Series, forced: tuple[str, ...]
) -> RunRecord:
    """Return the record of a run that has not begun: failed, until more is known."""
    return RunRecord(
        format=FORMAT,
        id=f"{plan.suite}/{plan.implementation}/{folder.path.name}",
        mrbench=__version__,
        started=now(),
        suite=file.suite,
        plan=plan,
        plan_digest=plan.digest,
        family=family(file, plan),
        status="failed",
        series=series,
        forced=forced,
    )


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
) -> Iterator[tuple[Plan, RecipeFile, Series]]:
    """Yield each plan `repeat` times, A B C A B C, with the run's place among all."""
    runs = repeat * len(planned)
    for number in range(runs):
        turn, which = divmod(number, len(planned))
        yield (
            *planned[which],
            Series(run=number + 1, runs=runs, repeat=turn + 1, repeats=repeat),
        )


def run_start(record: RunRecord, folder: RunDir) -> RunStart:
    """Return what reporters are told of a run that begins."""
    plan, series = record.plan, record.series or Series(run=1, runs=1, repeat=1, repeats=1)
    return RunStart(
        id=record.id,
        suite=plan.suite,
        implementation=plan.implementation,
        accelerator=plan.accelerator,
        gpus=plan.gpus,
        number=series.run,
        runs=series.runs,
        repeat=series.repeat,
        repeats=series.repeats,
        folder=folder.path,
        telemetry=folder.telemetry,
    )


def now() -> str:
    """Return the UTC time, as records tell it, to the millisecond: it orders them."""
    ns = time.time_ns()
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ns // 10**9))
    return f"{whole}.{ns // 10**6 % 1000:03d}Z"


def conclude(record: RunRecord, folder: RunDir, end: Exit) -> RunRecord:
    """Return a record with what follows from the run's files: measurement, statements, validity.

    MrbenchError where a file of the run cannot be read.
    """
    measurement = judge.judge(folder, record.plan, end)
    measured = structs.replace(
        record,
        exit=end,
        measurement=measurement,
        telemetry=summarize(folder.telemetry, record.plan, measurement),
        stated=judge.stated(folder, record.plan),
        status=measurement.status,
        reason=measurement.explanation,
        container=_container(folder, record.plan) or record.container,
    )
    validity = judge_record(measured, record.suite.rules)
    code = judge.exit_code_of(measurement.status)
    if measurement.status == "ok" and validity.verdict == "invalid":
        code = MeasureError.exit_code
    return structs.replace(measured, validity=validity, exit_code=code)


def _container(folder: RunDir, plan: Plan) -> DockerContainer | None:
    if not folder.container.exists():
        return None
    raw = folder.container.read_bytes()
    container = jsonfile.decode(raw, DockerContainer, str(folder.container))
    if plan.environment.kind == "venv" and not container.image.environment:
        text = "the packages are the image's own, not those of the recipe's lock"
        return structs.replace(container, warnings=(*container.warnings, text))
    return container


def summary(record: RunRecord) -> str:
    """Return one line on how a run ended."""
    name, measured, validity = record.plan.implementation, record.measurement, record.validity
    if record.status != "ok" or measured is None or validity is None:
        return f"{name}: {record.status}: {record.reason} ({record.id})"
    rate = str(measured.interval or f"{measured.images_per_second:.2f}")
    where = f"in iterations {measured.first}-{measured.last}"
    text = f"{name}: {rate} img/s {where}, {validity.verdict}"
    if validity.why:
        text += f": {validity.why}"
    warnings = record.container.warnings if record.container else ()
    for note in (*validity.notes, *warnings):
        text += f"\n  {note}"
    return f"{text} ({record.id})"
