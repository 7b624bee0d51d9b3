"""Ratios of two rows' throughputs, and the scaling efficiency that follows from them."""

from collections.abc import Hashable, Sequence

import msgspec

from mrbench.measure.repeats import Noise, Ratio, ratio
from mrbench.model.table import TableRow
from mrbench.model.work import is_divided

Noises = tuple[Noise | None, Noise | None]


def with_scaling(rows: Sequence[TableRow], series: Sequence[Hashable | None]) -> list[TableRow]:
    """Return the rows, with the scaling efficiency of those in a series of several counts of GPUs.

    series: for each row what its series is known by. A row without a number belongs to none.
    """
    members: dict[Hashable, list[int]] = {}
    for i, (row, key) in enumerate(zip(rows, series, strict=True)):
        if key is not None and row.throughput_per_device:
            members.setdefault(key, []).append(i)
    scaled = list(rows)
    for places in members.values():
        base = rows[min(places, key=lambda i: rows[i].gpus)]
        several = len({rows[i].gpus for i in places}) > 1
        for i in places if several else ():
            scaled[i] = _scaled(rows[i], base)
    return scaled


def _scaled(row: TableRow, base: TableRow) -> TableRow:
    """Return a row with its scaling efficiency; base: the row of the fewest devices."""
    found = ratio_of(row, base)
    share = base.gpus / row.gpus if is_divided(row.unit) else 1.0
    low, high = (None, None) if row is base else (found.low, found.high)
    return msgspec.structs.replace(
        row,
        scaling_efficiency=found.ratio * share,
        low_scaling_efficiency=None if low is None else low * share,
        high_scaling_efficiency=None if high is None else high * share,
        scaling_from_gpus=base.gpus,
    )


def ratio_of(row: TableRow, by: TableRow, noises: Noises = (None, None)) -> Ratio:
    """Return the throughput of a row by that of another; both must have one.

    noises: what is known from elsewhere of their runs' noise, for a row of one run. Where a number
    is no mean, the ratio has no interval.
    """
    if row.aggregation or by.aggregation:
        return Ratio(ratio=(row.throughput or 0) / (by.throughput or 1), low=None, high=None)
    return ratio(
        row.run_throughput,
        by.run_throughput,
        noise=noises[0],
        by_noise=noises[1],
        rounding=max(row.rounding, by.rounding),
    )
