"""Which rows of a table are on the Pareto front: throughput against memory, and against energy.

A row is dominated where one of its peers has at least its throughput with no more memory (or
joules), and is better in one of the two. Only the figures themselves are held against each other,
not their intervals. Peers are what may be compared, and the points of a grid, whose batch and
number format differ because somebody looks for the best.
"""

from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from mrbench.model.table import TableRow
from mrbench.record.provenance import Facts

# Key of a row: what it is. Of the memories the one that most rows know counts.
MEMORIES: Mapping[str, str] = {
    "gpu_memory_peak_bytes": "peak GPU memory",
    "peak_allocated_bytes": "GPU memory that the framework allocated",
    "process_memory_peak_bytes": "peak memory of the processes",
}
# Begin the facts in which rows of one grid may differ; a unit of their work stays the same.
FREE = (
    *("plan.implementation", "plan.environment.image", "plan.per_device"),
    *("plan.work_per_iteration", "plan.accumulation", "plan.iteration", "plan.precision"),
    *("stated.work_per_iteration", "stated.per_device", "stated.samples_per_iteration"),
    *("stated.accumulation", "stated.precision", "stated.iterations_per_epoch"),
)
ENERGIES: Mapping[str, str] = {"joules_per_unit": "energy"}
MARK = "*"
LEAST = 2  # peers that know it: one alone is a front of itself


class _Point(NamedTuple):
    """A row's throughput, what it took for that, and its place in the table."""

    rate: float
    cost: float
    place: int


def with_front(rows: Sequence[TableRow], terms: Sequence[Facts]) -> list[TableRow]:
    """Return the rows with `pareto`: by which keys none of its peers dominates a row.

    terms: of each row. Peers are the rows of its comparison group, and those of its grid.
    """
    circles: dict[Hashable, list[int]] = {}
    for place, (row, own) in enumerate(zip(rows, terms, strict=True)):
        circles.setdefault(row.comparison_group, []).append(place)
        if row.parameters:
            circles.setdefault(_grid(own), []).append(place)
    found: dict[int, list[str]] = {}
    for keys in (MEMORIES, ENERGIES):
        key = max(keys, key=lambda key: len(_points(rows, range(len(rows)), key)))
        judged: dict[int, bool] = {}
        for places in circles.values():
            points = _points(rows, places, key)
            front = _front(points) if len(points) >= LEAST else set()
            for point in points if front else ():
                judged[point.place] = judged.get(point.place, True) and point.place in front
        for place, on_front in judged.items():
            found.setdefault(place, []).extend([key] * on_front)
    return [
        replace(row, pareto=tuple(found[i])) if i in found else row for i, row in enumerate(rows)
    ]


def _grid(terms: Facts) -> Hashable:
    """Return what rows share whose parameters may differ: all but how the same work was done."""
    return tuple(item for item in terms.items() if not item[0].startswith(FREE))


def _points(rows: Sequence[TableRow], places: Sequence[int], key: str) -> list[_Point]:
    """Return those of a group's rows that have a throughput and a value under the key."""
    return [
        _Point(rate, cost, place)
        for place in places
        if (rate := rows[place].throughput) is not None
        and (cost := getattr(rows[place], key)) is not None
    ]


def _front(points: Sequence[_Point]) -> set[int]:
    """Return the places of those that none dominates; of equals none dominates the other."""
    front: list[_Point] = []
    for point in sorted(points, key=lambda p: (-p.rate, p.cost)):
        if not front or point.cost < front[-1].cost or point[:2] == front[-1][:2]:
            front.append(point)
    return {point.place for point in front}


def meaning(rows: Sequence[TableRow]) -> str:
    """Return what the mark of rows on a front says, against what; empty where none has it."""
    sentences = []
    for key, words in (*MEMORIES.items(), *ENERGIES.items()):
        names = [row.name for row in rows if row.pareto and key in row.pareto]
        if names:
            sentences.append(f"{words} ({', '.join(names)})")
    if not sentences:
        return ""
    grid = " or of its grid" if any(row.parameters for row in rows) else ""
    return (
        f"{MARK}: on the Pareto front of throughput against {' and '.join(sentences)}: no other row"
        f" that it may be compared with{grid} is at least as fast with no more of it."
    )
