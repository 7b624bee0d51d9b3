"""Each row's throughput by that of the fastest row that it may be compared with."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from mrbench.model.table import TableRow
from mrbench.results.ratios import ratio_of


class Share(NamedTuple):
    """A ratio with its 95 % interval, None where unknown; why: what forbids a ratio to any row."""

    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    why: str = ""


def to_fastest(rows: Sequence[TableRow]) -> list[Share]:
    """Return the share of each row; rows: those with a number, the fastest first.

    Ratios are within a comparison group; that of its fastest row is 1, and None where it is alone.
    """
    members = Counter(row.comparison_group for row in rows)
    fastest: dict[int, TableRow] = {}
    return [
        _share(row, fastest.setdefault(row.comparison_group, row), members[row.comparison_group])
        for row in rows
    ]


def _share(row: TableRow, fastest: TableRow, members: int) -> Share:
    if members == 1:
        return Share(why=row.comparison_reason)
    if row is fastest:
        return Share(1.0)
    ratio = ratio_of(row, fastest)
    return Share(ratio.ratio, ratio.low, ratio.high)
