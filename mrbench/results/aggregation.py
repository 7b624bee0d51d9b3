"""How the number of a row is made of its runs: their mean, or MLPerf's median of sets of N.

MLPerf Training Rules, "Benchmark Results" and "Scoring" (mlcommons/training_policies,
training_rules.adoc, commit d73e20f1 of 14 May 2026), as `meaning` tells them. A failed run takes
for ever: a set with two has no score, and there is no number if the median set has none. The rules
do not say which of the two sets in the middle of an even number it is; here it is the slower one.
"""

from collections.abc import Mapping, Sequence
from itertools import chain

from msgspec.structs import replace

from mrbench.measure.repeats import mean_rate
from mrbench.model.table import TableRow
from mrbench.record.ledger import AT_WORK, VALID

NUMBERS = ("throughput", "throughput_per_device", "ratio", "mfu")
INTERVALS = (
    *("low_throughput", "high_throughput", "deviation_throughput"),
    *("low_throughput_per_device", "high_throughput_per_device"),
)


def aggregated(row: TableRow, rates: Mapping[str, float], way: str | None) -> TableRow:
    """Return a row with the number that a way makes of its runs; it has no interval then.

    rates: throughput of its valid runs, by their ids. way: None is that of its registration, else
    the mean.
    """
    way = way or (row.registered.aggregation if row.registered else "mean")
    if way == "mean" or row.throughput is None:
        return row
    names, size = _in_order(row), int(way.removeprefix("mlperf:"))
    if len(names) < size:
        score, why = None, f"{way} needs {size} runs, and there are {len(names)}"
    else:
        score = median_of_sets([rates.get(name) for name in names], size)
        why = f"{way}: the median set of {size} runs has two that are not valid"
    if score is None:
        numbers: dict[str, object] = dict.fromkeys(NUMBERS)
        numbers |= {"validity": "invalid", "reason": why}
    else:
        by = score / row.throughput
        numbers = {key: value * by for key in NUMBERS if (value := getattr(row, key)) is not None}
    of = f"{way} of {len(names)}"
    return replace(row, aggregation=of, **numbers, **dict.fromkeys(INTERVALS))


def _in_order(row: TableRow) -> Sequence[str]:
    """Return the ids of all runs that count here, as they were launched: ids end with the time.

    Those of the registration, if the row has one, else all of the plan that the ledger has, but for
    those that go on, and valid ones of another row.
    """
    names = set(row.runs)
    if row.ledger:
        became, bound = row.ledger.became, row.ledger.registered
        elsewhere = {*became.get(AT_WORK, ()), *became.get(VALID, ())} - names
        each = [bound.get(row.registered.digest, ())] if row.registered else became.values()
        names = set(chain.from_iterable(each)) - elsewhere
    return sorted(names, key=lambda name: name.rpartition("/")[2])


def median_of_sets(rates: Sequence[float | None], size: int) -> float | None:
    """Return the throughput of the median set of `size` consecutive runs; None if it has none.

    rates: throughput of each run in the order of their launch, None of one that failed; at least
    `size` of them, which is 3 or more.
    """
    sets = [rates[first : first + size] for first in range(len(rates) - size + 1)]
    scores = sorted(map(_score, sets), reverse=True)
    return scores[len(scores) // 2] or None


def _score(rates: Sequence[float | None]) -> float:
    """Return the throughput of a set; 0.0 if it has none."""
    _, *kept, _ = sorted(rate or 0.0 for rate in rates)
    return mean_rate(kept) if kept[0] > 0 else 0.0


def meaning(rows: Sequence[TableRow]) -> str:
    """Say what the way means of which a row's number is made, or nothing."""
    if not any(row.aggregation for row in rows):
        return ""
    return (
        "mlperf:N of M: MLPerf Training's rule. Of all M runs of the plan in the order of their"
        " launch, each N in a row are a set; a set's score is the mean of their times without the"
        " fastest and the slowest, a run that is not valid being the slowest; the number is the"
        " median of all sets (of two in the middle the slower). It has no interval."
    )
