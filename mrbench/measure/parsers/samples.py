"""Turns marks into iteration samples: processes and ranks first, then what the numbers mean."""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from mrbench.measure.parsers.base import REPEAT, Mark, TextFormat
from mrbench.model.recipe import LogFormat, Timing
from mrbench.model.run import IterationSample


class Step(NamedTuple):
    """A mark that counts, with its process's beginning and the spacing of its marks."""

    mark: Mark
    first: bool
    start: int | None
    spacing: int


class _Process(msgspec.Struct):
    begin: Mark | None = None
    rank: bytes | None = None
    last: int = 0
    spacing: int = 0
    released: int = 0
    repeats: bool = False
    pending: list[Mark] = []

    def lags(self, mark: Mark) -> bool:
        return self.repeats and 0 < self.last - mark.iteration <= self.spacing

    def foreign(self, mark: Mark) -> bool:
        """Return whether a mark is of another rank, by the prefix of its line."""
        return None not in (self.rank, mark.rank) and self.rank != mark.rank

    def add(self, mark: Mark) -> None:
        if self.last:
            gap = mark.iteration - self.last
            self.spacing = min(self.spacing or gap, gap)
        else:
            self.rank = mark.rank
        self.last = mark.iteration

    def release(self) -> Iterator[Step]:
        if self.pending:
            mark = _mean_mark(self.pending)
            start_known = self.begin is not None and not math.isnan(self.begin.value)
            start = self.begin.iteration if self.begin and start_known else None
            yield Step(mark, first=not self.released, start=start, spacing=self.spacing)
            self.released += 1
            self.pending = []


def to_steps(marks: Iterable[Mark], *, mean_ranks: bool = False) -> Iterator[Step]:
    """Split marks into processes, and take those that several ranks print as one.

    Where the lines name their rank, only that of the process's first mark counts. Elsewhere the
    same iteration again is another rank: it is dropped or, with mean_ranks, its value is meaned
    with the others', for which each mark of such a log waits until the next iteration comes. (Ranks
    start seconds apart, so the running mean of one minus that of another is no interval.) A number
    lower by at most one spacing, in a log where marks have come twice before, is a rank that lags,
    and is dropped. Any other fall-back, and any line that only a starting process prints, begins a
    new process. A process's first mark waits for its second, which determines the spacing.
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
            if process.pending and mean_ranks:
                process.pending.append(mark)
            continue
        if (mark.begins and process.last) or mark.iteration < process.last:
            yield from process.release()
            process = _Process()
        if mark.begins:
            process.begin = process.begin or mark
            continue
        process.add(mark)
        yield from process.release()
        process.pending = [mark]
        if process.spacing and not (process.repeats and mean_ranks):
            yield from process.release()
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
        return _from_running_means(to_steps(marks, mean_ranks=True), every, rule)
    if rule.smoothing:
        return _from_smoothed(to_steps(marks), rule)
    return from_intervals(to_steps(marks), rule.timing, every, images_per_iteration)


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
    steps: Iterable[Step], timing: Timing, every: int | None = None, images: int = 1
) -> Iterator[IterationSample]:
    """Take each number as the time of at most `every` iterations before it, in one epoch."""
    last = 0
    for mark, first, start, spacing in steps:
        base = (start or 0) if first else last
        longest = min((n for n in (every, spacing) if n), default=mark.iteration)
        count = min(mark.iteration - max(base, mark.floor), longest)
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


def _from_running_means(
    steps: Iterable[Step], every: int | None, rule: TextFormat
) -> Iterator[IterationSample]:
    """Each number is the mean since the process's iteration `skipped` + 1.

    Undone by iterations x mean, from mark to mark. Marks within the skipped iterations are a
    running mean of their own (Detectron resets its timer once). Where a process did not begin at
    iteration 1 and does not say where, its seconds are unknown: nan.
    """
    base = origin = dropped = 0
    total = edge_s = 0.0
    waited: float | None = 0.0
    start_known = True
    for mark, first, start, spacing in steps:
        if first:
            base = origin = start or 0
            start_known = start is not None or mark.iteration <= max(every or 0, spacing)
            base = base if start_known else max(base, mark.iteration - (spacing or 1))
            dropped, total, edge_s, waited = 0, 0.0, 0.0, 0.0
        n = mark.iteration - origin
        if n > rule.skipped > dropped:
            dropped, total, edge_s, waited = rule.skipped, 0.0, 0.0, 0.0
            base = max(base, origin + dropped)
        over, before_s = n - dropped, edge_s
        elapsed, edge_s = mark.value * over, mark.error * over
        wait = None if mark.data is None else mark.data * over
        count = mark.iteration - base
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
    for mark, first, start, _ in steps:
        if first:
            last = start or 0
        base = max(last, mark.floor) if rule.smoothing_restarts else last
        ahead = mark.iteration - base
        if ahead >= rule.smoothing or (rule.smoothing_restarts and mark.closes and ahead > 0):
            count = min(ahead, rule.smoothing)
            data_s = None if mark.data is None else mark.data * count
            yield _sample(
                mark, count, mark.value * count, rounding_s=mark.error * count, data_s=data_s
            )
            last = mark.iteration
