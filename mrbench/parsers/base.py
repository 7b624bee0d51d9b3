"""What the parsers share: a log's marks, and how marks become iteration samples."""

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from mrbench.model import Clock, LogFormat, Timing, Window
from mrbench.outcome import IterationSample

Block = tuple[int, bytes]  # (offset of the first byte in the log, bytes that end at a line's end)

NUMBER = rb"(\d{1,20}(?:\.\d{0,20})?(?:[eE][-+]?\d{1,3})?|nan|inf)"
LOSS = rb"([-+]?(?:\d{1,20}(?:\.\d{0,20})?(?:[eE][-+]?\d{1,3})?|nan|inf))"


class Parse(Protocol):
    """What a parser is: a function from a log's blocks to iteration samples, in their order.

    It reads as the blocks come and keeps nothing behind them, so it serves a running training and
    a file of any length alike. With `window`, iterations far behind it need not be told one by
    one, as long as a smaller number after them (another process) is. Far: more than an interval.
    """

    def __call__(
        self,
        blocks: Iterable[Block],
        log: LogFormat,
        images_per_iteration: int,
        window: Window | None = None,
    ) -> Iterator[IterationSample]:
        """Yield the samples; seconds are nan where the log does not tell them."""


@dataclass(frozen=True, kw_only=True)
class TextFormat:
    """A format whose marks are single lines: where the numbers stand, and what they mean.

    number finds a mark anywhere in a block and has the groups `iteration` and, where the log
    counts within epochs, `epoch` and `per_epoch`; value and loss are searched in that line alone.
    timing, every, counts_from and skipped are those of LogFormat. smoothing: value is the mean of
    the last so many iterations, however often it is printed. begins: a line that a new process
    prints before its first mark, with the iterations done so far as its group where it tells them.
    """

    number: re.Pattern[bytes]
    value: re.Pattern[bytes]
    loss: re.Pattern[bytes] | None = None
    timing: Timing
    every: int | None = None
    counts_from: int = 1
    epochs_from: int = 1
    skipped: int = 0
    smoothing: int = 0
    smoothing_restarts: bool = False
    begins: re.Pattern[bytes] | None = None
    clock: Clock = "log"
    warning: str = ""


class Mark(NamedTuple):
    """One line of a log that tells of iterations.

    iteration: 1-based, counted over epochs; floor: iterations done before its epoch began;
    closes: it is the epoch's last. A process's first line is a mark too (`begins`), whose value is
    nan where it does not say how many iterations were done before.
    """

    iteration: int
    value: float
    ended_at: int
    began_at: int | None = None
    loss: float | None = None
    floor: int = 0
    closes: bool = False
    begins: bool = False


class Step(NamedTuple):
    """A mark that counts, with its process's beginning and the spacing of its marks."""

    mark: Mark
    first: bool
    start: int | None
    spacing: int


@dataclass
class _Process:
    begin: Mark | None = None
    last: int = 0
    spacing: int = 0
    told: int = 0
    repeats: bool = False
    held: list[Mark] = field(default_factory=list)

    def lags(self, mark: Mark) -> bool:
        return self.repeats and 0 < self.last - mark.iteration <= self.spacing

    def add(self, mark: Mark) -> None:
        if self.last and not self.spacing:
            self.spacing = mark.iteration - self.last
        self.last = mark.iteration

    def release(self) -> Iterator[Step]:
        if self.held:
            values = [m.value for m in self.held]
            mark = self.held[0]._replace(value=sum(values) / len(values))
            known = self.begin is not None and not math.isnan(self.begin.value)
            start = self.begin.iteration if self.begin and known else None
            yield Step(mark, first=not self.told, start=start, spacing=self.spacing)
            self.told += 1
            self.held = []


def steps(marks: Iterable[Mark], *, mean_ranks: bool = False) -> Iterator[Step]:
    """Split marks into processes, and take those that several ranks print as one.

    The same iteration again is another rank: it is dropped or, with mean_ranks, its value is meaned
    with the others', for which each mark of such a log waits until the next iteration comes. (Ranks
    start seconds apart, so the running mean of one minus that of another is no interval.) A number
    lower by at most one spacing, in a log where marks have come twice before, is a rank that lags,
    and is dropped. Any other fall-back, and any line that only a starting process prints, begins a
    new process. A process's first mark waits for its second, which tells the spacing.
    """
    process = _Process()
    for mark in marks:
        if not mark.begins and process.lags(mark):
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


def to_samples(
    marks: Iterable[Mark], rule: TextFormat, log: LogFormat, images_per_iteration: int
) -> Iterator[IterationSample]:
    """Turn marks into samples by what their numbers mean."""
    every = log.every or rule.every
    if rule.timing == "running_mean":
        return _from_running_means(steps(marks, mean_ranks=True), every, rule.skipped)
    if rule.smoothing:
        return _from_smoothed(steps(marks), rule)
    return from_intervals(steps(marks), rule.timing, every, images_per_iteration)


def _sample(mark: Mark, count: int, seconds: float) -> IterationSample:
    return IterationSample(mark.iteration, count, seconds, mark.ended_at, mark.began_at, mark.loss)


def from_intervals(
    found: Iterable[Step], timing: Timing, every: int | None = None, images: int = 1
) -> Iterator[IterationSample]:
    """Each number tells of the interval before it, at most `every` iterations, in one epoch."""
    last = 0
    for mark, first, start, spacing in found:
        base = (start or 0) if first else last
        longest = min((n for n in (every, spacing) if n), default=mark.iteration)
        count = min(mark.iteration - max(base, mark.floor), longest)
        seconds = mark.value
        if timing == "interval_mean":
            seconds *= count
        elif timing == "rate":
            seconds = count * images / mark.value if mark.value > 0 else math.nan
        last = mark.iteration
        if count > 0:
            yield _sample(mark, count, seconds)


def _from_running_means(
    found: Iterable[Step], every: int | None, skipped: int
) -> Iterator[IterationSample]:
    """Each number is the mean since the process's iteration `skipped` + 1.

    Undone by iterations x mean, from mark to mark. Marks within the skipped iterations are a
    running mean of their own (Detectron resets its timer once). Where a process did not begin at
    iteration 1 and does not say where, its seconds are unknown: nan.
    """
    base = origin = dropped = 0
    total = 0.0
    known = True
    for mark, first, start, spacing in found:
        if first:
            base = origin = start or 0
            known = start is not None or mark.iteration <= max(every or 0, spacing)
            base = base if known else max(base, mark.iteration - (spacing or 1))
            dropped, total = 0, 0.0
        n = mark.iteration - origin
        if n > skipped > dropped:
            dropped, total = skipped, 0.0
            base = max(base, origin + dropped)
        elapsed = mark.value * (n - dropped)
        count = mark.iteration - base
        if count > 0:
            yield _sample(mark, count, elapsed - total if known else math.nan)
        base, total = mark.iteration, elapsed


def _from_smoothed(found: Iterable[Step], rule: TextFormat) -> Iterator[IterationSample]:
    """Each number is the mean of the last `smoothing` iterations: take marks that far apart."""
    last = 0
    for mark, first, start, _ in found:
        if first:
            last = start or 0
        base = max(last, mark.floor) if rule.smoothing_restarts else last
        ahead = mark.iteration - base
        if ahead >= rule.smoothing or (rule.smoothing_restarts and mark.closes and ahead > 0):
            count = min(ahead, rule.smoothing)
            yield _sample(mark, count, mark.value * count)
            last = mark.iteration
