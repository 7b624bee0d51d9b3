"""Runs of one plan in order of time: when their speed changed, and what differs between the sides.

Runs that `mrbench compare` would not compare are of two series. Commits, packages, settings and
machines of one kind may differ within a series: they are what may explain a change.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from mrbench.measure.changepoint import Step, find_steps
from mrbench.model.baseline import Key, series_key, series_name
from mrbench.model.comparison import EXPLAINS, Difference
from mrbench.model.record import RunRecord
from mrbench.model.work import Unit
from mrbench.record.provenance import Facts, differing, forbidding, terms
from mrbench.results.compare_words import concern
from mrbench.results.rows import counts, hardware, rounding

Part = Literal["code", "environment", "machine", "method"]
PARTS: Mapping[Part, tuple[str, ...]] = {  # what `mrbench compare` says a difference concerns
    "code": ("code",),
    "environment": ("packages", "environment", "variables"),
    "machine": ("machine", "load"),
    "method": ("plan", "measurement"),
}


class HistoryRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run that counts: its id, its UTC start, the commit that was trained, its throughput."""

    id: str
    started: str
    commit: str
    throughput: float


class Change(Step, frozen=True):
    """A change of speed. differences: what differs between runs `before` and `after`."""

    differences: Mapping[Part, tuple[Difference, ...]]


class History(msgspec.Struct, frozen=True, kw_only=True):
    """Runs that may be compared, oldest first, and the changes among them.

    left_out: runs without a number that counts, and those of A/B tests. noise: standard deviation
    from run to run, a share. detectable: slowdown of the newest three runs, a share, that would
    mostly be found. Null where runs since the last change are too few, or drift.
    """

    suite: str
    name: str
    hardware: str
    window: str
    unit: Unit
    runs: tuple[HistoryRun, ...]
    left_out: int
    changes: tuple[Change, ...]
    noise: float | None
    detectable: float | None


def histories(records: Iterable[RunRecord]) -> list[History]:
    """Return the history of each series, in order of names; without one where no run counts.

    Runs of A/B tests are left out: they go back to old commits in turns with new ones.
    """
    series: dict[tuple[str, Key], list[tuple[Facts, list[RunRecord]]]] = {}
    for record in sorted(records, key=lambda record: record.started):
        known = series.setdefault((record.plan.suite, series_key(record.plan)), [])
        own = terms(record)
        alike = (runs for facts, runs in known if facts == own or not forbidding(facts, own))
        if (runs := next(alike, None)) is None:
            known.append((own, runs := []))
        runs.append(record)
    keys = {key for _, key in series}
    return [
        _history(runs, series_name(key, keys))
        for (_, key), known in sorted(series.items())
        for _, runs in known
        if any(_counts(run) for run in runs)
    ]


def _history(records: Sequence[RunRecord], name: str) -> History:
    """Return the history of runs of one series, oldest first; at least one counts."""
    runs = [record for record in records if _counts(record)]
    rates = [run.throughput or 0.0 for run in runs]
    found = find_steps([math.log(rate) for rate in rates], max(map(rounding, runs)) / math.sqrt(3))
    plan = runs[-1].plan
    return History(
        suite=plan.suite,
        name=name,
        hardware=hardware(runs[-1]),
        window=str(plan.window),
        unit=plan.unit,
        runs=tuple(
            HistoryRun(id=r.id, started=r.started, commit=r.plan.source.revision, throughput=rate)
            for r, rate in zip(runs, rates, strict=True)
        ),
        left_out=len(records) - len(runs),
        changes=tuple(_change(runs, step) for step in found.steps),
        noise=found.deviation if runs[1:] else None,
        detectable=found.detectable,
    )


def _counts(record: RunRecord) -> bool:
    return counts(record) and (record.throughput or 0.0) > 0 and record.turn is None


def _change(runs: Sequence[RunRecord], step: Step) -> Change:
    differences = differing(runs[step.before], runs[step.after])
    explain = [d for d in differences if d.kind == EXPLAINS]
    parts = {
        part: members
        for part, concerns in PARTS.items()
        if (members := tuple(d for d in explain if concern(d.key) in concerns))
    }
    return Change(**msgspec.structs.asdict(step), differences=parts)
