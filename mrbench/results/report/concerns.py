"""What a reader must know about runs: why they are not valid, their notes, and what to do."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from mrbench.results.report.gather import ReportRun
from mrbench.results.rows import notes_of, why_not

GENERAL = {
    "not valid": "run again once the cause is fixed; the number is recorded but not used",
    "telemetry": "the number does not depend on it; the figures say what is missing",
    "forced": "run on a machine that meets the recipe's conditions, without --force",
}


class Concern(NamedTuple):
    """One thing to know. kind: what it is about; text: as the record words it; runs: whose."""

    kind: str
    text: str
    remedy: str
    runs: Sequence[str]


def concerns(runs: Sequence[ReportRun]) -> list[Concern]:
    """Return all concerns of a suite's runs; equal ones once, those that forbid a number first."""
    names: dict[tuple[str, str, str], list[str]] = {}
    for run in runs:
        name = f"{run.plan.implementation}, {run.label}"
        for key in dict.fromkeys(_of(run)):
            names.setdefault(key, []).append(name)
    order = ("not valid", "failed", "rule", "note", "forced", "telemetry")
    unsorted = [Concern(*key, runs) for key, runs in names.items()]
    return sorted(unsorted, key=lambda concern: order.index(concern.kind))


def _of(run: ReportRun) -> Iterator[tuple[str, str, str]]:
    record = run.record
    failure = run.measured.failure if run.measured else None
    if not run.counts:
        remedy = failure.remedy if failure else run.measured.remedy if run.measured else ""
        remedy = remedy or GENERAL["not valid"]
        yield "not valid", why_not(record), remedy
    if failure and failure.line:
        yield "failed", f"log: {failure.line}", failure.remedy
    notes = notes_of(record) if run.counts else ()
    above = " ".join([*notes, why_not(record)])
    for finding in record.validity.findings if record.validity else ():
        if finding.outcome != "ok" and finding.text not in above:
            rule = finding.rule.replace("_", " ")
            yield "rule", f"{rule}, {finding.outcome}: {finding.text}", finding.reason
    for note in notes:
        yield "note", note, ""  # it says itself what to do, where anything can be done
    for text in record.forced or ():
        yield "forced", text, GENERAL["forced"]
    for text in record.telemetry.problems if record.telemetry else ():
        yield "telemetry", text, GENERAL["telemetry"]
