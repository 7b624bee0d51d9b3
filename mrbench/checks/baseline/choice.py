"""Which runs count: for each implementation the valid repeats of what was planned last.

Held against a baseline, runs of its own plan go first: what was tried meanwhile with another window
or batch does not stand in their way. An interrupted run alone is no plan.
"""

import math
from collections.abc import Collection, Iterable, Sequence

import msgspec
from msgspec.structs import replace

from mrbench.checks.baseline.likeness import Facts, differing, forbidding, kept_facts
from mrbench.measure.repeats import Sample, log_sample
from mrbench.model.baseline import BaselineEntry, Key, series_key
from mrbench.model.comparison import MUST, Difference
from mrbench.model.record import RunRecord
from mrbench.model.work import Unit
from mrbench.record.machine_rules import slowed_by
from mrbench.record.provenance import SLOWED
from mrbench.results.compare import no_number
from mrbench.results.rows import rounding
from mrbench.text import counted

MOST = 1e300  # work per second; the mean of more is no float


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A run that may count. edited: as rundir.load_checked says."""

    record: RunRecord
    edited: bool

    @property
    def unusable(self) -> str | None:
        """Why the run's number cannot be used, or None."""
        reason = no_number(self.record, edited=self.edited)
        if reason is None and (self.record.throughput or 0) >= MOST:
            return "its throughput is not a speed"
        return reason


class ValidRuns(msgspec.Struct, frozen=True, kw_only=True):
    """Valid runs of one plan on machines of one kind, oldest first; maybe none.

    facts: the newest's provenance, and what slowed any of them. left_out: why each other run of the
    plan does not count.
    """

    records: tuple[RunRecord, ...]
    facts: dict[str, str]
    commit: str
    left_out: tuple[str, ...]

    def without(self, ids: Collection[str]) -> "ValidRuns":
        """Return the runs that are not among these."""
        return replace(self, records=tuple(r for r in self.records if r.id not in ids))

    @property
    def rates(self) -> tuple[float, ...]:
        """Their throughput."""
        return tuple(record.throughput or math.nan for record in self.records)

    @property
    def unit(self) -> Unit:
        """What their throughput counts: a plan's runs all the same."""
        return self.records[-1].plan.unit if self.records else "images"

    @property
    def sample(self) -> Sample:
        """The runs as the test sees them."""
        return log_sample(self.rates)

    @property
    def rounding(self) -> float:
        """The largest relative error that the digits of their logs allow."""
        return max(map(rounding, self.records), default=0.0)

    @property
    def half_widths(self) -> tuple[float | None, ...]:
        """The half widths of their within-run intervals, as the throughput."""
        return tuple(_half_width(record) for record in self.records)


def latest(
    candidates: Iterable[Candidate], entries: Iterable[BaselineEntry] = ()
) -> dict[Key, ValidRuns]:
    """Group the runs of one suite; of each implementation what was planned last counts.

    Repeats are runs of one plan that may be compared with the newest valid one of them. entries:
    those of a baseline that the runs are held against.
    """
    series: dict[Key, list[Candidate]] = {}
    for candidate in sorted(candidates, key=lambda c: c.record.started):
        series.setdefault(series_key(candidate.record.plan), []).append(candidate)
    stored = {entry.key: entry for entry in entries}
    return {key: _newest(runs, stored.get(key)) for key, runs in sorted(series.items())}


def _newest(runs: Sequence[Candidate], entry: BaselineEntry | None) -> ValidRuns:
    plans = [run for run in runs if run.record.status != "interrupted"] or runs
    if entry is not None:
        plans = [run for run in plans if _is_new(run.record, entry)] or plans
    last = plans[-1].record
    planned = [run for run in runs if run.record.plan_digest == last.plan_digest]
    reasons = [run.unusable for run in planned]
    valid = [run.record for run, why in zip(planned, reasons, strict=True) if why is None]
    facts = kept_facts(valid[-1] if valid else last)
    for i, run in enumerate(planned):
        unlike = forbidding(facts, kept_facts(run.record)) if reasons[i] is None else []
        if unlike:
            reasons[i] = f"made elsewhere: {unlike[0]}"
    records = tuple(r.record for r, why in zip(planned, reasons, strict=True) if why is None)
    return ValidRuns(
        records=records,
        facts={**facts, **_slowed(records)},
        commit=last.plan.source.revision,
        left_out=(*(why for why in reasons if why is not None), *_later(runs, last)),
    )


def _is_new(record: RunRecord, entry: BaselineEntry) -> bool:
    """Tell whether a run is of the entry's plan, but for what a gate tests, and not in it."""
    known = record.id in entry.known_runs
    return not known and not _other_plan(entry.provenance, kept_facts(record))


def _other_plan(facts: Facts, others: Facts) -> list[Difference]:
    found = differing(facts, others)
    return [d for d in found if d.kind == MUST and d.key.startswith("plan.")]


def _later(runs: Sequence[Candidate], last: RunRecord) -> list[str]:
    """Say which runs were started later, and are of another plan."""
    later = [run.record for run in runs if run.record.started > last.started]
    others = [record for record in later if record.plan_digest != last.plan_digest]
    if not others:
        return []
    found = _other_plan(kept_facts(last), kept_facts(others[-1]))
    what = f"another plan ({found[0]})" if found else f"another plan: {others[-1].status}"
    return [f"{counted(len(others), 'later run')} of {what}"]


def _slowed(records: Sequence[RunRecord]) -> dict[str, str]:
    """Return what slowed runs by the key of provenance: the last one's, and how many there are."""
    found: dict[str, list[str]] = {}
    for record in records:
        for rule, text in slowed_by(record).items():
            found.setdefault(f"{SLOWED}.{rule}", []).append(text)
    of_all = f"of {counted(len(records), 'run')}"
    return {key: f"{len(texts)} {of_all}: {texts[-1]}" for key, texts in found.items()}


def _half_width(record: RunRecord) -> float | None:
    interval, rate = record.measurement and record.measurement.interval, record.throughput
    if not interval or not rate or max(interval.low, interval.high) >= MOST:
        return None
    return max(interval.high - rate, rate - interval.low, 0.0)
