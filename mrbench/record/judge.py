"""The verdict on a run: the log's measurement, read together with how the training ended."""

import functools

from msgspec.structs import replace

from mrbench import files
from mrbench.errors import LaunchError, MeasureError
from mrbench.launch.telemetry.summary import summarize
from mrbench.measure.clocks import with_evidence
from mrbench.measure.log.blocks import read_blocks, read_range, read_stamps
from mrbench.measure.log.stated import read_stated
from mrbench.measure.parsers import parse_samples, until_past
from mrbench.measure.spans import Marks
from mrbench.measure.window import measure
from mrbench.model.container import DockerContainer
from mrbench.model.plan import Plan
from mrbench.model.record import RunRecord, StatedFact
from mrbench.model.run import Exit, Measurement, Status
from mrbench.record.rundir import RunDir
from mrbench.record.validity import judge_record


def conclude(record: RunRecord, folder: RunDir, end: Exit) -> RunRecord:
    """Return a record with what follows from the run's files: measurement, statements, validity.

    MrbenchError where a file of the run cannot be read.
    """
    measurement = judge(folder, record.plan, end)
    measured = replace(
        record,
        exit=end,
        measurement=measurement,
        telemetry=summarize(folder.telemetry, record.plan, measurement),
        stated=stated(folder, record.plan),
        status=measurement.status,
        reason=measurement.explanation,
        container=_container(folder, record.plan) or record.container,
    )
    validity = judge_record(measured, record.suite.rules)
    code = exit_code_of(measurement.status)
    if measurement.status == "ok" and validity.verdict == "invalid":
        code = MeasureError.exit_code
    return replace(measured, validity=validity, exit_code=code)


def _container(folder: RunDir, plan: Plan) -> DockerContainer | None:
    if not folder.container.exists():
        return None
    raw = folder.container.read_bytes()
    container = files.decode(raw, DockerContainer, str(folder.container))
    if plan.environment.kind == "venv" and not container.image.environment:
        text = "the packages are the image's own, not those of the recipe's lock"
        return replace(container, warnings=(*container.warnings, text))
    return container


def judge(folder: RunDir, plan: Plan, exit_: Exit) -> Measurement:
    """Measure a run from its files; how it ended explains why there is no number."""
    marks = Marks()
    blocks = read_blocks(folder.log)
    samples = parse_samples(blocks, plan.log, plan.images_per_iteration, plan.window)
    measurement = measure(
        marks.watch(until_past(samples, plan.window)),
        plan.window,
        plan.images_per_iteration,
        stamps=read_stamps(folder.stamps),
        clock=plan.log.clock,
    )
    measurement = with_evidence(measurement, functools.partial(read_range, folder.log))
    if measurement.status == "ok":
        if exit_.reason == "exited" and exit_.code:
            text = f"the training ended with {_code(exit_.code)} after the window; read train.log"
            return replace(measurement, warnings=(*measurement.warnings, text))
        return measurement
    return _explain(folder, plan, exit_, measurement, marks)


def stated(folder: RunDir, plan: Plan) -> dict[str, StatedFact]:
    """Return what the log states of its workload, by the plan's patterns."""
    return read_stated(read_blocks(folder.log), plan.log.states)


def _explain(
    folder: RunDir, plan: Plan, exit_: Exit, measurement: Measurement, marks: Marks
) -> Measurement:
    from mrbench.measure.failure.verdict import explain, of_run, shortfall  # noqa: PLC0415 - few runs need it

    failure = of_run(folder.log, marks, exit_, measurement.status)
    if failure is None:
        return measurement
    end = {
        "timed_out": f"not done within {plan.wall_clock_limit_s:g} s",
        "stalled": f"nothing was printed for {plan.stall_limit_s:g} s",
        "interrupted": "interrupted before the window was complete",
    }.get(exit_.reason) or (_code(exit_.code) if exit_.code else shortfall(measurement))
    # who ran it has said more than that, if anything
    why = explain(failure, "" if exit_.message else end)
    return replace(
        measurement,
        status=failure.status,
        reason=why.text,
        remedy=f"{why.remedy}; see {folder.log}",
        failure=failure,
    )


def _code(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def exit_code_of(status: Status) -> int:
    """Return the exit code that goes with a status."""
    if status == "ok":
        return 0
    if status in ("failed", "out_of_memory", "stalled", "timed_out"):
        return LaunchError.exit_code
    return 130 if status == "interrupted" else MeasureError.exit_code
