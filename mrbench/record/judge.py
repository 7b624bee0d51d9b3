"""The verdict on a run: its measurement, how the training ended, and whether its number counts.

A rule is data in suite.yaml; what it looks at is a function in rules.py, by its name.
"""

import functools
from collections.abc import Sequence

from msgspec.structs import replace

from mrbench import files
from mrbench.errors import LaunchError, MeasureError
from mrbench.launch.telemetry.summary import summarize
from mrbench.measure.clocks import with_evidence
from mrbench.measure.log.blocks import (
    BLOCK_BYTES,
    read_blocks,
    read_launch,
    read_range,
    read_stamps,
)
from mrbench.measure.log.stated import read_stated
from mrbench.measure.metrics import with_metrics
from mrbench.measure.mfu.utilisation import mfu_of
from mrbench.measure.parsers import parse_samples, until_past
from mrbench.measure.parsers.rows import lacking
from mrbench.measure.spans import Marks
from mrbench.measure.totals import Totals
from mrbench.measure.window import measure
from mrbench.model.container import DockerContainer
from mrbench.model.measurement import Measurement
from mrbench.model.plan import Plan
from mrbench.model.record import RuleFinding, RunRecord, StatedFact, Validity, Verdict
from mrbench.model.run import Exit, Status
from mrbench.model.suite import Rule
from mrbench.record.rules import RULES
from mrbench.record.rundir import RunDir
from mrbench.text import printable


def conclude(record: RunRecord, folder: RunDir, end: Exit) -> RunRecord:
    """Return the record of a run that has ended; MrbenchError where a file of it cannot be read."""
    judged = derive(record, folder, end)
    code = exit_code_of(judged.status)
    if judged.status == "ok" and judged.validity and judged.validity.verdict == "invalid":
        code = MeasureError.exit_code
    container = _container(folder, record.plan) or record.container
    return replace(judged, exit=end, exit_code=code, container=container)


def derive(record: RunRecord, folder: RunDir, end: Exit) -> RunRecord:
    """Return a record with what its plan and the run's files yield: number, telemetry, validity.

    `mrbench verify` computes the same again. MrbenchError where a file cannot be read.
    """
    measurement = judge(folder, record.plan, end)
    measured = replace(
        record,
        measurement=measurement,
        telemetry=summarize(folder.telemetry, record.plan, measurement),
        stated=stated(folder, record.plan),
        status=measurement.status,
        reason=measurement.explanation,
    )
    measured = replace(measured, mfu=mfu_of(measured))
    rules = (*record.suite.rules, *(record.default_rules or ()))
    return replace(measured, validity=judge_record(measured, rules))


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
    totals = Totals(plan.log, plan.window)
    log, stamps = folder.measured(plan.log)
    blocks = totals.watch(read_blocks(log))
    samples = parse_samples(blocks, plan.log, plan.rated_work, plan.window, unit=plan.unit)
    measurement = measure(
        marks.watch(until_past(samples, plan.window)),
        plan.window,
        plan.work_per_iteration,
        stamps=read_stamps(stamps),
        launched_s=read_launch(folder.exit),
        log=plan.log,
        totals=totals,
        unit=plan.unit,
    )
    measurement = with_evidence(measurement, functools.partial(read_range, log))
    if measurement.status == "ok":
        again = functools.partial(read_blocks, log)
        measurement = with_metrics(measurement, plan.log, again)
        if exit_.reason == "exited" and exit_.code:
            text = f"the training ended with {_code(exit_.code)} after the window; read train.log"
            return replace(measurement, warnings=(*measurement.warnings, text))
        return measurement
    if log == folder.log:
        return _explain(folder, plan, exit_, measurement, marks)
    marks = Marks(latest=marks.latest)  # its offsets are none of the output's
    explained = _explain(folder, plan, exit_, measurement, marks)
    if marks.latest:
        return explained
    text = f"no row of log.file ({printable(plan.log.file or '')}) tells of an iteration"
    remedy = f"{explained.remedy}; or correct log.file, log.columns"
    lacks = lacking(read_range(log, 0, BLOCK_BYTES), plan.log)
    if lacks:
        text, remedy = f"{text}: {lacks.text}", lacks.remedy
    return replace(explained, reason=f"{explained.reason}; {text}", remedy=remedy)


def stated(folder: RunDir, plan: Plan) -> dict[str, StatedFact]:
    """Return what the log states of its workload, by the plan's patterns."""
    return read_stated(read_blocks(folder.log), plan.log.states, plan.log.means)


def _explain(
    folder: RunDir, plan: Plan, exit_: Exit, measurement: Measurement, marks: Marks
) -> Measurement:
    from mrbench.measure.failure.verdict import explain, failure_of_run, shortfall  # noqa: PLC0415 - few runs need it

    failure = failure_of_run(folder.log, marks, exit_, measurement.status)
    covered = marks.latest >= plan.window.last  # then it is not the training that was too short
    if failure is None or (failure.cause == "ended_early" and covered):
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


def judge_record(record: RunRecord, rules: Sequence[Rule]) -> Validity:
    """Hold a record with a number against the rules; one without is invalid by its status.

    Where several entries have one rule, as a note and as invalid, the worst finding counts. Without
    rules nothing can be broken: then only the measurement's doubts are notes.
    """
    if record.status != "ok" or record.measurement is None:
        return Validity(verdict="invalid", why=f"{record.status}: {record.reason}")
    worst: dict[str, RuleFinding] = {}
    for rule in rules:
        outcome, text = RULES[rule.rule](record, rule)
        finding = RuleFinding(
            rule=rule.rule, outcome=outcome, text=text, reason=rule.reason, otherwise=rule.otherwise
        )
        worst[rule.rule] = max(worst.get(rule.rule, finding), finding, key=_severity)
    findings = tuple(worst.values())
    broken = [finding for finding in findings if finding.outcome == "failed"]
    invalid = [finding for finding in broken if finding.otherwise == "invalid"]
    if invalid:
        why = "; ".join(finding.text for finding in invalid)
        return Validity(verdict="invalid", why=why, findings=findings)
    forced = [f"{text} (forced)" for text in record.forced or ()]
    doubts = [*forced, *record.measurement.warnings, *(finding.text for finding in broken)]
    doubts += record.not_kept or ()
    notes = tuple(dict.fromkeys(doubts))
    verdict: Verdict = "valid with notes" if notes else "valid"
    return Validity(verdict=verdict, notes=notes, findings=findings)


def _severity(finding: RuleFinding) -> int:
    return (finding.outcome == "failed") * (1 + (finding.otherwise == "invalid"))
