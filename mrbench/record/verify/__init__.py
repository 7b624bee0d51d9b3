"""`mrbench verify`: whether a run's files, record and number hold together.

files.py: digests; story.py: plan, name and end; number.py: the number, computed again; source.py:
what this mrbench and this machine have of the source; ledger.py: its place among all runs of its
folder. base.py: what they share.
"""

import itertools
from collections.abc import Callable, Iterator

import msgspec
from msgspec.structs import replace

from mrbench.console.report import TOPIC_WIDTH
from mrbench.errors import CheckFailed, MrbenchError
from mrbench.files import loads
from mrbench.model.finding import Finding, by_subject, count
from mrbench.model.record import RunRecord
from mrbench.model.work import rate_name
from mrbench.record.archive import Opened
from mrbench.record.formats import record_of
from mrbench.record.rundir import read_bytes
from mrbench.record.verify.base import Evidence, unreadable
from mrbench.record.verify.files import check_files
from mrbench.record.verify.ledger import check_ledger
from mrbench.record.verify.number import check_number
from mrbench.record.verify.source import check_source
from mrbench.record.verify.story import check_story
from mrbench.text import counted, one_line

FEW = 3
CHECKS: dict[str, Callable[[Evidence], Iterator[Finding]]] = {
    "files": check_files,
    "plan and end": check_story,
    "number": check_number,
    "source": check_source,
    "ledger": check_ledger,
}


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """What came of checking one run. record: None if it cannot be decoded.

    The subjects of the findings are the names in CHECKS, or `record` alone.
    """

    run: Opened
    record: RunRecord | None
    findings: tuple[Finding, ...]

    @property
    def exit_code(self) -> int:
        """7 if anything does not match, else 0."""
        return CheckFailed.exit_code if count(self.findings, "failed") else 0

    @property
    def title(self) -> str:
        """What was looked at."""
        if self.record is None:
            return f"{self.run.called}: its record cannot be read"
        return one_line(f"{self.run.called}: {self.record.id}, mrbench {self.record.mrbench}")

    @property
    def verdict(self) -> str:
        """Whether the run is what it claims to be, in one line."""
        notes = count(self.findings, "note")
        noted = f"; {counted(notes, 'note')}" if notes else ""
        topics = dict.fromkeys(f.topic for f in self.findings if f.outcome == "failed")
        if topics or self.record is None:
            return one_line(f"NOT as recorded: see {', '.join(topics)}{noted}.")
        rate = self.record.throughput
        if rate is None:
            return f"As recorded: everything here matches; the run has no number{noted}."
        unit = rate_name(self.record.plan.unit)
        return f"As recorded: everything here matches, {rate:.3f} {unit} computed again{noted}."

    def shown(self) -> Iterator[Finding]:
        """Yield the findings for reading.

        One edit changes many values of a number: the first few stand for all. A meaning is given
        once.
        """
        given: set[tuple[str, str]] = set()
        for _, alike in itertools.groupby(
            self.findings, key=lambda f: (f.subject, f.topic, f.outcome)
        ):
            members = list(alike)
            for f in members[:FEW]:
                again = (f.subject, f.remedy) in given
                given.add((f.subject, f.remedy))
                yield _fitting(replace(f, remedy="") if again else f)
            if members[FEW:]:
                rest = ", ".join(f.key or f.text for f in members[FEW:])
                first = members[FEW]
                topic = first.topic[:TOPIC_WIDTH]
                yield Finding(topic, first.outcome, f"also {rest}", subject=first.subject)

    def plain(self) -> dict[str, object]:
        """Return all of it as JSON holds it."""
        groups = by_subject(self.findings)
        if self.record is not None:
            groups = {name: [] for name in CHECKS} | groups
        return {
            "run": self.run.called,
            "id": self.record.id if self.record else None,
            "archive": self.run.is_archive,
            "matches": not self.exit_code,
            "verdict": self.verdict,
            "groups": {name: [f.plain() for f in members] for name, members in groups.items()},
        }


def verify(run: Opened, leave_out: tuple[str, ...] = (), *, deep: bool = False) -> Verification:
    """Check one run; leave_out: names of CHECKS. deep: read all files of its environment.

    Raises MrbenchError if there is no record.json, it is no JSON, or of a newer mrbench.
    """
    raw = read_bytes(run.folder.record)
    file = run.record_name
    try:
        record = record_of(raw, file)
    except MrbenchError as exc:
        if exc.key is None:  # not a value of it is wrong, but all of it is something else
            raise
        finding = replace(unreadable("record.json", exc, ""), subject="record")
        return Verification(run=run, record=None, findings=(finding,))
    evidence = Evidence(run=run, record=record, content=loads(raw, file), deep=deep)
    findings = tuple(
        replace(finding, subject=name)
        for name, check in CHECKS.items()
        if name not in leave_out
        for finding in check(evidence)
    )
    return Verification(run=run, record=record, findings=findings)


def _fitting(finding: Finding) -> Finding:
    """Put a name too long for its column into the text."""
    if len(finding.topic) <= TOPIC_WIDTH:
        return finding
    return replace(finding, topic="file", text=f"{finding.topic}: {finding.text}")
