"""Turns marks into iteration samples: processes and ranks first, then what the numbers mean."""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from mrbench.measure.parsers.base import REPEAT, Mark, TextFormat
from mrbench.measure.parsers.intervals import Interval
from mrbench.model.recipe import LogFormat, Timing
from mrbench.model.run import IterationSample


class Step(NamedTuple):
    """A mark that counts, with its process's beginning and the printing interval.

    interval: iterations from one mark to the next as the marks themselves show it, 0 if unknown;
    irregular: the marks keep none.
    """

    mark: Mark
    first: bool
    start: int | None
    interval: int
    irregular: bool


class _Process(msgspec.Struct):
    """One process: its printing interval, and the marks that wait, grouped by iteration.

    ranks: marks of one iteration, at most.
    """

    interval: Interval
    begin: Mark | None = None
    rank: bytes | None = None
    last: int = 0
    released: int = 0
    repeats: bool = False
    ranks: int = 1
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
        self.waiting.append([mark])

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
                    _mean_mark(marks),
                    first=not self.released,
                    start=self.start,
                    interval=self.interval.usual,
                    irregular=self.interval.irregular,
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
    process = _Process(Interval.expecting(every))
    for mark in marks:
        if mark is REPEAT:
            process.repeats = True
            continue
        if process.foreign(mark) or (not mark.begins and process.lags(mark)):
            continue
        if not mark.begins and mark.iteration == process.last:
            process.repeats = True
            if process.waiting and mean_ranks:
                process.waiting[-1].append(mark)
            continue
        if (mark.begins and process.last) or mark.iteration < process.last:
            yield from process.release()
            process = _Process(Interval.expecting(every))
        if mark.begins:
            process.begin = process.begin or mark
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
    return marks[0]._replace(
        value=sum(mark.value for mark in marks) / len(marks),
        error=max(mark.error for mark in marks),
        data=sum(waits) / len(waits) if len(waits) == len(marks) else None,
    )


def to_samples(
    marks: Iterable[Mark], rule: TextFormat, log: LogFormat, images_per_iteration: int
) -> Iterator[IterationSample]:
    """Turn marks into samples by what their numbers mean."""
    every = log.every or rule.every
    if rule.timing == "running_mean":
        return _from_running_means(to_steps(marks, every=every, mean_ranks=True), rule)
    if rule.smoothing:
        return _from_smoothed(to_steps(marks), rule)
    return from_intervals(to_steps(marks, every=every), rule.timing, images_per_iteration)


def _sample(
    mark: Mark,
    count: int,
    seconds: float,
    *,
    rounding_s: float,
    edge_s: float | None = None,
    data_s: float | None = None,
) -> IterationSample:
    return IterationSample(
        last=mark.iteration,
        count=count,
        seconds=seconds,
        ended_at=mark.ended_at,
        began_at=mark.began_at,
        loss=mark.loss,
        rounding_s=rounding_s,
        edge_s=edge_s,
        data_s=None if data_s is None or not math.isfinite(data_s) else max(0.0, data_s),
        printed=mark.printed,
        printed_began=mark.printed_began,
    )


def from_intervals(
    steps: Iterable[Step], timing: Timing, images: int = 1
) -> Iterator[IterationSample]:
    """Take each number as the time since the line before it, in one epoch.

    Of a longer stretch than the printing interval a line is missing: the number tells of the last
    interval only. Where lines come at irregular steps, none is missing.
    """
    last = 0
    for mark, first, start, interval, irregular in steps:
        base = (start or 0) if first else last
        count = mark.iteration - max(base, mark.floor)
        if interval and (first or not irregular):
            count = min(count, interval)
        last = mark.iteration
        if count <= 0:
            continue
        seconds, rounding_s, data_s = mark.value, mark.error, mark.data
        if timing == "interval_mean":
            seconds, rounding_s = count * seconds, count * rounding_s
            data_s = None if data_s is None else count * data_s
        elif timing == "rate":
            seconds, rounding_s = _from_rate(mark, count * (images or 1))
        yield _sample(mark, count, seconds, rounding_s=rounding_s, data_s=data_s)


def _from_rate(mark: Mark, images: int) -> tuple[float, float]:
    """Return the seconds of a rate, and the bound of their error."""
    if not mark.value > 0:
        return math.nan, 0.0
    seconds = images / mark.value
    least = mark.value - mark.error
    return seconds, images / least - seconds if least > 0 else seconds


def _from_running_means(steps: Iterable[Step], rule: TextFormat) -> Iterator[IterationSample]:
    """Each number is the mean since the process's iteration `skipped` + 1.

    Undone by iterations x mean, from mark to mark. Marks within the skipped iterations are a
    running mean of their own (Detectron resets its timer once). Where a process did not begin at
    iteration 1 and does not say where, its seconds are unknown: nan. A mean that restarts is one
    since the beginning of its epoch, wherever the process began.
    """
    base = origin = dropped = 0
    total = edge_s = 0.0
    waited: float | None = 0.0
    start_known = True
    for mark, first, start, interval, _ in steps:
        if first:
            base = origin = start or 0
            start_known = start is not None or mark.iteration <= max(1, interval)
            base = base if start_known else max(base, mark.iteration - (interval or 1))
            dropped, total, edge_s, waited = 0, 0.0, 0.0, 0.0
        if rule.restarts and (first or mark.floor > origin):
            base = origin = mark.floor
            start_known, dropped, total, edge_s, waited = True, 0, 0.0, 0.0, 0.0
        n = mark.iteration - origin
        if n > rule.skipped > dropped:
            dropped, total, edge_s, waited = rule.skipped, 0.0, 0.0, 0.0
            base = max(base, origin + dropped)
        over, before_s = n - dropped, edge_s
        elapsed, edge_s = mark.value * over, mark.error * over
        wait = None if mark.data is None else mark.data * over
        count = mark.iteration - base
        if start_known and abs(elapsed - total) <= before_s + edge_s:
            edge_s = before_s
            continue  # far into a mean its digits do not resolve an interval; the next is longer
        if count > 0:
            data_s = _over_last(mark, count, rule.data_over)
            if not rule.data_over and None not in (wait, waited) and start_known:
                data_s = (wait or 0.0) - (waited or 0.0)
            yield _sample(
                mark,
                count,
                elapsed - total if start_known else math.nan,
                rounding_s=before_s + edge_s,
                edge_s=edge_s,
                data_s=data_s,
            )
        base, total, waited = mark.iteration, elapsed, wait


def _over_last(mark: Mark, count: int, over: int) -> float | None:
    """Return the wait of a mark whose data is the mean of its last iterations, if all are in it."""
    return None if mark.data is None or count > over else mark.data * count


def _from_smoothed(steps: Iterable[Step], rule: TextFormat) -> Iterator[IterationSample]:
    """Each number is the mean of the last `smoothing` iterations: take marks that far apart."""
    last = 0
    for mark, first, start, _, _ in steps:
        if first:
            last = start or 0
        base = max(last, mark.floor) if rule.restarts else last
        ahead = mark.iteration - base
        if ahead >= rule.smoothing or (rule.restarts and mark.closes and ahead > 0):
            count = min(ahead, rule.smoothing)
            data_s = None if mark.data is None else mark.data * count
            yield _sample(
                mark, count, mark.value * count, rounding_s=mark.error * count, data_s=data_s
            )
            last = mark.iteration
