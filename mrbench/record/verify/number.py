"""The number and its validity, computed again from plan.json, train.log and train.stamps."""

import math
import re
from collections.abc import Callable, Iterator

import msgspec
from msgspec.structs import replace

from mrbench import __version__
from mrbench.errors import MrbenchError, NewerFormatError, RecipeError
from mrbench.measure.log.stated import check_patterns
from mrbench.measure.metrics import check_metrics
from mrbench.model.finding import Finding
from mrbench.model.mfu import Mfu, percent
from mrbench.model.plan import Plan
from mrbench.model.record import FORMAT, RunRecord
from mrbench.model.run import Exit
from mrbench.model.telemetry import TelemetrySummary
from mrbench.model.work import rate_name
from mrbench.record import judge
from mrbench.record.formats import DAMAGED, plan_of
from mrbench.record.rundir import read_bytes
from mrbench.record.verify.base import Evidence, differs
from mrbench.text import ABSENT, differences, equal, leaves

FIRST = ("throughput", "status", "verdict")  # what all the rest is for
WORDS = {"reason", "remedy", "warnings", "text", "why", "notes"}
NEWER_STATISTICS = ("max",)  # that no older record has of a value over the window
FORGED = "the files do not yield what the record says: log, stamps, plan or record were edited"


def check_number(evidence: Evidence) -> Iterator[Finding]:
    """Measure again and compare key by key."""
    yield from _status(evidence)
    record = evidence.record
    if record.measurement is None:
        text = f"the record has none: {record.status}: {record.reason or 'no reason'}"
        yield Finding("number", "note", text)
        return
    try:
        plan = plan_of(read_bytes(evidence.run.folder.plan), "plan.json")
        _check_states(plan)
    except NewerFormatError as exc:
        yield Finding("plan.json", "failed", exc.text, exc.remedy, key="plan")
        return
    except MrbenchError as exc:
        text = f"plan.json cannot be read by mrbench {__version__}: {evidence.relative(exc)}"
        meaning = f"it was edited, or is another version's: verify with {record.mrbench}"
        yield Finding("plan.json", "failed", text, meaning, key="plan")
        return
    try:
        actual = recompute(evidence, plan)
    except MrbenchError as exc:
        text = evidence.relative(exc)
        yield Finding("number", "failed", text, FORGED, key="measurement")
        return
    for part in PARTS:
        if getattr(record, part) is None:
            yield Finding(part, "note", "not recorded by that version")
        elif part == "telemetry" and (lost := _lost(record.telemetry, actual.telemetry)):
            yield Finding(part, "failed", f"cannot be summarized: {lost}", FORGED, key=part)
        else:
            yield from _compare(evidence, part, actual)
    yield from _mfu(record.mfu, actual.mfu)


def _mfu(recorded: Mfu | None, actual: Mfu | None) -> Iterator[Finding]:
    """Compare the MFU by the peak that the record has; the table of peaks may have changed."""
    if recorded is None or actual is None:
        if actual is not None:
            yield Finding("mfu", "note", "not recorded by that version")
        elif recorded is not None:
            yield differs("mfu", "mfu", recorded.value or recorded.reason, "none", FORGED)
        return
    tflops, peak = actual.tflops_per_device, recorded.peak
    if tflops is None or not equal(recorded.tflops_per_device, tflops):
        key = "mfu.tflops_per_device"
        yield differs("mfu", key, recorded.tflops_per_device, tflops, FORGED)
    elif peak is not None and not equal(recorded.value, tflops / peak.tflops):
        yield differs("mfu", "mfu.value", recorded.value, tflops / peak.tflops, FORGED)
    elif peak != actual.peak:
        text = f"mrbench {__version__} has another peak: MFU would be {_share(actual)}"
        yield Finding("mfu", "note", text)
    else:
        yield Finding("mfu", "ok", f"{_share(actual)}, as recorded")


def _share(found: Mfu) -> str:
    return f"none ({found.reason})" if found.value is None else percent(found.value)


def _check_states(plan: Plan) -> None:
    """Refuse patterns that no recipe can have had."""
    try:
        check_patterns(plan.log.states)
        check_metrics(plan.log)
    except RecipeError as exc:
        raise MrbenchError(exc.text, DAMAGED, file="plan.json", key=exc.key) from exc


def recompute(evidence: Evidence, plan: Plan) -> RunRecord:
    """Return the record with what follows from the run's files; MrbenchError if nothing does."""
    record = evidence.record
    end = record.exit or Exit(reason="exited", code=None, seconds=0)
    return judge.derive(replace(record, plan=plan), evidence.run.folder, end)


def _status(evidence: Evidence) -> Iterator[Finding]:
    """Compare what the record says twice."""
    record, measured = evidence.record, evidence.record.measurement
    if measured is None:
        return
    for key, value in {"status": measured.status, "reason": measured.explanation}.items():
        recorded = getattr(record, key)
        if value != recorded:
            meaning = "the record contradicts itself: it was edited"
            yield differs("record.json", key, recorded, f"measurement.{key} {value!r}", meaning)


def _lost(recorded: TelemetrySummary | None, actual: TelemetrySummary | None) -> str:
    """Say why there is no telemetry any more, or nothing; a summary without a host has none."""
    had = recorded is not None and recorded.host is not None
    return "; ".join(actual.problems) if had and actual and actual.host is None else ""


def _compare(evidence: Evidence, part: str, actual: RunRecord) -> Iterator[Finding]:
    """Compare a part of the record with what the files yield, key by key."""
    topic = "number" if part == "measurement" else part
    made_by = evidence.record.mrbench
    other_rules = f", or mrbench {made_by} counts otherwise: verify with it, too"
    meaning = FORGED if made_by == __version__ else f"{FORGED}{other_rules}"
    recorded = _recorded(evidence, part)
    computed: dict[str, object] = msgspec.to_builtins(getattr(actual, part))
    missing, unknown = [], []
    if part == "measurement":  # its keys are more from version to version
        missing = [key for key in computed if key not in recorded]
        unknown = [key for key in recorded if key not in computed]
    ours = {key: value for key, value in computed.items() if key not in missing}
    if part == "telemetry":
        missing += _without_newer(ours, recorded)
    missing = [key for key in missing if key != "remedy"]  # was a part of `reason` up to format 3
    theirs = {key: value for key, value in recorded.items() if key not in unknown}
    unlike = [
        (key, one, other)
        for key, one, other in differences(theirs, ours)
        if not _both_unknown(one, other)
        if not (_worded(key) and _same_text(one, other, evidence))
    ]
    reworded = [] if _same_words(evidence) else [key for key, *_ in unlike if _worded(key)]
    wrong = [entry for entry in unlike if entry[0] not in reworded]
    wrong.sort(key=lambda entry: entry[0] not in FIRST)
    for key, one, other in wrong:
        yield differs(topic, f"{part}.{key}", one, other, meaning)
    for names, text in (
        (reworded, f"mrbench {made_by} said in other words"),
        (missing, "not recorded by that version"),
        (unknown, f"not known to mrbench {__version__}, not compared"),
    ):
        if names:
            yield Finding(topic, "note", f"{text}: {', '.join(names)}")
    if not wrong:
        yield Finding(topic, "ok", PARTS[part](actual, len(list(leaves(ours)))))


def _without_newer(computed: object, recorded: object) -> list[str]:
    """Take out what older statistics lack, in place; return its name where there was any."""
    lacking: list[str] = []
    pairs: list[tuple[object, object]] = []
    if isinstance(computed, dict) and isinstance(recorded, dict):
        for name in NEWER_STATISTICS:
            if name in computed and name not in recorded:
                del computed[name]
                lacking.append(name)
        pairs = [(computed[key], recorded[key]) for key in computed if key in recorded]
    elif isinstance(computed, list | tuple) and isinstance(recorded, list | tuple):
        pairs = list(zip(computed, recorded, strict=False))
    for one, other in pairs:
        lacking += _without_newer(one, other)
    return list(dict.fromkeys(lacking))


def _recorded(evidence: Evidence, part: str) -> dict[str, object]:
    """Return a part as the file has it; the verdicts, which had other words once, as of today."""
    if part == "validity":
        verdict: dict[str, object] = msgspec.to_builtins(evidence.record.validity)
        return verdict
    return dict(evidence.renamed[part])


def _both_unknown(one: object, other: object) -> bool:
    """Tell whether one side has null and the other lacks the key: newer versions have more keys."""
    return (one is None and other == ABSENT) or (one == ABSENT and other is None)


def _same_words(evidence: Evidence) -> bool:
    """Tell whether this very mrbench measured; others word things differently."""
    record = evidence.record
    digest = record.packed.record.digest if record.packed else record.digest
    same = (evidence.content["format"], record.mrbench) == (FORMAT, __version__)
    return same and digest is not None


def _worded(key: str) -> bool:
    return bool(set(re.split(r"[.\[]", key)) & WORDS)


def _number(actual: RunRecord, values: int) -> str:
    measured, rate = actual.measurement, actual.throughput
    if measured is None or rate is None or not math.isfinite(rate):
        return f"none, computed again: {actual.status}; all {values} values as recorded"
    where = f"in iterations {measured.first}-{measured.last}"
    text = f"{rate:.6f} {rate_name(measured.unit)} {where}"
    return f"{text}, computed again; all {values} values as recorded"


def _stated(actual: RunRecord, _values: int) -> str:
    facts = ", ".join(f"{name} {fact.value}" for name, fact in (actual.stated or {}).items())
    return f"the log states {facts or 'nothing about its workload'}"


def _telemetry(actual: RunRecord, _values: int) -> str:
    samples = actual.telemetry.samples if actual.telemetry else 0
    return f"{samples} samples in the window, as recorded"


def _validity(actual: RunRecord, _values: int) -> str:
    return (
        f"{actual.validity.verdict if actual.validity else ''}, by the suite's rules at that time"
    )


# What is computed again: its text, if all of so many values are as recorded.
PARTS: dict[str, Callable[[RunRecord, int], str]] = {
    "measurement": _number,
    "stated": _stated,
    "telemetry": _telemetry,
    "validity": _validity,
}


def _same_text(one: object, other: object, evidence: Evidence) -> bool:
    """Compare texts that may name the log, which had another path when it was measured."""
    if not (isinstance(one, str) and isinstance(other, str)) or ABSENT in (one, other):
        return False
    log = evidence.run.folder.log
    before, named, after = other.partition(str(log))
    inner = len(one) - len(before) - len(after)
    return (
        bool(named)
        and inner > 0
        and one.startswith(before)
        and one.endswith(after)
        and (one[len(before) : len(before) + inner].endswith(log.name))
    )
