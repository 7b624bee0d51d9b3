"""What the parsers share: blocks, the meaning of a format's lines, and marks."""

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from mrbench.model.recipe import Clock, LogFormat, Timing, Window
from mrbench.model.run import IterationSample, Printed

Block = tuple[int, bytes]  # (offset of the first byte in the log, bytes that end at a line's end)

NUMBER = rb"(\d{1,20}(?:\.\d{0,20})?(?:[eE][-+]?\d{1,3})?|nan|inf)"
LOSS = rb"([-+]?(?:\d{1,20}(?:\.\d{0,20})?(?:[eE][-+]?\d{1,3})?|nan|inf|NaN|Infinity))"
GAP = rb"[ \t]{0,40}"  # two blanks, a tab, a colour taken out, or what copy and paste left of them
# What must stand behind a number, or it may be cut off: the end of a block or file does not count.
END = rb"[ \t,\r\n]"
ITER = re.compile(rb"iter:(?<![\w.]iter:)[ \t]{1,40}(?P<iteration>\d{1,12})(?=[ \t])")
JSON_END = rb'"?[ \t]{0,40}[,}]'


def field(name: bytes, number: bytes = NUMBER, end: bytes = END) -> re.Pattern[bytes]:
    """Return the expression for `name: number`, where name is no part of a longer one."""
    return re.compile(rb"(?<![\w.])" + name + rb":" + GAP + number + end)


def json_field(name: bytes, number: bytes = NUMBER) -> re.Pattern[bytes]:
    """Return the expression for `"name": number`, the number quoted or bare."""
    return re.compile(rb'"' + name + rb'"[ \t]{0,40}:[ \t]{0,40}"?' + number + JSON_END)


class Parse(Protocol):
    """What a parser is: a function from a log's blocks to iteration samples, in their order.

    It reads as the blocks come and keeps nothing behind them, so it serves a running training and
    a file of any length alike. With `window`, iterations far behind it need not be told one by
    one, as long as a smaller number after them (another process) is. Far: more than an interval.
    images_per_iteration: 0 where they are unknown; then the seconds that a log tells as images per
    second are those of one image, and no others are told by a parser of such logs.
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
    counts within epochs, `epoch` and `per_epoch`; value, loss and data (seconds spent waiting for
    data, timed as value is) are searched behind it in that line alone, or in that JSON object.
    head: what the line before the number must look like. timing, every, counts_from and skipped
    are those of LogFormat. smoothing: value is the mean of the last so many iterations, however
    often it is printed. data_over: data is the mean of the last so many, though value is not.
    step: what value is rounded to, where its digits do not tell. begins: a line that a new process
    prints before its first mark, with the iterations done so far as its group where it tells them.
    """

    number: re.Pattern[bytes]
    value: re.Pattern[bytes]
    loss: re.Pattern[bytes] | None = None
    data: re.Pattern[bytes] | None = None
    head: re.Pattern[bytes] | None = None
    json: bool = False
    timing: Timing
    every: int | None = None
    counts_from: int = 1
    epochs_from: int = 1
    skipped: int = 0
    smoothing: int = 0
    smoothing_restarts: bool = False
    data_over: int = 0
    step: float | None = None
    begins: re.Pattern[bytes] | None = None
    clock: Clock = "log"
    warning: str = ""


class Mark(NamedTuple):
    """One line of a log that tells of iterations.

    iteration: 1-based, counted over epochs; floor: iterations done before its epoch began;
    closes: it is the epoch's last; error: bound of value's error by its printing; rank: what the
    launcher put before the line. A process's first line is a mark too (`begins`), whose value is
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
    error: float = 0.0
    data: float | None = None
    printed: Printed | None = None
    printed_began: Printed | None = None
    rank: bytes | None = None


# Far behind the window marks are not told one by one, but that one came twice: ranks print all.
REPEAT = Mark(0, math.nan, 0)
