"""The verdict on a run: its measurement, how the training ended, and whether its number counts.

A rule is data in suite.yaml; what it looks at is a function here, by its name in RULES.
"""

import functools
from collections.abc import Mapping, Sequence
from typing import Protocol

from msgspec import UNSET
from msgspec.structs import replace

from mrbench import files
from mrbench.errors import LaunchError, MeasureError
from mrbench.launch.telemetry.summary import summarize
from mrbench.measure.clocks import with_evidence
from mrbench.measure.log.blocks import read_blocks, read_range, read_stamps
from mrbench.measure.log.stated import read_stated
from mrbench.measure.parsers import parse_samples, until_past
from mrbench.measure.spans import Marks
from mrbench.measure.window import measure, missing_lines, several_processes
from mrbench.model.container import DockerContainer
from mrbench.model.plan import Plan
from mrbench.model.record import RuleFinding, RuleOutcome, RunRecord, StatedFact, Validity, Verdict
from mrbench.model.run import Exit, Measurement, Status
from mrbench.model.suite import Rule
from mrbench.model.telemetry import TelemetrySummary
from mrbench.record.rundir import RunDir


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
    return replace(measured, validity=judge_record(measured, record.suite.rules))


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
    from mrbench.measure.failure.verdict import explain, failure_of_run, shortfall  # noqa: PLC0415 - few runs need it

    failure = failure_of_run(folder.log, marks, exit_, measurement.status)
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


POWER_CAP = "power cap"  # at full load every GPU runs into it; that is how it is built
WHOLE = 1.0  # of the window's iterations
MOST_APART = 0.01  # two clocks, of their ratio
MOST_GROWTH = 10.0  # of the loss, from the window's first quarter to its last
Answer = tuple[RuleOutcome, str]


class RuleCheck(Protocol):
    """A function from a record and its rule to the outcome and its text."""

    def __call__(self, record: RunRecord, rule: Rule, /) -> Answer:
        """Return the outcome in words; `not checked` where the record does not tell."""


def judge_record(record: RunRecord, rules: Sequence[Rule]) -> Validity:
    """Hold a record with a number against the rules; one without is invalid by its status.

    A suite without rules leaves nothing to be broken: then only the measurement's doubts are notes.
    """
    if record.status != "ok" or record.measurement is None:
        return Validity(verdict="invalid", why=f"{record.status}: {record.reason}")
    findings = tuple(_hold(record, rule) for rule in rules)
    broken = [finding for finding in findings if finding.outcome == "failed"]
    invalid = [finding for finding in broken if finding.otherwise == "invalid"]
    if invalid:
        why = "; ".join(finding.text for finding in invalid)
        return Validity(verdict="invalid", why=why, findings=findings)
    forced = [f"{text} (forced)" for text in record.forced or ()]
    doubts = [*forced, *record.measurement.warnings, *(finding.text for finding in broken)]
    notes = tuple(dict.fromkeys(doubts))
    verdict: Verdict = "valid with notes" if notes else "valid"
    return Validity(verdict=verdict, notes=notes, findings=findings)


def _hold(record: RunRecord, rule: Rule) -> RuleFinding:
    outcome, text = RULES[rule.rule](record, rule)
    return RuleFinding(
        rule=rule.rule, outcome=outcome, text=text, reason=rule.reason, otherwise=rule.otherwise
    )


# What was trained, as the log states it.


def images_per_iteration(record: RunRecord, _rule: Rule) -> Answer:
    """Compare images per iteration, or per GPU where the log states those."""
    stated, where = _stated(record, "images_per_iteration")
    if stated is not None:
        return _equal("images per iteration", stated, record.plan.images_per_iteration, where)
    stated, where = _stated(record, "images_per_gpu")
    return _equal("images per GPU", stated, record.plan.images_per_gpu, where)


def gpus(record: RunRecord, _rule: Rule) -> Answer:
    """Compare GPUs: those on which the training was seen, else what the log states."""
    plan = record.plan
    stated, where = _stated(record, "gpus")
    if plan.accelerator == "gpu":
        in_use = record.telemetry.gpus_in_use if record.telemetry else None
        if in_use is not None and in_use is not UNSET:
            if in_use != plan.gpus:
                text = f"GPUs: the training was seen on {in_use}, {plan.gpus} by the plan"
                return "failed", text
            if stated is None:
                return "ok", f"GPUs: the training was seen on {in_use}"
    what = "GPUs" if plan.accelerator == "gpu" else "devices"
    return _equal(what, stated, plan.gpus, where)


def precision(record: RunRecord, _rule: Rule) -> Answer:
    """Compare the precision of the arithmetic."""
    stated, where = _stated(record, "precision")
    return _equal("precision", stated, record.plan.precision, where)


def image_size(record: RunRecord, _rule: Rule) -> Answer:
    """Compare the images' sides."""
    stated, where = _stated(record, "image_size")
    return _equal("image size", stated, record.plan.image_size, where)


def _stated(record: RunRecord, name: str) -> tuple[str | None, str]:
    fact = (record.stated or {}).get(name)
    return (None, "") if fact is None else (fact.value, f"line {fact.line}")


def _equal(what: str, stated: str | None, planned: object, where: str) -> Answer:
    if stated is None or planned is None:
        who = "the log does not state" if stated is None else "the recipe does not say"
        return "not checked", f"{who} {what}"
    if stated == str(planned):
        return "ok", f"{what}: {stated} ({where})"
    return "failed", f"{what}: {stated} by the log ({where}), {planned} by the plan"


# How it was trained: the window, the loss, one process from the start, the clocks.


def window(record: RunRecord, rule: Rule) -> Answer:
    """Ask how much of the window is timed."""
    measured = _measured(record)
    planned = record.plan.window.last - record.plan.window.first
    covered = (measured.last or 0) - (measured.first or 1) + 1
    warning = missing_lines(measured.iterations, covered)  # in its words, so that it is told once
    text = f"{measured.iterations} of the window's {planned} iterations are timed"
    text = warning if warning in measured.warnings else text
    least = WHOLE if rule.at_least is None else rule.at_least
    return ("ok" if measured.iterations / planned >= least else "failed"), text


def loss(record: RunRecord, rule: Rule) -> Answer:
    """Ask whether the loss stays finite, which the measurement saw to, and does not run away."""
    first, last = _measured(record).loss_first, _measured(record).loss_last
    if first is None or last is None:
        return "not checked", "the log tells no losses"
    most = MOST_GROWTH if rule.at_most is None else rule.at_most
    text = f"the loss went from {first:.4g} to {last:.4g} in the window"
    return ("failed" if last > most * abs(first) else "ok"), text


def single_process(record: RunRecord, _rule: Rule) -> Answer:
    """Ask whether one process trained from iteration 1 on."""
    measured = _measured(record)
    if measured.processes > 1:
        return "failed", several_processes(measured.processes)
    if measured.began is None:
        return "not checked", "the first iteration was not recorded"
    # Some formats' first line covers nothing but the start of their clock: an interval's length.
    interval = measured.iterations / max(1, measured.intervals)
    if measured.began > interval:
        text = f"the log begins behind iteration {measured.began}: it was resumed, or is cut"
        return "failed", text
    return "ok", "one process, from the first iteration on"


def clocks(record: RunRecord, rule: Rule) -> Answer:
    """Ask whether a second clock agrees with the one that leads."""
    measured = _measured(record)
    if measured.agreement is None:
        return "not checked", "no second clock could check the first"
    most = MOST_APART if rule.at_most is None else rule.at_most
    other = {measured.clock, measured.second_clock or "arrival"} - {"log"}
    who = other.pop() if other else "log"
    text = f"the {who} clock tells {measured.agreement:.4f} times the log's"
    wrong = abs(measured.agreement - 1) > most + (measured.agreement_error or 0.0)
    if wrong and measured.disagreement:
        text = measured.disagreement.text
    return ("failed" if wrong else "ok"), text


def _measured(record: RunRecord) -> Measurement:
    if record.measurement is None:
        raise ValueError("rules are for runs with a number")
    return record.measurement


# The machine while it trained: nobody else on the GPUs, none of them throttled.


def alone(record: RunRecord, _rule: Rule) -> Answer:
    """Ask whether the training's GPUs served it alone, as seen before it and in the window."""
    if record.plan.accelerator != "gpu":
        return "ok", "no GPU is needed"
    telemetry, lack = _watched(record)
    if telemetry is None:
        return "not checked", lack
    foreign = telemetry.foreign
    if foreign is None or foreign is UNSET:
        return "not checked", "which processes were on the GPUs could not be told"
    if foreign:
        return "failed", f"other programs were on its GPUs: {'; '.join(foreign)}"
    return "ok", "no other program was seen on its GPUs"


def throttling(record: RunRecord, rule: Rule) -> Answer:
    """Ask for which share of the window heat, power brake or hardware slowed a GPU."""
    if record.plan.accelerator != "gpu":
        return "ok", "no GPU is needed"
    telemetry, lack = _watched(record)
    if telemetry is None:
        return "not checked", lack
    most = rule.at_most or 0.0
    slowed = [
        f"GPU {gpu.index} by {reason} for {share:.0%} of the window"
        for gpu in telemetry.gpus or ()
        for reason, share in (gpu.slowed_share or {}).items()
        if reason != POWER_CAP and share > most
    ]
    if slowed:
        return "failed", f"GPUs were slowed: {'; '.join(slowed)}"
    unknown = [str(gpu.index) for gpu in telemetry.gpus or () if gpu.slowed_share is None]
    if unknown:
        return "not checked", f"whether GPU {', '.join(unknown)} was slowed could not be told"
    return "ok", "no GPU was slowed in the window"


def _watched(record: RunRecord) -> tuple[TelemetrySummary | None, str]:
    telemetry = record.telemetry
    if telemetry and telemetry.gpus:
        return telemetry, ""
    why = "; ".join(telemetry.problems if telemetry else ()) or "there is no telemetry"
    return None, f"the GPUs could not be looked at while it trained ({why})"


RULES: Mapping[str, RuleCheck] = {
    "images_per_iteration": images_per_iteration,
    "gpus": gpus,
    "precision": precision,
    "image_size": image_size,
    "window": window,
    "loss": loss,
    "single_process": single_process,
    "clocks": clocks,
    "alone": alone,
    "throttling": throttling,
}
