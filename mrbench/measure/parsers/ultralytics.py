r"""Ultralytics' own progress bar, drawn anew at the end of each iteration but 0.1 s apart at least.

    \r\x1b[K  1/2  0G  3.151  11.64  5.813  22  160: 6% #----- 1/16 3.7s/it 3.2s<55.0s

The bar is drawn before it counts the iteration, so it shows one less than are done; only the full
one shows all, a moment after the one before. Its rate is a moving mean that began at 0 and is not
read. Its time is that since the epoch's bar began, rounded to 0.1 s, from a minute on to whole
seconds; frames between two new seconds get their share. What lies between the bars, a validation,
is in no figure. Arrival times are finer and lead where they are at hand.

A bar that ends before it is full was broken off in an iteration: the epoch begins again, as after
running out of memory or a loss that is not finite, or the training is over. Columns are the losses'
means since the epoch's beginning; their sum is taken for the loss.
"""

import math
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from mrbench.measure.log.blocks import Block
from mrbench.measure.parsers.base import Mark, Options, blank_colours, number, read_clock
from mrbench.measure.parsers.samples import from_bars
from mrbench.measure.parsers.steps import to_steps
from mrbench.model.measurement import IterationSample

_LINES = re.compile(
    rb"^[ \t]{0,40}(?P<epoch>\d{1,7})/\d{1,7} {1,40}\d[\d.]{0,20}[KMG]? {1,40}"
    rb"(?P<columns>[^\n:]{0,400}): {1,4}\d{1,3}% [^\s\d]{1,80} (?P<shown>\d{1,9})/(?P<of>\d{1,9}) "
    rb"(?:[\d.]{1,20}[KMG]?(?:it/s|s/it))? {0,2}"
    rb"(?:(?P<clock>\d{1,4}:\d\d(?::\d\d)?)(?=[^\d:])|(?P<seconds>\d\d?\.\d)s)(?P<rest>[^\n]{0,400})|"
    rb"^[ \t]{1,40}Epoch {1,40}GPU_mem [^\n]{0,400}(?P<header>\n)|"
    rb"^Starting training for [^\n]{1,99}(?P<start>\n)",
    re.MULTILINE,
)
_LINE_END = re.compile(rb"\r?\n")
_NO_LOSSES = 2  # columns at the end: Instances, Size
_FINE_S, _WHOLE_S = 0.1, 1.0  # what the printed time is rounded to


class _Frame(NamedTuple):
    """A bar as drawn. mark: iteration over all epochs; done: of its epoch; step_s: of rounding."""

    mark: Mark
    done: int
    passed_s: float
    step_s: float


class _Epoch(msgspec.Struct):
    """The bar of an epoch, and its frames since its time last changed."""

    number: int = 0
    done: int = 0
    at: tuple[int, float] = (0, 0.0)  # iterations and seconds where the time last changed
    frames: list[_Frame] = []

    def take(self, frame: _Frame) -> Iterator[Mark]:
        """Yield the marks whose time is known now."""
        self.done = frame.done
        self.frames.append(frame)
        if frame.passed_s > self.at[1]:
            yield from self.between(frame.passed_s)

    def between(self, seconds: float) -> Iterator[Mark]:
        """Yield the frames since the time changed, each with its share of the seconds since."""
        done, before_s = self.at
        frames, self.frames = self.frames, []
        for frame in frames:
            share = (frame.done - done) / (frames[-1].done - done)
            value = before_s + share * (seconds - before_s)
            yield frame.mark._replace(value=value, error=frame.step_s / 2)
        self.at = frames[-1].done, seconds

    def finish(self) -> Iterator[Mark]:
        """Yield the frames behind the last change, by the speed until then."""
        done, before_s = self.at
        if self.frames and done and before_s:
            last = self.frames[-1]
            most = last.passed_s + last.step_s / 2 - before_s
            further_s = min(most, (last.done - done) * before_s / done)
            yield from self.between(before_s + further_s)
        self.frames = []


def parse(blocks: Iterable[Block], _: Options) -> Iterator[IterationSample]:
    """Yield a sample from one frame of the bar to the next."""
    return from_bars(to_steps(_marks(blocks)), restarts=True)


def _marks(blocks: Iterable[Block]) -> Iterator[Mark]:
    epoch, began_at = _Epoch(), None
    doubtful: _Frame | None = None  # a bar at a line's end that is not full
    for offset, raw in blocks:
        block = blank_colours(raw).replace(b"\r", b"\n")  # a frame is a line
        for match in _LINES.finditer(block):
            if match["header"] or match["start"]:
                # the first epoch's header may come only once the losses have names
                began_at = (
                    offset + match.end() if match["start"] else began_at or offset + match.end()
                )
                continue
            of = int(match["of"])
            done = min(int(match["shown"]) + 1, of)
            begins = int(match["epoch"]) != epoch.number or done < epoch.done
            if doubtful and not begins and done > doubtful.done:
                yield from epoch.take(doubtful)  # something else was printed there
            doubtful = None
            if begins:
                yield from epoch.finish()
                epoch = _Epoch(int(match["epoch"]))
            if done == epoch.done:
                continue  # the full bar, after the last iteration's own
            frame, began_at = _frame(match, offset, done, began_at), None
            if done < of and _LINE_END.match(raw, match.end()):
                doubtful = frame
            else:
                yield from epoch.take(frame)
    yield from epoch.finish()


def _frame(match: re.Match[bytes], offset: int, done: int, began_at: int | None) -> _Frame:
    of = int(match["of"])
    floor = max(0, int(match["epoch"]) - 1) * of
    losses = [number(text) for text in match["columns"].split()[:-_NO_LOSSES]]
    mark = Mark(
        floor + done,
        math.nan,
        offset + match.start("rest"),
        began_at=began_at,
        loss=sum(losses) if losses else None,
        floor=floor,
        closes=done == of,
    )
    if match["seconds"]:
        return _Frame(mark, done, float(match["seconds"]), _FINE_S)
    return _Frame(mark, done, read_clock(match["clock"]), _WHOLE_S)
