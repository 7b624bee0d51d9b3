"""Turns marks into the steps of processes: ranks and restarts told apart, the interval found."""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Self

import msgspec

from mrbench.measure.log.stated import elapsed
from mrbench.measure.parsers.base import REPEAT, Mark

AGREEING = 3  # votes for the same interval before it is believed
PATIENCE = 4  # marks that are waited for at most
ENOUGH = 5  # intervals that show whether there is a rule in them
IRREGULAR = 0.2  # of the intervals
MOST_KEPT = 100  # different intervals remembered


class Step(NamedTuple):
    """A mark that counts, with its process's beginning and the printing interval.

    interval: iterations from one mark to the next as the marks themselves show it, 0 if unknown;
    irregular: the marks keep none. smoothing: iterations that its values are the mean of, where the
    process says so, else 0.
    """

    mark: Mark
    first: bool
    start: int | None
    interval: int
    irregular: bool
    smoothing: int


class _Interval(msgspec.Struct):
    """What a process's marks show of their interval: the most frequent, of several the shortest.

    An epoch's last line comes when the epoch ends, and line 1 of logs that count from 0 tells of
    one iteration: neither shows the interval. Lines may come at multiples of it over all epochs, or
    in each. votes: marks by their distance from the one before;
    within: those whose mark before is of the same epoch.
    """

    votes: dict[int, int]
    within: dict[int, int]
    usual: int = 0
    marks: int = 0
    irregular: bool = False
    last: int = 0
    floor: int = 0
    latest: int = 0  # vote of the last mark, which may turn out to be its epoch's last

    @classmethod
    def expecting(cls, every: int | None) -> Self:
        """Return the interval of a process whose format or recipe expects this one."""
        return cls({every: 1} if every else {}, {}, usual=every or 0)

    @property
    def settled(self) -> bool:
        """Whether the marks agree, or have been waited for long enough."""
        return self.marks >= PATIENCE or (
            self.marks > 1 and self.votes.get(self.usual, 0) >= AGREEING
        )

    def add(self, mark: Mark, start: int | None) -> None:
        """Take a mark into account. start: iterations done before the process, if known."""
        begins = self.marks == 0 or mark.floor > self.floor
        if begins and self.latest < self.usual:
            self._vote(self.latest, -1, within=True)
        base = max(mark.floor, start or 0) if begins else self.last
        gap = mark.iteration - base
        self.latest = 0 if begins or mark.closes else gap
        if not mark.closes and not (begins and gap == 1):
            self._vote(gap, 1, within=not begins)
            if begins and self.marks and mark.iteration - self.last > gap:
                self._vote(mark.iteration - self.last, 1, within=False)
        self.marks += 1
        self.last, self.floor = mark.iteration, mark.floor

    def _vote(self, gap: int, count: int, *, within: bool) -> None:
        if gap < 1:
            return
        for votes in (self.votes, self.within)[: 1 + within]:
            votes[gap] = votes.get(gap, 0) + count
            if len(votes) > MOST_KEPT:
                for rare in [g for g, n in votes.items() if n <= 1]:
                    del votes[rare]
        if self.votes.get(gap, 0) != self.votes.get(self.usual, 0) or gap < self.usual:
            self.usual = max(self.votes, key=lambda g: (self.votes[g], -g), default=0)
        self.irregular = self._keeps_none()

    def _keeps_none(self) -> bool:
        """Return whether there is no interval, as with a progress bar that is not always redrawn.

        Of several iterations, one that is twice or thrice as long lost a line.
        """
        usual = self.usual
        strays = sum(n for g, n in self.within.items() if g > usual and (usual == 1 or g % usual))
        seen = sum(self.within.values())
        return seen >= ENOUGH and strays > IRREGULAR * seen


class _Process(msgspec.Struct):
    """One process: its printing interval, and the marks that wait, grouped by iteration.

    ranks: marks of one iteration, at most. allocated_bytes: the most that its marks have printed.
    worked: iterations and work since the training began, at the mark before.
    """

    interval: _Interval
    begin: Mark | None = None
    smoothing: int = 0
    rank: bytes | None = None
    last: int = 0
    released: int = 0
    repeats: bool = False
    ranks: int = 1
    allocated_bytes: int | None = None
    worked: tuple[int, float] | None = None
    waiting: list[list[Mark]] = []

    def lags(self, mark: Mark) -> bool:
        return self.repeats and 0 < self.last - mark.iteration <= self.interval.usual

    def foreign(self, mark: Mark) -> bool:
        """Return whether a mark is of another rank, by the prefix of its line."""
        return None not in (self.rank, mark.rank) and self.rank != mark.rank

    @property
    def start(self) -> int | None:
        """Iterations done before the process's first; None if it does not say."""
        known = self.begin is not None and not math.isnan(self.begin.value)
        return self.begin.iteration if self.begin and known else None

    def add(self, mark: Mark) -> None:
        if not self.last:
            self.rank = mark.rank
        self.interval.add(mark, self.start)
        self.last = mark.iteration
        self.waiting.append([self.with_peak(mark)])

    def with_peak(self, mark: Mark) -> Mark:
        """Return a mark with the most memory printed so far: some formats print it since a line."""
        printed, most = mark.allocated_bytes, self.allocated_bytes
        if printed is not None and (most is None or printed >= most):
            self.allocated_bytes = printed
            return mark
        return mark if most is None else mark._replace(allocated_bytes=most)

    def counted(self, mark: Mark) -> Mark:
        """Return a mark with the work of one iteration, where it tells that of all so far."""
        if mark.total_work is None:
            return mark
        done, before = self.worked or (0, 0.0)
        known = self.worked is not None or mark.iteration <= max(1, self.interval.usual)
        self.worked = mark.iteration, mark.total_work
        work = mark.total_work - before
        if not known or mark.iteration <= done or work < 0:
            return mark
        return mark._replace(work=work / (mark.iteration - done))

    def release(self, *, keep: int = 0) -> Iterator[Step]:
        """Yield the steps of all iterations that wait but the last `keep`.

        An iteration with fewer marks than there are ranks lost one, and counts as missing: the
        running mean of the others is another.
        """
        self.ranks = max([self.ranks, *map(len, self.waiting)])
        ready = self.waiting[: len(self.waiting) - keep]
        self.waiting = self.waiting[len(ready) :]
        for marks in ready:
            if len(marks) == self.ranks:
                yield Step(
                    self.counted(_mean_mark(marks)),
                    first=not self.released,
                    start=self.start,
                    interval=self.interval.usual,
                    irregular=self.interval.irregular,
                    smoothing=self.smoothing,
                )
                self.released += 1


def to_steps(
    marks: Iterable[Mark], *, every: int | None = None, mean_ranks: bool = False
) -> Iterator[Step]:
    """Split marks into processes, and take those that several ranks print as one.

    Where the lines name their rank, only that of the process's first mark counts. Elsewhere the
    same iteration again is another rank: it is dropped or, with mean_ranks, its value is meaned
    with the others', for which each mark of such a log waits until the next iteration comes. (Ranks
    start seconds apart, so the running mean of one minus that of another is no interval.) A number
    lower by at most one interval, in a log where marks have come twice before, is a rank that lags,
    and is dropped. Any other fall-back, and any line that only a starting process prints, begins a
    new process, whose first marks wait until they agree on the printing interval. every: the
    interval that is expected, one vote among theirs.
    """
    process = _Process(_Interval.expecting(every))
    for mark in marks:
        if mark is REPEAT:
            process.repeats = True
            continue
        if process.foreign(mark) or (not mark.begins and process.lags(mark)):
            continue
        if not mark.begins and mark.iteration == process.last:
            process.repeats = True
            if process.waiting and mean_ranks:
                process.waiting[-1].append(process.with_peak(mark))
            continue
        if (mark.begins and process.last) or mark.iteration < process.last:
            yield from process.release()
            process = _Process(_Interval.expecting(every))
        if mark.begins:
            process.begin = process.begin or mark
            process.smoothing = mark.smoothing or process.smoothing
            continue
        process.add(mark)
        if process.interval.settled:
            yield from process.release(keep=int(process.repeats and mean_ranks))
    yield from process.release()


def _mean_mark(marks: Sequence[Mark]) -> Mark:
    """Return the ranks' marks of one iteration as one: the first, its numbers meaned."""
    if len(marks) == 1:
        return marks[0]
    waits = [mark.data for mark in marks if mark.data is not None]
    stamps = [mark.printed for mark in marks if mark.printed is not None]
    printed = marks[0].printed
    if printed is not None and len(stamps) == len(marks):
        later_s = [elapsed(printed, s) or 0.0 for s in stamps]
        printed = printed._replace(seconds=printed.seconds + sum(later_s) / len(later_s))
    return marks[0]._replace(
        value=sum(mark.value for mark in marks) / len(marks),
        error=max(mark.error for mark in marks),
        printed=printed,
        data=sum(waits) / len(waits) if len(waits) == len(marks) else None,
        allocated_bytes=marks[-1].allocated_bytes,
    )
