"""`mrbench verify`: whether a run's files, record and number hold together.

files.py: digests; story.py: plan, name and end; number.py: the number, computed again; source.py:
what this mrbench and this machine have of the source. base.py: findings.
"""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

from mrbench.console import TOPIC_WIDTH
from mrbench.errors import CheckFailed
from mrbench.record.archive import Opened
from mrbench.record.rundir import read_record
from mrbench.record.verify import files, number, shape, source, story
from mrbench.record.verify.base import Finding, Record, count

__all__ = ["as_json", "exit_code", "rows", "title", "verdict", "verify"]
FEW = 3
Groups = dict[str, list[Finding]]
CHECKS: dict[str, Callable[[Opened, Record], Iterator[Finding]]] = {
    "files": files.check,
    "plan and end": story.check,
    "number": number.check,
    "source": source.check,
}


def verify(run: Opened, leave_out: tuple[str, ...] = ()) -> tuple[Record, Groups]:
    """Check one run; return its record and what was found, by group."""
    record = read_record(run.folder.record)
    misshapen = list(shape.check(record))
    if misshapen:
        return record, {"record": misshapen}
    checks = {name: check for name, check in CHECKS.items() if name not in leave_out}
    return record, {name: list(check(run, record)) for name, check in checks.items()}


def exit_code(groups: Groups) -> int:
    """Return 7 if anything does not match, else 0."""
    return CheckFailed.exit_code if count(groups.values(), "differs") else 0


def title(run: Opened, record: Record) -> str:
    """Say what is looked at."""
    return f"{run.called}: {record.get('id')}, mrbench {record.get('mrbench')}"


def verdict(record: Record, groups: Groups) -> str:
    """Say in one line whether the run is what it claims to be."""
    differ, notes = count(groups.values(), "differs"), count(groups.values(), "note")
    told = f"{notes} note{'s' * (notes != 1)}" if notes else "no notes"
    if differ:
        where = (f.topic for found in groups.values() for f in found if f.level == "differs")
        return f"NOT as recorded: see {', '.join(dict.fromkeys(where))}; {told}."
    rate = (record.get("measurement") or {}).get("images_per_second")
    if rate is None:
        return f"As recorded: all that is here matches; the run has no number; {told}."
    return f"As recorded: all that is here matches, {rate:.3f} img/s computed again; {told}."


def rows(groups: Groups) -> list[tuple[str, str, str, str, str]]:
    """Return group, level, topic, text and meaning of each finding.

    One edit changes many values of a number: the first few stand for all. A meaning is told once.
    """
    found: list[tuple[str, str, str, str, str]] = []
    for name, findings in groups.items():
        told: set[str] = set()
        for (topic, level), alike in itertools.groupby(findings, key=lambda f: (f.topic, f.level)):
            members = list(alike)
            for f in members[:FEW]:
                found.append((name, f.level, *_fitting(f), "" if f.meaning in told else f.meaning))
                told.add(f.meaning)
            if members[FEW:]:
                rest = ", ".join(f.key or f.text for f in members[FEW:])
                found.append((name, level, topic[:TOPIC_WIDTH], f"also {rest}", ""))
    return found


def _fitting(finding: Finding) -> tuple[str, str]:
    """Return topic and text; a name too long for its column goes into the text."""
    if len(finding.topic) <= TOPIC_WIDTH:
        return finding.topic, finding.text
    return "file", f"{finding.topic}: {finding.text}"


def as_json(run: Opened, record: Record, groups: Groups) -> dict[str, Any]:
    """Return the same as plain values."""
    return {
        "run": run.called,
        "id": record.get("id"),
        "archive": run.is_archive,
        "matches": not exit_code(groups),
        "verdict": verdict(record, groups),
        "groups": {name: [f.as_json() for f in found] for name, found in groups.items()},
    }
