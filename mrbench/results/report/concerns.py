"""What a reader must know of runs: why they do not count, what was noted, and what to do."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from mrbench.results.report.gather import Chapter, Run
from mrbench.results.rows import notes_of, why_not

GENERAL = {
    "does not count": "run again once the reason is gone; the number is kept and left out",
    "telemetry": "the number stands without it; see the figures for what is missing",
    "forced": "run where the recipe's conditions hold, without --force",
}


class Concern(NamedTuple):
    """One thing to know. kind: what it is about; text: as the record words it; runs: whose."""

    kind: str
    text: str
    remedy: str
    runs: Sequence[str]


def concerns(chapter: Chapter) -> list[Concern]:
    """Return all concerns of a suite's runs; equal ones once, those that forbid a number first."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for run in chapter.runs:
        name = f"{run.plan['implementation']}, {run.label}"
        for key in dict.fromkeys(_of(run)):
            found.setdefault(key, []).append(name)
    order = ("does not count", "failed", "rule", "note", "forced", "telemetry")
    made = [Concern(*key, runs) for key, runs in found.items()]
    return sorted(made, key=lambda concern: order.index(concern.kind))


def _of(run: Run) -> Iterator[tuple[str, str, str]]:
    validity = run.record.get("validity") or {}
    failure = run.measured.get("failure") or {}
    if not run.counts:
        remedy = str(failure.get("remedy") or "") or _remedy(why_not(run.record))
        yield "does not count", why_not(run.record), remedy or GENERAL["does not count"]
    if failure.get("line"):
        yield "failed", f"the log says: {failure['line']}", str(failure.get("remedy") or "")
    notes = [str(note) for note in notes_of(run.record)] if run.counts else []
    said = " ".join([*notes, why_not(run.record)])
    for finding in validity.get("findings") or ():
        text = str(finding.get("text"))
        if finding.get("outcome") in ("broken", "unknown") and text not in said:
            rule = str(finding.get("rule")).replace("_", " ")
            yield "rule", f"{rule}, {finding['outcome']}: {text}", str(finding.get("reason") or "")
    for note in notes:
        yield "note", note, _remedy(note)
    for text in run.record.get("forced") or ():
        yield "forced", str(text), GENERAL["forced"]
    for text in (run.record.get("telemetry") or {}).get("problems") or ():
        yield "telemetry", str(text), GENERAL["telemetry"]


def _remedy(text: str) -> str:
    """Return what a message of mrbench's ends in: what to do."""
    return text.rpartition("; ")[2] if "; " in text else ""
