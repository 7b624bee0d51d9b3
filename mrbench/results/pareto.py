"""Which rows of a table are on the Pareto front: throughput against memory, and against energy.

A row is dominated where another one that it may be compared with has at least its throughput with
no more memory (or joules), and is better in one of the two. Only the figures themselves are held
against each other, not their intervals.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from mrbench.model.table import TableRow

# Key of a row: what it is. Of the memories the one that most rows of a group know counts.
MEMORIES: Mapping[str, str] = {
    "gpu_memory_peak_bytes": "peak GPU memory",
    "peak_allocated_bytes": "GPU memory that the framework allocated",
    "process_memory_peak_bytes": "peak memory of the processes",
}
ENERGIES: Mapping[str, str] = {"joules_per_unit": "energy"}
MARK = "*"
LEAST = 2  # rows of a group that know it: one alone is a front of itself


class _Point(NamedTuple):
    """A row's throughput, what it took for that, and its place in the table."""

    rate: float
    cost: float
    place: int


def with_front(rows: Sequence[TableRow]) -> list[TableRow]:
    """Return the rows with `pareto`: by which keys they are on the front of their group."""
    groups: dict[int, list[int]] = {}
    for place, row in enumerate(rows):
        groups.setdefault(row.comparison_group, []).append(place)
    found: dict[int, list[str]] = {}
    for places in groups.values():
        for keys in (MEMORIES, ENERGIES):
            by_key = {key: _points(rows, places, key) for key in keys}
            key = max(by_key, key=lambda key: len(by_key[key]))  # the first of equals
            points = by_key[key]
            if len(points) >= LEAST:
                front = _front(points)
                for point in points:
                    found.setdefault(point.place, []).extend([key] * (point.place in front))
    return [
        replace(row, pareto=tuple(found[i])) if i in found else row for i, row in enumerate(rows)
    ]


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
    return (
        f"{MARK}: on the Pareto front of throughput against {' and '.join(sentences)}: no other row"
        " that it may be compared with is at least as fast with no more of it."
    )
