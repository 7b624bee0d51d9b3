"""The number, computed again from plan.json, train.log and train.stamps."""

import dataclasses
import math
from collections.abc import Iterator, Mapping
from typing import Any

from mrbench import __version__, yamlfile
from mrbench.archive import Opened
from mrbench.errors import MrbenchError
from mrbench.judge import judge
from mrbench.leaves import ABSENT, differences, flat
from mrbench.outcome import Exit, Measurement
from mrbench.plan import Plan
from mrbench.verify.base import Finding, Record, differs

WORDS = ("reason", "warnings")
FORGED = "the files do not yield what the record says: log, stamps, plan or record were edited"


def check(run: Opened, record: Record) -> Iterator[Finding]:
    """Measure again and compare key by key."""
    yield from _status(record)
    recorded = record.get("measurement")
    if recorded is None:
        text = f"the record has none: {record['status']}: {record.get('reason') or 'no reason'}"
        yield Finding("number", "note", text)
        return
    try:
        plan, _ = yamlfile.load(Plan, run.folder.plan)
    except MrbenchError as exc:
        text = f"plan.json cannot be read by mrbench {__version__}: {_plain(exc, run)}"
        meaning = f"it was edited, or is another version's: verify with {record.get('mrbench')}"
        yield Finding("plan.json", "differs", text, meaning, "plan")
        return
    try:
        found = recompute(run, plan, record)
    except MrbenchError as exc:
        yield Finding("number", "differs", _plain(exc, run), FORGED, "measurement")
        return
    yield from _compare(run, record, recorded, dataclasses.asdict(found))
    # What else is computed from the files is computed again and compared here, with _compare's
    # rules: the verdict on validity, once the record has one.


def recompute(run: Opened, plan: Plan, record: Record) -> Measurement:
    """Return the measurement that the files yield; MrbenchError if they cannot be read."""
    end = record.get("exit") or {}
    known = {f.name: end[f.name] for f in dataclasses.fields(Exit) if f.name in end}
    return judge(run.folder, plan, Exit(**{"reason": "exited", "code": None, "seconds": 0} | known))


def _status(record: Record) -> Iterator[Finding]:
    """Compare what the record says twice."""
    measured = record.get("measurement") or {}
    for key in ("status", "reason"):
        if key in measured and measured[key] != record.get(key):
            meaning = "the record contradicts itself: it was edited"
            yield differs(
                "record.json", key, record.get(key), f"measurement.{key} {measured[key]!r}", meaning
            )


def _compare(
    run: Opened, record: Record, recorded: Mapping[str, Any], found: dict[str, Any]
) -> Iterator[Finding]:
    missing = [key for key in found if key not in recorded]
    unknown = [key for key in recorded if key not in found]
    both = {key: found[key] for key in recorded if key in found}
    origin = (record.get("packed") or {}).get("record") or record
    same_words = record.get("mrbench") == __version__ and origin.get("digest") is not None
    reworded, bad = [], False
    for key, one, other in differences({k: recorded[k] for k in both}, both):
        name = key.partition("[")[0].partition(".")[0]
        if name in WORDS and _same_text(one, other, run):
            continue
        if name in WORDS and not same_words:
            reworded.append(name)
            continue
        bad = True
        yield differs("number", f"measurement.{key}", one, other, FORGED)
    if reworded:
        names = ", ".join(dict.fromkeys(reworded))
        text = f"{names}: mrbench {record.get('mrbench')} said it in other words"
        yield Finding("number", "note", text)
    if missing:
        yield Finding("number", "note", f"not recorded by that version: {', '.join(missing)}")
    if unknown:
        text = f"not known to mrbench {__version__}, not compared: {', '.join(unknown)}"
        yield Finding("number", "note", text)
    if not bad:
        yield Finding("number", "good", _told(both))


def _told(both: Mapping[str, Any]) -> str:
    rate = both.get("images_per_second")
    count = len(list(flat(both)))
    if rate is None or not math.isfinite(rate):
        return f"none, computed again: {both.get('status')}; all {count} values as recorded"
    return (
        f"{rate:.6f} img/s in iterations {both.get('first')}-{both.get('last')}, computed again;"
        f" all {count} values as recorded"
    )


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


def _plain(exc: MrbenchError, run: Opened) -> str:
    return str(exc).replace(f"{run.folder.path}/", "")
