"""`mrbench verify`: whether a run's files, record and number hold together.

files.py: digests; story.py: plan, name and end; number.py: the number, computed again; source.py:
what this mrbench and this machine have of the source. base.py: what they share.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from msgspec.structs import replace

from mrbench.console import TOPIC_WIDTH
from mrbench.errors import CheckFailed
from mrbench.model.finding import Finding, by_subject, count
from mrbench.record.archive import Opened
from mrbench.record.rundir import read_record
from mrbench.record.verify import files, number, shape, source, story
from mrbench.record.verify.base import Record

__all__ = ["as_json", "exit_code", "shown", "title", "verdict", "verify"]
FEW = 3
CHECKS: dict[str, Callable[[Opened, Record], Iterator[Finding]]] = {
    "files": files.check_files,
    "plan and end": story.check_story,
    "number": number.check_number,
    "source": source.check_source,
}


def verify(run: Opened, leave_out: tuple[str, ...] = ()) -> tuple[Record, list[Finding]]:
    """Check one run; return its record and findings, whose subjects are the names in CHECKS."""
    record = read_record(run.folder.record)
    misshapen = list(shape.check(record))
    if misshapen:
        return record, [replace(finding, subject="record") for finding in misshapen]
    return record, [
        replace(finding, subject=name)
        for name, check in CHECKS.items()
        if name not in leave_out
        for finding in check(run, record)
    ]


def exit_code(findings: Sequence[Finding]) -> int:
    """Return 7 if anything does not match, else 0."""
    return CheckFailed.exit_code if count(findings, "failed") else 0


def title(run: Opened, record: Record) -> str:
    """Say what is looked at."""
    return f"{run.called}: {record.get('id')}, mrbench {record.get('mrbench')}"


def verdict(record: Record, findings: Sequence[Finding]) -> str:
    """Say in one line whether the run is what it claims to be."""
    notes = count(findings, "note")
    told = f"{notes} note{'s' * (notes != 1)}" if notes else "no notes"
    where = dict.fromkeys(f.topic for f in findings if f.outcome == "failed")
    if where:
        return f"NOT as recorded: see {', '.join(where)}; {told}."
    rate = (record.get("measurement") or {}).get("images_per_second")
    if rate is None:
        return f"As recorded: all that is here matches; the run has no number; {told}."
    return f"As recorded: all that is here matches, {rate:.3f} img/s computed again; {told}."


def shown(findings: Sequence[Finding]) -> Iterator[Finding]:
    """Yield the findings for reading.

    One edit changes many values of a number: the first few stand for all. A meaning is told once.
    """
    told: set[tuple[str, str]] = set()
    for _, alike in itertools.groupby(findings, key=lambda f: (f.subject, f.topic, f.outcome)):
        members = list(alike)
        for f in members[:FEW]:
            again = (f.subject, f.remedy) in told
            told.add((f.subject, f.remedy))
            yield _fitting(replace(f, remedy="") if again else f)
        if members[FEW:]:
            rest = ", ".join(f.key or f.text for f in members[FEW:])
            first = members[FEW]
            topic = first.topic[:TOPIC_WIDTH]
            yield Finding(topic, first.outcome, f"also {rest}", subject=first.subject)


def _fitting(finding: Finding) -> Finding:
    """Put a name too long for its column into the text."""
    if len(finding.topic) <= TOPIC_WIDTH:
        return finding
    return replace(finding, topic="file", text=f"{finding.topic}: {finding.text}")


def as_json(run: Opened, record: Record, findings: Sequence[Finding]) -> dict[str, Any]:
    """Return the same as plain values."""
    groups = by_subject(findings)
    if "record" not in groups:
        groups = {name: [] for name in CHECKS} | groups
    return {
        "run": run.called,
        "id": record.get("id"),
        "archive": run.is_archive,
        "matches": not exit_code(findings),
        "verdict": verdict(record, findings),
        "groups": {name: [f.plain() for f in members] for name, members in groups.items()},
    }
