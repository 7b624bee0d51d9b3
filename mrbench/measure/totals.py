"""Totals that a log prints beside its lines: the seconds of an epoch, or of the whole training.

They are a further clock, which covers iterations of its own, not the window's. They are looked for
in blocks that are read anyway, and nothing is read for their sake; so are lines by which the
training says that it changed its batch.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import msgspec

from mrbench.measure.log.blocks import Block
from mrbench.measure.parsers.base import last_digit, line_around, read_clock, read_words
from mrbench.measure.parsers.text import skip_after
from mrbench.model.inputs import Window
from mrbench.model.logformat import LogFormat
from mrbench.model.measurement import IterationSample
from mrbench.text import shorten


class Kind(NamedTuple):
    """A total: its name, what its line contains, and its expression.

    The expression has a group `seconds`, `clock` (h:mm:ss, cut off) or `words`, and perhaps `each`,
    the seconds of one iteration. whole: of the training, and with whatever it did besides.
    """

    name: str
    literal: bytes
    pattern: re.Pattern[bytes]
    whole: bool = False


class PrintedTotal(NamedTuple):
    """A total as the log prints it: ended_at is the offset in bytes behind it."""

    name: str
    ended_at: int
    seconds: float
    error_s: float
    each: bool  # seconds are those of one iteration
    whole: bool


_NUMBER = rb"'?(?P<seconds>\d{1,12}(?:\.\d{0,9})?)"
_CLOCK = rb"(?P<clock>(?:\d{1,4} days?, )?\d{1,4}:\d\d:\d\d)"
_COST = Kind("Training cost", b"Training cost:", re.compile(rb"Training cost: " + _NUMBER))
_TIME_COST = Kind("Time cost", b"Time cost=", re.compile(rb"Time cost=" + _NUMBER))
_TOTAL_TIME = Kind(
    "Total time",
    b"Total time:",
    re.compile(
        rb"Epoch: \[[^\r\n]{1,40}?\] Total time: "
        + _CLOCK
        + rb"(?: \((?P<each>\d{1,9}\.\d{1,9}) s / it\))?"
    ),
)
_TAKES = Kind("training takes", b"training takes", re.compile(rb"training takes " + _CLOCK))
_FINISHED = Kind(
    "finished, time",
    b"finished, time:",
    re.compile(
        rb"Epoch \d{1,9} \(global_step \d{1,12}\) finished, time:"
        rb"(?P<words>(?:\d[\d.e+-]{0,20} [a-z]{1,10} ?){1,4})\."
    ),
)
_RUNTIME = Kind(
    "train_runtime",
    b"'train_runtime'",
    re.compile(rb"'train_runtime': " + _NUMBER),
    whole=True,
)
_WHOLE_RUNTIME = Kind(
    "train_runtime",
    b"'train_samples_per_second'",
    re.compile(rb"'train_runtime': " + _NUMBER + rb"'?, 'train_samples_per_second'"),
    whole=True,
)
_TRAINING_TIME = Kind(
    "Training Time",
    b"- Training Time :",
    re.compile(rb"- Training Time : " + _NUMBER + rb" s"),
    whole=True,
)
# What each format's programs print; a recipe's own pattern may be of any of them.
KINDS: Mapping[str, tuple[Kind, ...]] = {
    "gluoncv": (_COST,),
    "mxnet": (_TIME_COST,),
    "simpledet": (_TIME_COST,),
    "torchvision": (_TOTAL_TIME,),
    "swin": (_TAKES,),
    "tensorpack": (_FINISHED,),
    "hf-trainer": (_WHOLE_RUNTIME,),
    "litgpt": (_TRAINING_TIME,),
}
# What their figures mean is not established: nothing behind the window is skipped for the total.
NEEDS_TOTALS = frozenset({"gluoncv"})
_ANY = (_COST, _TIME_COST, _TOTAL_TIME, _TAKES, _FINISHED, _RUNTIME, _TRAINING_TIME)

# Trainers take another batch after running out of memory, or where they look for one that fits. The
# images of an iteration are then not the plan's, though every iteration is timed.
_SIZE = rb"batch[ _-]?size"
_TO = rb"(?:[^\r\n\d]{0,20}\d{1,6})?[^\r\n\d]{0,20}?\bto\b[ :=]{1,3}"  # "from 16 to 8"
_SAYINGS = (
    # ultralytics: Reducing to batch=8 and retrying; AutoBatch: Using batch-size 8 for CUDA:0
    rb"(?:reduc|decreas)ing to batch=",
    rb"autobatch: using " + _SIZE + rb" ",
    # accelerate and others: Decreasing batch size to: 8. A share has no such number.
    rb"(?:reduc|decreas|halv|lower)ing (?:the )?" + _SIZE + _TO,
    _SIZE + rb" (?:was |has been |is )?(?:reduc|decreas|halv|lower)ed" + _TO,
    # Lightning: Batch size 16 failed, trying batch size 8
    _SIZE
    + rb"[ :=]{1,3}\d{1,6} (?:failed|ran out of memory)\b[^\r\n]{0,30}?\btrying (?:"
    + _SIZE
    + rb" )?",
    rb"finished batch size finder, will continue with full run using batch size ",
)
_LINES = re.compile(rb"(?i:" + rb"|".join(_SAYINGS) + rb")(?P<images>\d{1,6})\b")
# Without one of these no line fits; most blocks are passed by quickly.
_HINTS = tuple(b"educ|ecreas|alving|alved|ower|failed|ran out of|size finder|AutoBatch".split(b"|"))
_LONGEST_BYTES = 200  # of a line, either side of what fits
MOST_RESIZED = 1000  # are kept, the last ones


class Total(NamedTuple):
    """A total and the log's own figures over the same iterations, those after `first` up to `last`.

    error_s: bound of the difference that printing makes; behind_s: of what comes behind an epoch's
    last line. more: it may cover more than the figures do. ended_at: offset in bytes behind it.
    """

    name: str
    ended_at: int
    first: int
    last: int
    seconds: float
    log_s: float
    error_s: float
    behind_s: float
    more: bool


class _Sum(msgspec.Struct):
    """The log's own figures since an epoch's, or a process's, beginning."""

    first: int
    count: int = 0
    log_s: float = 0.0
    longest: int = 0

    def add(self, sample: IterationSample) -> None:
        self.count += sample.count
        self.log_s += sample.seconds
        self.longest = max(self.longest, sample.count)


class Tally:
    """Holds one process's figures against the totals that its log prints."""

    def __init__(self, first: int) -> None:
        self.totals: list[Total] = []
        self.last = first
        self._epoch, self._whole = _Sum(first), _Sum(0)

    def add(self, sample: IterationSample) -> None:
        """Add a sample's figures."""
        self._epoch.add(sample)
        self._whole.add(sample)
        self.last = sample.last

    def close(self, printed: PrintedTotal, *, complete: bool) -> None:
        """Take a total; complete: all samples before it were read."""
        own = self._whole if printed.whole else self._epoch
        length = self.last - own.first
        if not printed.whole:
            self._epoch = _Sum(self.last)
        if not (complete and own.log_s > 0 and length and math.isfinite(own.log_s)):
            return
        times = length if printed.each else 1
        seconds = printed.seconds * times
        # a mean needs no iterations behind the last line
        behind_s = 0.0 if printed.each else seconds * own.longest / (length + own.longest)
        self.totals.append(
            Total(
                printed.name,
                printed.ended_at,
                own.first,
                self.last,
                seconds,
                own.log_s,
                printed.error_s * times,
                behind_s,
                printed.whole or own.count < length,
            )
        )


class Resized(NamedTuple):
    """A batch that the training chose itself: its images, where in bytes, and the line."""

    at: int
    images: int
    line: str


class Totals:
    """Notes the totals in the blocks of a log.

    window: what the log is read for; samples far behind it are not read, so that totals there
    cover more than is known. None: all samples are read. beyond: they are, so that none is looked
    for.
    """

    def __init__(self, log: LogFormat, window: Window | None) -> None:
        self.kinds = _ANY if log.format is None else KINDS.get(log.format, ())
        self.limit = skip_after(window)
        self.beyond = False
        self._printed: list[PrintedTotal] = []
        self._resized: list[Resized] = []

    def resized(self, before: float) -> Resized | None:
        """Return the last batch that the training chose itself before an offset in bytes."""
        return next((each for each in reversed(self._resized) if each.at < before), None)

    def close(self, tally: Tally, before: float) -> None:
        """Hold a process's figures against the totals printed before an offset in bytes."""
        if not self._printed:
            return
        for total in self._printed:
            if total.ended_at < before:
                tally.close(total, complete=tally.last <= self.limit)
        self._printed = [total for total in self._printed if total.ended_at >= before]

    def watch(self, blocks: Iterable[Block]) -> Iterator[Block]:
        """Yield the blocks unchanged and note their totals, and batches that changed."""
        for offset, block in blocks:
            if not self.beyond:
                self._resized = [*self._resized, *_find_resized(block, offset)][-MOST_RESIZED:]
            for kind in () if self.beyond else self.kinds:
                if kind.literal in block:
                    self._printed += [
                        _read(kind, match, offset) for match in kind.pattern.finditer(block)
                    ]
            yield offset, block


def _read(kind: Kind, match: re.Match[bytes], offset: int) -> PrintedTotal:
    groups, ended_at, each = match.groupdict(), offset + match.end(), False
    if groups.get("each"):
        seconds, error_s, each = float(match["each"]), last_digit(match["each"]) / 2, True
    elif groups.get("words"):
        seconds, error_s = read_words(match["words"])
    elif groups.get("clock"):
        seconds, error_s = read_clock(match["clock"]) + 0.5, 0.5  # cut off: its mean is put back
    else:
        seconds, error_s = float(match["seconds"]), last_digit(match["seconds"]) / 2
    return PrintedTotal(kind.name, ended_at, seconds, error_s, each, kind.whole)


def _find_resized(block: bytes, offset: int) -> Iterator[Resized]:
    """Yield what the lines of a block say of it, in their order; offset: of the block, in bytes."""
    if not any(hint in block for hint in _HINTS):
        return
    for match in _LINES.finditer(block):
        left, right = line_around(block, match.start(), match.end())
        left = max(left, block.rfind(b"WARNING", left, match.start()))  # behind a progress bar
        line = block[max(left, match.start() - _LONGEST_BYTES) : right]
        text = shorten(line[: 2 * _LONGEST_BYTES].decode(errors="replace").strip())
        yield Resized(offset + match.start(), int(match["images"]), text)
