"""tqdm's progress bars, as Lightning, transformers' Trainer and many scripts draw them.

    Epoch 0:  31%|###1      | 10/32 [00:56<02:03,  0.18it/s, loss=56.6]

A bar is drawn again at most ten times a second, so its steps are irregular. The rate is a moving
mean (Lightning's: the mean since the epoch's beginning), so the time that has passed is read. It
counts whole seconds, cut off: where a second is new, it has just begun, and the step since the bar
before bounds how long ago. Between such places a bar's time is interpolated. Arrival times are
better than that and lead where they are at hand.

Of bars of different lengths the longest trains; bars that evaluate, load or predict say so before
their percentage. A bar that begins again once it was full is the next epoch. What follows a full
bar is not part of it: Lightning draws it again after a validation. A bar whose rate is not known
yet though it has steps is of a training that was resumed there.
"""

import math
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from mrbench.measure.log.blocks import Block
from mrbench.measure.parsers import base
from mrbench.measure.parsers.samples import from_bars
from mrbench.measure.parsers.steps import to_steps
from mrbench.model.measurement import IterationSample

_UNIT = rb"(?:it|iter|iters|batch|batches|step|steps)"
_BAR = re.compile(
    rb"\d{1,3}%\|[^|\r\n]{0,800}\| (?P<done>\d{1,12})/(?P<total>\d{1,12}) \["
    rb"(?P<passed>(?:\d{1,5}:)?\d{1,2}:\d\d)<[^,\]\r\n]{1,30}, {0,9}"
    rb"(?P<rate>\?|\d[\d.]{0,15})(?:" + _UNIT + rb"/s|s/" + _UNIT + rb")(?P<rest>[^\r\n]{0,2000})"
)
_OTHER = re.compile(
    rb"valid|\bval\b|eval|test|predict|sanity|infer|load|\bmap\b|filter|generat|tokeni[sz]|sampl|"
    rb"extract|convert|cach|scan|warm",
    re.IGNORECASE,
)
_LOSS = re.compile(rb"(?<![\w/])(?:train[/_])?loss(?:_step)?=" + base.LOSS + rb"(?=[,\]\s])")
_FULL = 0.99  # of a bar; one that begins again from there is the next epoch
_FINE = 0.1  # of the window; new seconds that are closer need no bars between them
_WHOLE = 0.5  # seconds: the middle of one that was cut off, and the bound of its error


class _Frame(NamedTuple):
    """A bar as drawn. passed_s: whole seconds since it began; begins: with these steps done."""

    mark: base.Mark  # iteration over all epochs; value: not known yet
    done: int
    total: int
    passed_s: int
    begins: bool


class _Drawn(msgspec.Struct):
    """The bar that trains, and its frames since its time showed a new second."""

    fine: float
    total: int = 0
    floor: int = 0
    last: int = 0
    began: int = 0  # steps that were done before the bar was first drawn
    before_s: float = 0.0  # of all epochs before this one
    at: tuple[int, float, float] = (0, 0.0, 0.0)  # done, seconds and their error: a new second
    passed_s: int = 0
    began_at: int | None = None  # where in the log the bar was first drawn; None once it is told
    frames: list[_Frame] = []

    def take(self, frame: _Frame) -> Iterator[base.Mark]:
        """Yield the marks whose time is known now."""
        if frame.total < self.total or (frame.total == self.total and frame.done == self.last):
            return
        if frame.total > self.total or frame.done < self.last:
            yield from self.finish()
            full = frame.total == self.total and self.last >= _FULL * self.total
            floor = self.floor + self.total if full else 0
            before_s = self.before_s + self.at[1] if full else 0.0
            self.total, self.floor, self.before_s = frame.total, floor, before_s
            self.last, self.began, self.passed_s, self.at = 0, 0, 0, (0, 0.0, 0.0)
        if frame.begins:
            self.last = self.began = frame.done
            self.at, self.began_at = (frame.done, 0.0, 0.0), frame.mark.ended_at
            if frame.done:
                yield frame.mark._replace(iteration=frame.done, value=0.0, begins=True)
            return
        step, self.last = frame.done - self.last, frame.done
        if frame.passed_s > self.passed_s:
            ago_s = min(1.0, step * (frame.passed_s + 1) / max(1, frame.done - self.began))
            here = frame.done, frame.passed_s + ago_s / 2, ago_s / 2
            yield from self.between(here)
            yield self.timed(frame, here[1], here[2])
            self.at, self.passed_s = here, frame.passed_s
        else:
            self.frames.append(frame)

    def between(self, here: tuple[int, float, float]) -> Iterator[base.Mark]:
        """Yield the frames since the last new second, if they are needed."""
        if here[0] - self.at[0] > self.fine:
            yield from self.spread(here)
        self.frames = []

    def finish(self) -> Iterator[base.Mark]:
        """Yield the frames behind the last new second, by the speed until then."""
        done, seconds, _ = self.at
        if self.frames and done > self.began:
            last = self.frames[-1]
            most = self.passed_s + 1 - seconds
            here_s = seconds + min(most, (last.done - done) * seconds / (done - self.began))
            here = last.done, here_s, _WHOLE
            yield from self.spread(here)
            self.at = here
        self.frames = []

    def spread(self, here: tuple[int, float, float]) -> Iterator[base.Mark]:
        """Yield the frames, each with its share of the seconds since the last new one."""
        done, seconds, _ = self.at
        for frame in self.frames:
            share = (frame.done - done) / (here[0] - done)
            yield self.timed(frame, seconds + share * (here[1] - seconds), _WHOLE)

    def timed(self, frame: _Frame, seconds: float, error: float) -> base.Mark:
        began_at, self.began_at = self.began_at, None
        return frame.mark._replace(
            began_at=began_at,
            iteration=self.floor + frame.done,
            floor=self.floor,
            value=self.before_s + seconds,
            error=error,
            closes=frame.done == self.total,
        )


def parse(blocks: Iterable[Block], options: base.Options) -> Iterator[IterationSample]:
    """Yield a sample from one new second of a bar's time to the next, or for each bar drawn."""
    length = options.window.last - options.window.first if options.window else math.inf
    return from_bars(to_steps(_marks(blocks, _FINE * length)))


def _marks(blocks: Iterable[Block], fine: float) -> Iterator[base.Mark]:
    drawn = _Drawn(fine)
    for offset, raw in blocks:
        block = base.blank_colours(raw)
        for match in _BAR.finditer(block):
            head = base.head_of(block, match)
            if not _OTHER.search(head):
                yield from drawn.take(_frame(offset, match, head))
    yield from drawn.finish()


def _frame(offset: int, match: re.Match[bytes], head: bytes) -> _Frame:
    loss = _LOSS.search(match["rest"])
    rank, printed = base.rank_and_stamp(head)
    mark = base.Mark(
        0,
        math.nan,
        offset + match.start("rest"),
        loss=float(loss[1]) if loss else None,
        printed=printed,
        rank=rank,
    )
    return _Frame(
        mark,
        int(match["done"]),
        int(match["total"]),
        int(base.read_clock(match["passed"])),
        begins=match["rate"] == b"?",
    )
