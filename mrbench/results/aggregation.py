"""How the number of a row is made of its runs: their mean, or MLPerf's median of sets of N."""

import re
from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from mrbench.measure.olympic import median_of_sets
from mrbench.model.table import TableRow
from mrbench.record.ledger import AT_WORK
from mrbench.results.selection import VALID

MEAN = "mean"
MLPERF = re.compile(r"mlperf:(\d{1,4})")
NUMBERS = ("throughput", "throughput_per_device", "ratio", "mfu")  # of a row, that follow the way


def aggregated(row: TableRow, rates: Mapping[str, float], way: str | None) -> TableRow:
    """Return a row with the number that a way makes of its runs; it has no interval then.

    rates: throughput of its valid runs, by their ids. way: None is that of its registration, else
    the mean.
    """
    way = way or (row.registered.aggregation if row.registered else MEAN)
    match = MLPERF.fullmatch(way)
    if match is None or row.throughput is None:
        return row
    names, size = _in_order(row), int(match[1])
    score, why = None, f"{way} needs {size} runs, and there are {len(names)}"
    if len(names) >= size:
        score = median_of_sets([rates.get(name) for name in names], size)
        why = f"{way}: the median set of {size} runs has two that are not valid"
    row = replace(
        row,
        aggregation=f"{way} of {len(names)}",
        low_throughput=None,
        high_throughput=None,
        low_throughput_per_device=None,
        high_throughput_per_device=None,
        deviation_throughput=None,
    )
    if score is None:
        return replace(row, validity="invalid", reason=why, **dict.fromkeys(NUMBERS))
    by = score / (row.throughput or score)
    known = {key: value * by for key in NUMBERS if (value := getattr(row, key)) is not None}
    return replace(row, **known)


def _in_order(row: TableRow) -> Sequence[str]:
    """Return the ids of all runs that count here, as they were launched: ids end with the time.

    Those of the registration, if the row has one, else all of the plan that the ledger has, but for
    those that go on, and valid ones of another row.
    """
    if row.ledger is None:
        names = set(row.runs)
    elif row.registered:
        names = set(row.ledger.registered.get(row.registered.digest, ()))
    else:
        names = {name for each in row.ledger.became.values() for name in each}
    for what, each in (row.ledger.became if row.ledger else {}).items():
        if what in (AT_WORK, VALID):
            names -= set(each) - set(row.runs)
    return sorted(names, key=lambda name: name.rpartition("/")[2])


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
