"""What a rule of a suite looks at: functions by their names, from a record to an answer."""

from collections.abc import Callable, Iterator, Mapping

from msgspec import UNSET

from mrbench.measure.window import began_late, missing_lines, several_processes
from mrbench.model.measurement import Measurement
from mrbench.model.mfu import percent
from mrbench.model.plan import Plan
from mrbench.model.record import RunRecord
from mrbench.model.suite import Rule
from mrbench.record import machine_rules
from mrbench.record.machine_rules import Answer

WHOLE = 1.0  # of the window's iterations
MOST_APART = 0.01  # two clocks, of their ratio
MOST_GROWTH = 10.0  # of the loss, from the window's first quarter to its last


# What was trained, as the log states it.


def work_per_iteration(record: RunRecord, _rule: Rule) -> Answer:
    """Compare all that the log states of an iteration's work."""
    answers = [
        _equal(what, stated, planned, where)
        for what, planned, (stated, where) in _batch_facts(record)
        if stated is not None
    ]
    unit = record.plan.unit
    unstated: Answer = ("not checked", f"the log does not state {unit} per GPU or iteration")
    return next((answer for answer in answers if answer[0] == "failed"), [*answers, unstated][0])


def batch_confirmed(record: RunRecord, _rule: Rule) -> Answer:
    """Ask whether the log states the batch at all."""
    for what, _, (stated, where) in _batch_facts(record):
        if stated is not None:
            return "ok", f"{what}: {stated} ({where})"
    work = f"{record.plan.work_per_iteration} {record.plan.unit}"
    return "failed", (
        f"{work} per iteration are the recipe's word: no line of the log confirms them (log.states)"
    )


def samples_of(plan: Plan) -> str:
    """Return what a data set of the plan's training is made of."""
    return {"tokens": "sequences", "steps": "samples"}.get(plan.unit, plan.unit)


def _batch_facts(record: RunRecord) -> Iterator[tuple[str, int | None, tuple[str | None, str]]]:
    """Yield what there is to state of an iteration's work, as planned, and as the log states it."""
    plan = record.plan
    samples = samples_of(plan)
    yield (
        f"{plan.unit} per iteration",
        plan.work_per_iteration,
        _stated(record, "work_per_iteration"),
    )
    stated = _stated(record, "samples_per_iteration")
    yield f"{samples} per iteration", plan.samples_per_iteration, stated
    a_step = plan.samples_per_iteration * (plan.accumulation if plan.iteration == "batch" else 1)
    yield f"{samples} per optimizer step", a_step, _stated(record, "samples_per_step")
    yield f"{samples} per GPU", plan.per_device, _stated(record, "per_device")
    yield "batches per step", plan.accumulation, _stated(record, "accumulation")
    yield "tokens per sequence", plan.sequence_length, _stated(record, "sequence_length")


def whole_batches(record: RunRecord, rule: Rule) -> Answer:
    """Ask which share of the counted images were none, as batches at epochs' ends are smaller.

    With the epoch's length in the log the share is exact; else two smaller batches an epoch and
    GPU (images are grouped by aspect) bound it, and no bound makes a run invalid.
    """
    plan, images = record.plan, record.data_images
    if not images:
        return "not checked", f"the {samples_of(plan)} of the data set were not counted"
    batch, most = plan.samples_per_iteration, 0.01 if rule.at_most is None else rule.at_most
    told, where = _stated(record, "iterations_per_epoch")
    lacking = 2 * max(batch - plan.gpus, 0)  # images of an epoch, at most
    if told is not None and told.isdecimal() and int(told):
        counted = int(told) * batch
        # more than batches can lack: epochs that go through the data several times
        passes = 1 if counted <= images + lacking else counted // images
        share = counted / (passes * images) - 1
        what = samples_of(plan)
        text = f"epochs of {told} iterations ({where}) count {counted} {what} of {images}"
        text += f" taken {passes} times" if passes > 1 else ""
        if share > most:
            return "failed", f"{text}: the number is {share:.1%} too high"
        return "ok", text
    first, last = plan.window.first, plan.window.last
    ends = (last + 2) * batch // images - first * batch // (images + lacking)
    counted = (last - first) * batch
    share = min(lacking * ends / max(counted - lacking * ends, 1), lacking / images)
    text = f"the window passes the ends of {ends} epochs of {images} {samples_of(plan)}"
    if share > most and rule.otherwise == "note":
        return "failed", (
            f"{text}: if batches are smaller there, the number is up to {share:.1%} too high"
            " (workload.whole_batches says that they are not)"
        )
    return "ok" if share <= most else "not checked", text


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
    text = f"{min(measured.iterations, planned)} of the window's {planned} iterations are timed"
    text = warning if warning in measured.warnings else text
    least = WHOLE if rule.at_least is None else rule.at_least
    return ("ok" if measured.iterations / planned >= least else "failed"), text


def loss(record: RunRecord, rule: Rule) -> Answer:
    """Ask whether the loss stays finite, which the measurement saw to, and does not run away."""
    first, last = _measured(record).loss_first, _measured(record).loss_last
    if first is None or last is None:
        return "not checked", "the window has fewer than four losses, one for each quarter"
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
    late = began_late(measured, record.plan.log.skipped)
    if late:
        return "failed", late
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


def mfu(record: RunRecord, rule: Rule) -> Answer:
    """Ask whether the operations that the recipe states can have been done in the time."""
    found = record.mfu
    if found is None or found.value is None or found.peak is None:
        return "not checked", found.reason if found else "the recipe states no flops_per_unit"
    most = 1.0 if rule.at_most is None else min(rule.at_most, 1.0)
    by = f"of {found.peak.tflops:g} TFLOP/s, the dense {found.arithmetic} peak of {found.gpu}"
    if found.value <= most:
        return "ok", f"MFU {percent(found.value)} {by}"
    if found.value <= 1:
        return "failed", f"MFU {percent(found.value)} {by}; {most:.1%} at most"
    causes = "; or ".join(found.causes) or "look at flops_per_unit, the unit and the log's rate"
    return "failed", f"MFU {percent(found.value)} is more than a GPU can do ({by}): {causes}"


def _measured(record: RunRecord) -> Measurement:
    if record.measurement is None:
        raise ValueError("rules are for runs with a number")
    return record.measurement


# The answer is the outcome and its text; `not checked` where the record does not tell.
RULES: Mapping[str, Callable[[RunRecord, Rule], Answer]] = {
    "work_per_iteration": work_per_iteration,
    "batch_confirmed": batch_confirmed,
    "whole_batches": whole_batches,
    "gpus": gpus,
    "precision": precision,
    "image_size": image_size,
    "window": window,
    "loss": loss,
    "single_process": single_process,
    "clocks": clocks,
    "alone": machine_rules.alone,
    "throttling": machine_rules.throttling,
    "foreign_load": machine_rules.foreign_load,
    "cpu_throttling": machine_rules.cpu_throttling,
    "memory_pressure": machine_rules.memory_pressure,
    "mfu": mfu,
}
