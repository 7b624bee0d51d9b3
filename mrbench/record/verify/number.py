"""The number and its validity, computed again from plan.json, train.log and train.stamps."""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from mrbench import __version__, jsonfile
from mrbench.errors import MrbenchError
from mrbench.launch.telemetry.summary import summarize
from mrbench.model.finding import Finding, Problem
from mrbench.model.plan import Plan
from mrbench.model.record import FORMAT, RunRecord
from mrbench.model.run import Exit
from mrbench.record import judge
from mrbench.record.archive import Opened
from mrbench.record.formats import lifted, plan_of
from mrbench.record.rundir import suite_of
from mrbench.record.validity import judge_record
from mrbench.record.verify.base import Record, differs
from mrbench.text import ABSENT, differences, flat

FIRST = ("images_per_second", "status", "verdict")  # what all the rest is for
WORDS = {"reason", "remedy", "warnings", "text", "why", "notes"}
FORGED = "the files do not yield what the record says: log, stamps, plan or record were edited"


def check_number(run: Opened, record: Record) -> Iterator[Finding]:
    """Measure again and compare key by key."""
    same_words = _same_words(record)
    record = lifted(dict(record))
    yield from _status(record)
    recorded = record.get("measurement")
    if recorded is None:
        text = f"the record has none: {record['status']}: {record.get('reason') or 'no reason'}"
        yield Finding("number", "note", text)
        return
    try:
        plan = read_plan(run)
    except (MrbenchError, OSError, ValueError) as exc:
        text = f"plan.json cannot be read by mrbench {__version__}: {_plain(exc, run)}"
        meaning = f"it was edited, or is another version's: verify with {record.get('mrbench')}"
        yield Finding("plan.json", "failed", text, meaning, key="plan")
        return
    try:
        found = recompute(run, plan, record)
        if record.get("validity") is not None:
            all_ = {**record, **found, "plan": msgspec.to_builtins(plan)}
            found["validity"] = msgspec.to_builtins(
                judge_record(
                    jsonfile.convert(lifted(all_), RunRecord, "record.json"), suite_of(record).rules
                )
            )
    except MrbenchError as exc:
        yield Finding("number", "failed", _plain(exc, run), FORGED, key="measurement")
        return
    for part in TOLD:
        if record.get(part) is not None:
            yield from _compare(run, record, part, found[part], same_words=same_words)
        else:
            yield Finding(part, "note", "not recorded by that version")


def read_plan(run: Opened) -> Plan:
    """Read the run's plan.json; MrbenchError if it does not fit."""
    return plan_of(run.folder.plan.read_bytes(), "plan.json")


def recompute(run: Opened, plan: Plan, record: Record) -> dict[str, Any]:
    """Return what the files yield, by record.json's keys; MrbenchError if they cannot be read."""
    end = record.get("exit") or {}
    known = {f.name: end[f.name] for f in msgspec.structs.fields(Exit) if f.name in end}
    exit_ = Exit(**{"reason": "exited", "code": None, "seconds": 0} | known)
    measured = judge.judge(run.folder, plan, exit_)
    return {
        "telemetry": msgspec.to_builtins(summarize(run.folder.telemetry, plan, measured)),
        "measurement": msgspec.to_builtins(measured),
        "stated": msgspec.to_builtins(judge.stated(run.folder, plan)),
        "status": measured.status,
        "reason": measured.explanation,
    }


def _status(record: Record) -> Iterator[Finding]:
    """Compare what the record says twice."""
    measured = record.get("measurement") or {}
    why = Problem(*(str(measured.get(key) or "") for key in ("reason", "remedy")))
    twice = {"status": measured.get("status"), "reason": str(why)} if measured else {}
    for key, value in twice.items():
        if value != record.get(key):
            meaning = "the record contradicts itself: it was edited"
            text = f"measurement.{key} {value!r}"
            yield differs("record.json", key, record.get(key), text, meaning)


def _compare(
    run: Opened, record: Record, part: str, found: dict[str, Any], *, same_words: bool
) -> Iterator[Finding]:
    """Compare a part of the record with what the files yield, key by key."""
    topic = "number" if part == "measurement" else part
    recorded: Mapping[str, Any] = record[part]
    missing, unknown = [], []
    if part == "measurement":  # its keys are more from version to version
        missing = [key for key in found if key not in recorded]
        unknown = [key for key in recorded if key not in found]
    both = {key: value for key, value in found.items() if key not in missing}
    theirs = {key: value for key, value in recorded.items() if key not in unknown}
    unlike = [
        (key, one, other)
        for key, one, other in differences(theirs, both)
        if not (_worded(key) and _same_text(one, other, run))
    ]
    reworded = [] if same_words else [key for key, *_ in unlike if _worded(key)]
    wrong = [entry for entry in unlike if entry[0] not in reworded]
    wrong.sort(key=lambda entry: entry[0] not in FIRST)
    for key, one, other in wrong:
        yield differs(topic, f"{part}.{key}", one, other, FORGED)
    for names, text in (
        (reworded, f"mrbench {record.get('mrbench')} said in other words"),
        (missing, "not recorded by that version"),
        (unknown, f"not known to mrbench {__version__}, not compared"),
    ):
        if names:
            yield Finding(topic, "note", f"{text}: {', '.join(names)}")
    if not wrong:
        yield TOLD[part](both)


def _same_words(record: Record) -> bool:
    """Tell whether this very mrbench measured; others word things differently."""
    origin = (record.get("packed") or {}).get("record") or record
    same = (record.get("format"), record.get("mrbench")) == (FORMAT, __version__)
    return same and origin.get("digest") is not None


def _worded(key: str) -> bool:
    return bool(set(re.split(r"[.\[]", key)) & WORDS)


def _number(both: Mapping[str, Any]) -> Finding:
    rate = both.get("images_per_second")
    count = len(list(flat(both)))
    if rate is None or not math.isfinite(rate):
        text = f"none, computed again: {both.get('status')}; all {count} values as recorded"
        return Finding("number", "ok", text)
    where = f"in iterations {both.get('first')}-{both.get('last')}"
    text = f"{rate:.6f} img/s {where}, computed again; all {count} values as recorded"
    return Finding("number", "ok", text)


def _stated(both: Mapping[str, Any]) -> Finding:
    said = ", ".join(f"{name} {fact['value']}" for name, fact in both.items())
    return Finding("stated", "ok", f"the log states {said or 'nothing of its workload'}")


def _validity(both: Mapping[str, Any]) -> Finding:
    return Finding("validity", "ok", f"{both['verdict']}, by the suite's rules of then")


def _telemetry(both: Mapping[str, Any]) -> Finding:
    return Finding("telemetry", "ok", f"{both['samples']} samples in the window, as recorded")


TOLD: Mapping[str, Callable[[Mapping[str, Any]], Finding]] = {
    "measurement": _number,
    "stated": _stated,
    "telemetry": _telemetry,
    "validity": _validity,
}


def _same_text(one: object, other: object, run: Opened) -> bool:
    """Compare texts that may name the log, which had another path when it was measured."""
    if not (isinstance(one, str) and isinstance(other, str)) or ABSENT in (one, other):
        return False
    before, named, after = other.partition(str(run.folder.log))
    inner = len(one) - len(before) - len(after)
    return (
        bool(named)
        and inner > 0
        and one.startswith(before)
        and one.endswith(after)
        and (one[len(before) : len(before) + inner].endswith(run.folder.log.name))
    )


def _plain(exc: Exception, run: Opened) -> str:
    return str(exc).replace(f"{run.folder.path}/", "")
