"""The dictionaries that transformers' Trainer prints, where it draws no bars (disable_tqdm).

    {'loss': '6.203', 'epoch': '0.004', 'num_input_tokens_seen': 51200, 'train_runtime': '3.96'}

A line has no iteration: it comes every `logging_steps` of them, which log.every tells, and with
logging_first_step once more after the first. Where the log says how many steps an epoch has, the
line's epoch tells its iteration, whatever log.every says; and the rate that a whole training ends
with tells how many there were. Version 5 prints texts of four digits, and, where it was asked to
(include_num_input_tokens_seen), the seconds and tokens since the training began, evaluations
included; its `train_tokens_per_second` is a mean since then as well. Otherwise, as in older
versions, only another clock tells the seconds. Of images it counts the values of all pixels.
"""

import math
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

import msgspec

from mrbench.errors import MeasureError
from mrbench.measure.log.blocks import Block
from mrbench.measure.parsers import base
from mrbench.measure.parsers.samples import to_samples
from mrbench.model.finding import Problem
from mrbench.model.measurement import IterationSample

_LINE = rb"\{'loss': '?(?P<loss>" + base.LOSS[1:-1] + rb")'?, [^{}\r\n]{0,2000}\}"
_ANY = re.compile(
    _LINE + rb"|\{'train_runtime': '?(?P<runtime>[\d.e+]{1,20})'?,"
    rb" 'train_samples_per_second': '?[\d.e+]{1,20}'?,"
    rb" 'train_steps_per_second': '?(?P<steps>[\d.e+]{1,20})[',]"
    rb"|Num update steps per epoch = (?P<per_epoch>[\d,]{1,15})[\r\n]"
    rb"|(?:Continuing training from|Resuming training from checkpoint with epoch \d{1,9} and)"
    rb" global step (?P<resumed>\d{1,12})[\r\n]"
)
_RULE = base.TextFormat(number=_ANY, value=_ANY, timing="cumulative")
_DIGITS = 4  # of a quoted number
_ENDS = 2e-3  # of the steps that a rate of four digits tells
_FIRST = 2.5  # times the first line's epoch or tokens: then that was printed after iteration 1
_UNTIMED = Problem(
    "the lines of transformers' Trainer tell no seconds here",
    "let mrbench run the training: it times the lines as they arrive",
)


def _field(name: bytes) -> re.Pattern[bytes]:
    return re.compile(rb"'" + name + rb"': (?P<quote>'?)" + base.NUMBER + rb"'?(?=[,}])")


_EPOCH, _TOKENS, _SECONDS = map(_field, (b"epoch", b"num_input_tokens_seen", b"train_runtime"))


class _Line(NamedTuple):
    """A mark without its iteration. per_epoch: steps of an epoch, if the log says how many."""

    mark: base.Mark
    epoch: float
    error: float  # of epoch, by its digits
    per_epoch: int | None
    text: bytes

    def placed(self, iteration: int) -> base.Mark:
        """Return the mark at an iteration, unless its epoch says that it is another."""
        if self.per_epoch:
            stated = self.epoch * self.per_epoch
            if abs(iteration - stated) > self.error * self.per_epoch + 0.5:
                iteration = round(stated)
        return self.mark._replace(iteration=iteration)


# A line; a training that goes on behind a checkpoint, with its steps until there; and the optimizer
# steps that a training tells that ended.
_Told = _Line | base.Mark | float


def parse(blocks: Iterable[Block], options: base.Options) -> Iterator[IterationSample]:
    """Yield the samples between the lines, log.every iterations apart.

    Raises MeasureError where the whole training's steps show that they are not.
    """
    return to_samples(_numbered(_lines(blocks), options.log.every), _RULE, options)


def spacing(head: bytes) -> int | None:
    """Return the iterations from one line to the next, if a log's beginning tells them."""
    found = (line for line in _lines([(0, head)]) if isinstance(line, _Line))
    lines = list(islice(found, 3))
    if len(lines) < 2 or not lines[-1].per_epoch:  # noqa: PLR2004 - from one to the next
        return None
    apart = (lines[-1].epoch - lines[-2].epoch) * lines[-1].per_epoch
    return round(apart) if math.isfinite(apart) and apart >= 1 else None


class _Counted(msgspec.Struct):
    """The lines of a training so far, each of which gets its iteration.

    given: log.every. done: how far the training was at the line before, in tokens or epochs; each:
    how far it comes from one line to the next. first: the first line, which waits for the second:
    that shows whether it came after iteration 1.
    """

    given: int | None
    count: int = 0
    done: float = math.inf
    each: float = 0.0
    first: _Line | None = None
    resumed: base.Mark | None = None
    tokens: bool | None = None  # whether this log has them
    stated: bool = False  # how many steps an epoch has
    text: bytes = b""

    @property
    def every(self) -> int:
        return self.given or 1

    def take(self, line: _Line) -> Iterator[base.Mark]:
        """Yield the line, or the one that waited, with its iteration.

        Where epoch or tokens grow by several lines' worth, lines were lost; where they do not grow,
        a line stands twice, as of several ranks.
        """
        if self.tokens is None:
            self.tokens = line.mark.total_work is not None
        done = line.mark.total_work if self.tokens else line.epoch
        if done is None:
            return  # the line is damaged
        same = self.tokens or line.text == self.text or self.each > 2 * line.error
        if done == self.done and same:
            return
        before, self.done = self.done, done
        self.text, self.stated = line.text, line.per_epoch is not None
        if self.resumed or done < before:
            yield from self.begin(line, done)
            return
        if self.first:
            early = self.every > 1 and done > _FIRST * before
            yield self.first.placed(1 if early else self.every)
            self.each = done if early else before
            self.first, self.count = None, int(not early)
        self.count += _lines_of(done - before, self.each)
        yield line.placed(self.count * self.every)

    def begin(self, line: _Line, done: float) -> Iterator[base.Mark]:
        """Take the first line of a training, or of one that was started again."""
        yield from self.finish()
        if self.resumed is None:
            self.first, self.count = line, 0
            return
        yield self.resumed
        self.count = self.resumed.iteration // self.every + 1
        self.each, self.resumed = done / self.count, None
        yield line.placed(self.count * self.every)

    def finish(self) -> Iterator[base.Mark]:
        """Yield the line that waits."""
        if self.first:
            yield self.first.placed(self.every)
        self.first = None

    def hold(self, steps: float) -> None:
        """Hold a whole training's steps against its lines, where they tell no iteration."""
        since_begin = abs(self.done - self.count * self.each) < self.each / 2
        if self.given and not (self.first or self.stated) and since_begin:
            _check(steps, self.count * self.every, self.every)


def _numbered(lines: Iterable[_Told], given: int | None) -> Iterator[base.Mark]:
    """Give each line its iteration. given: log.every."""
    counted = _Counted(given)
    for line in lines:
        if isinstance(line, _Line):
            yield from counted.take(line)
        elif isinstance(line, base.Mark):
            counted.resumed = line
        else:
            counted.hold(line)
    yield from counted.finish()


def _check(steps: float, counted: int, every: int) -> None:
    """Hold the iterations that were counted against those of the whole training."""
    after = steps + 0.5 - counted  # behind the last line, rounded up
    if not math.isfinite(steps) or -_ENDS * steps <= after <= every + 1 + _ENDS * steps:
        return
    text = (
        f"it made {steps:.0f} steps, as its train_steps_per_second tells, and {counted} if its"
        f" lines are {every} apart"
    )
    raise MeasureError(text, "correct --every (in a recipe, log.every): it is logging_steps")


def _lines_of(done: float, each: float) -> int:
    """Return how many lines' worth of epoch or tokens was done, one at least."""
    return max(1, round(done / each)) if each > 0 and math.isfinite(done) else 1


def _lines(blocks: Iterable[Block]) -> Iterator[_Told]:
    per_epoch = None
    for offset, raw in blocks:
        block = base.blank_colours(raw)
        for match in _ANY.finditer(block):
            if match["per_epoch"]:
                per_epoch = int(match["per_epoch"].replace(b",", b"")) or None
            elif match["resumed"]:
                yield base.Mark(int(match["resumed"]), 0.0, offset + match.end(), begins=True)
            elif match["steps"]:
                yield base.number(match["runtime"]) * base.number(match["steps"])
            elif line := _line(block, offset, match, per_epoch):
                yield line


def _line(block: bytes, offset: int, match: re.Match[bytes], per_epoch: int | None) -> _Line | None:
    epoch = _EPOCH.search(block, match.start(), match.end())
    if epoch is None:
        return None
    seconds = _SECONDS.search(block, match.start(), match.end())
    tokens = _TOKENS.search(block, match.start(), match.end())
    rank, printed = base.rank_and_stamp(base.head_of(block, match))
    mark = base.Mark(
        0,
        base.number(seconds[2]) if seconds else math.nan,
        offset + match.end(),
        loss=base.number(match["loss"]),
        error=_error(seconds) if seconds else 0.0,
        printed=printed,
        rank=rank,
        untold=None if seconds else _UNTIMED,
        total_work=base.number(tokens[2]) if tokens else None,
    )
    return _Line(mark, base.number(epoch[2]), _error(epoch), per_epoch, match[0])


def _error(seconds: re.Match[bytes]) -> float:
    if not seconds["quote"]:
        return base.last_digit(seconds[2]) / 2
    return base.significant_step(base.number(seconds[2]), _DIGITS) / 2
