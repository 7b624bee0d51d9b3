"""Orbit's controller, which TensorFlow's Model Garden trains with.

    I1128 18:38:12.810832 1408 controller.py:535] train | step:     10 | steps/sec:    0.9 | output:
        {'learning_rate': np.float32(5.5e-05),
         'training_loss': np.float32(13.904063)}

A line comes every `steps_per_loop` steps, in which the device has finished: the losses are fetched.
Its steps/sec is of the steps since the line before, with one decimal: the seconds are those between
the lines' own time stamps, and steps/sec must fit them. All of it is printed twice, by absl with a
time stamp and without: where there are stamps, lines without one do not count. What the process
does between two loops, writing a checkpoint or a summary, is in the next line's seconds; the first
line's have the tracing and compiling in them.
"""

import math
import re
from collections.abc import Iterable, Iterator

from mrbench.measure.log.blocks import Block
from mrbench.measure.log.stated import elapsed
from mrbench.measure.parsers import base
from mrbench.measure.parsers.samples import to_samples
from mrbench.model.finding import Problem
from mrbench.model.measurement import IterationSample

_BAR = rb"[ \t]{1,40}\|[ \t]{1,40}"
_LINE = re.compile(
    rb"(?<!\w)train"
    + _BAR
    + rb"step:[ \t]{1,40}(?P<step>\d{1,12})"
    + _BAR
    + rb"(?:training (?P<begins>until step )|steps/sec:[ \t]{1,40}(?P<rate>\d{1,12}\.\d)"
    + _BAR
    + rb")|"
    rb"'training_loss': (?:np\.float\d\d\()?" + base.LOSS
)
_COLOURED = re.compile(rb"[ \t]{2,}")  # what is left of one between date and time
_RULE = base.TextFormat(number=_LINE, value=_LINE, timing="cumulative")
_RATE_ERROR, _RATE_PART = 0.06, 0.05  # of steps/sec: by its printing, and by what lies between
_UNSTAMPED = Problem(
    "the lines have no time stamps, and steps/sec has one decimal",
    "keep what absl prints (on stderr), or let mrbench run the training: it times the lines as they"
    " arrive",
)
_UNLIKE = Problem(
    "a line's steps/sec is not that of its steps and the time stamps around them",
    "let mrbench run the training: it times the lines as they arrive",
)


def parse(blocks: Iterable[Block], options: base.Options) -> Iterator[IterationSample]:
    """Yield the samples between the lines, timed by their stamps."""
    return to_samples(_timed(_marks(blocks)), _RULE, options)


def _timed(lines: Iterable[tuple[base.Mark, float]]) -> Iterator[base.Mark]:
    """Give each line the seconds since its training began, or why they are unknown.

    Each comes with its steps/sec; nan: a training begins.
    """
    before: base.Mark | None = None
    seconds, stamped = 0.0, False
    for mark, rate in lines:
        if mark.printed is None and stamped:
            continue  # the same line once more
        stamped = mark.printed is not None
        told = mark._replace(printed=None)  # what its seconds are made of cannot check them
        if mark.begins:
            seconds = 0.0
            yield told
        elif mark.printed is None:
            yield told._replace(value=math.nan, untold=_UNSTAMPED)
        elif before is None or before.printed is None:
            yield told._replace(value=seconds)
        else:
            passed_s = elapsed(before.printed, mark.printed) or 0.0
            seconds += passed_s
            fits = before.begins or _fits(mark.iteration - before.iteration, passed_s, rate)
            yield told._replace(value=seconds, untold=None if fits else _UNLIKE)
        before = mark


def _fits(steps: int, passed_s: float, rate: float) -> bool:
    """Tell whether a printed rate is that of the steps in those seconds, or none can be told."""
    if steps <= 0 or passed_s <= 0:
        return True
    expected = steps / passed_s
    return abs(expected - rate) <= _RATE_ERROR + _RATE_PART * expected


def _marks(blocks: Iterable[Block]) -> Iterator[tuple[base.Mark, float]]:
    """Yield each line with its steps/sec and the loss, which follows in a line of its own."""
    waiting: tuple[base.Mark, float] | None = None
    for offset, raw in blocks:
        block = base.blank_colours(raw)
        for match in _LINE.finditer(block):
            if match["step"] is None:
                if waiting and waiting[0].loss is None:
                    waiting = waiting[0]._replace(loss=base.number(match[4])), waiting[1]
                continue
            if waiting:
                yield waiting
            head = _COLOURED.sub(b" ", base.head_of(block, match))
            rank, printed = base.rank_and_stamp(head)
            mark = base.Mark(
                int(match["step"]),
                0.0,
                offset + match.end(),
                begins=match["begins"] is not None,
                error=printed.step_s if printed else 0.0,  # what follows its last digit is cut off
                printed=printed,
                rank=rank,
            )
            waiting = mark, base.number(match["rate"] or b"nan")
    if waiting:
        yield waiting
