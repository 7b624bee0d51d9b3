"""Splits a log's marks into processes, and takes those that several ranks print as one."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from mrbench.measure.parsers.base import REPEAT, Mark


class Step(NamedTuple):
    """A mark that counts, with its process's beginning and the spacing of its marks."""

    mark: Mark
    first: bool
    start: int | None
    spacing: int


@dataclass
class _Process:
    begin: Mark | None = None
    rank: bytes | None = None
    last: int = 0
    spacing: int = 0
    told: int = 0
    repeats: bool = False
    held: list[Mark] = field(default_factory=list)

    def lags(self, mark: Mark) -> bool:
        return self.repeats and 0 < self.last - mark.iteration <= self.spacing

    def foreign(self, mark: Mark) -> bool:
        """Whether a mark is another rank's, by what stands before its line."""
        return None not in (self.rank, mark.rank) and self.rank != mark.rank

    def add(self, mark: Mark) -> None:
        if self.last:
            gap = mark.iteration - self.last
            self.spacing = min(self.spacing or gap, gap)
        else:
            self.rank = mark.rank
        self.last = mark.iteration

    def release(self) -> Iterator[Step]:
        if self.held:
            mark = _meaned(self.held)
            known = self.begin is not None and not math.isnan(self.begin.value)
            start = self.begin.iteration if self.begin and known else None
            yield Step(mark, first=not self.told, start=start, spacing=self.spacing)
            self.told += 1
            self.held = []


def steps(marks: Iterable[Mark], *, mean_ranks: bool = False) -> Iterator[Step]:
    """Split marks into processes, and take those that several ranks print as one.

    Where the lines name their rank, only that of the process's first mark counts. Elsewhere the
    same iteration again is another rank: it is dropped or, with mean_ranks, its value is meaned
    with the others', for which each mark of such a log waits until the next iteration comes. (Ranks
    start seconds apart, so the running mean of one minus that of another is no interval.) A number
    lower by at most one spacing, in a log where marks have come twice before, is a rank that lags,
    and is dropped. Any other fall-back, and any line that only a starting process prints, begins a
    new process. A process's first mark waits for its second, which tells the spacing.
    """
    process = _Process()
    for mark in marks:
        if mark is REPEAT:
            process.repeats = True
            continue
        if process.foreign(mark) or (not mark.begins and process.lags(mark)):
            continue
        if not mark.begins and mark.iteration == process.last:
            process.repeats = True
            if process.held and mean_ranks:
                process.held.append(mark)
            continue
        if (mark.begins and process.last) or mark.iteration < process.last:
            yield from process.release()
            process = _Process()
        if mark.begins:
            process.begin = process.begin or mark
            continue
        process.add(mark)
        yield from process.release()
        process.held = [mark]
        if process.spacing and not (process.repeats and mean_ranks):
            yield from process.release()
    yield from process.release()


def _meaned(marks: Sequence[Mark]) -> Mark:
    """Return the ranks' marks of one iteration as one: the first, its numbers meaned."""
    if len(marks) == 1:
        return marks[0]
    waits = [mark.data for mark in marks if mark.data is not None]
    return marks[0]._replace(
        value=sum(mark.value for mark in marks) / len(marks),
        error=max(mark.error for mark in marks),
        data=sum(waits) / len(waits) if len(waits) == len(marks) else None,
    )
