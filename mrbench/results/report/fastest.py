"""Each row's throughput by that of the fastest row that it may be compared with."""

from collections.abc import Sequence
from typing import NamedTuple

from mrbench.model.comparison import MUST
from mrbench.model.table import TableRow
from mrbench.record.provenance import Facts, between, facts, rules_for
from mrbench.results.report.gather import Chapter
from mrbench.results.rows import ratio_of
from mrbench.text import shorten

LONGEST = 24  # characters of a value in a reason


class Share(NamedTuple):
    """A ratio with its 95 % interval, None where unknown; why: what forbids a ratio to any row."""

    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    why: str = ""


def to_fastest(chapter: Chapter, rows: Sequence[TableRow]) -> list[Share]:
    """Return the share of each row; rows: those with a number, the fastest first.

    A row that may be compared with no faster one is itself the fastest of those that may be
    compared with it; its ratio is 1 where there are any, and None where there are none.
    """
    fastest: list[tuple[TableRow, Facts]] = []
    shares: list[Share] = []
    found: dict[int, int] = {}  # number of a row among `fastest`, by number among `rows`
    used: set[int] = set()
    for i, row in enumerate(rows):
        known = _facts(chapter, row)
        reasons = []
        for k, (other, theirs) in enumerate(fastest):
            forbidding = [
                d for d in between(known, theirs, rules_for(known, theirs)) if d.kind == MUST
            ]
            if not forbidding:
                ratio = ratio_of(row, other)
                shares.append(Share(ratio.ratio, ratio.low, ratio.high))
                used.add(k)
                break
            first = forbidding[0]
            values = f"{shorten(first.a, LONGEST)} / {shorten(first.b, LONGEST)}"
            reasons.append(f"{first.reason} ({values})")
        else:
            found[i] = len(fastest)
            fastest.append((row, known))
            shares.append(Share(why="".join(reasons[:1])))
    return [Share(1.0) if found.get(i) in used else share for i, share in enumerate(shares)]


def _facts(chapter: Chapter, row: TableRow) -> Facts:
    """Return the facts of a row's newest valid run."""
    return facts([run.record for run in chapter.runs_of(row) if run.counts][-1])
