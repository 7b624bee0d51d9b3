"""What the parsers share: blocks, the patterns and the meaning of log lines, and marks."""

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

import msgspec

from mrbench.measure.log import patience, stated
from mrbench.measure.log.blocks import Block
from mrbench.model.finding import Problem
from mrbench.model.inputs import Window
from mrbench.model.logformat import LogFormat, Per, Timing
from mrbench.model.measurement import IterationSample, Printed
from mrbench.model.work import Unit

# With commas between thousands, which `plain` takes out.
GROUPED = rb"(\d{1,3}(?:,\d{3}){1,9}(?:\.\d{0,20})?|\d{1,20}(?:\.\d{0,20})?|nan|inf)"
NUMBER = rb"(\d{1,20}(?:\.\d{0,20})?(?:[eE][-+]?\d{1,3})?|nan|inf)"
LOSS = rb"([-+]?(?:\d{1,20}(?:\.\d{0,20})?(?:[eE][-+]?\d{1,3})?|nan|inf|NaN|Infinity))"
GAP = rb"[ \t]{0,40}"  # two blanks, a tab, a colour taken out, or what copy and paste left of them
# What must stand behind a number, or it may be cut off: the end of a block or file does not count.
# A comma between digits belongs to the number.
END = rb"(?:[ \t\r\n]|,(?!\d))"
ITER = re.compile(rb"iter:(?<![\w.]iter:)[ \t]{1,40}(?P<iteration>\d{1,12})(?=[ \t])")
JSON_END = rb'"?[ \t]{0,40}(?:,(?!\d)|\})'


def field(name: bytes, number: bytes = NUMBER, end: bytes = END) -> re.Pattern[bytes]:
    """Return the expression for `name: number`, where name is no part of a longer one."""
    return re.compile(rb"(?<![\w.])" + name + rb":" + GAP + number + end)


def json_field(name: bytes, number: bytes = NUMBER) -> re.Pattern[bytes]:
    """Return the expression for `"name": number`, the number quoted or bare."""
    return re.compile(rb'"' + name + rb'"[ \t]{0,40}:[ \t]{0,40}"?' + number + JSON_END)


class Options(NamedTuple):
    """How to parse a log.

    work_per_iteration: 0 if unknown; a log that prints work per second then gives the seconds
    of one image or token. unit: of the workload; what a recipe's own pattern or column finds in
    another one is unknown.
    """

    log: LogFormat
    work_per_iteration: int
    window: Window | None = None
    unit: Unit | None = None


# A parser yields a log's iteration samples in their order, whose seconds are nan if the log does
# not contain them. It reads the blocks as they come and keeps none of them, so it works on a
# running training and on a file of any length. It may skip iterations that lie more than an
# interval behind the window, but not a smaller number after them, which begins another process.
Parse = Callable[[Iterable[Block], Options], Iterator[IterationSample]]


class TextFormat(msgspec.Struct, frozen=True, kw_only=True):
    """A format whose marks are single lines: where the numbers are, and what they mean.

    number matches a mark anywhere in a block and has the groups `iteration` and, if the log
    counts within epochs, `epoch` and `per_epoch`; value, loss and data (seconds spent waiting for
    data, timed like value) are searched after it in the same line or JSON object.
    head: pattern of the line before the number. timing, every, counts_from and skipped
    are those of LogFormat. smoothing: value is the mean of the last so many iterations, however
    often it is printed; 0 if only the log knows of how many: states_smoothing finds the settings
    that say so, usual is what is likely. restarts: that mean, or a running one, begins anew in each
    epoch. overlaps: a line that comes sooner than the others tells of iterations that were told of.
    data_over: data is the mean of the last so many, though value is not. step: the step of
    rounding, if the digits of value do not show it. begins: a line that a new process prints before
    its first mark; its group, if any, is the number of iterations done. unit_s: seconds of one unit
    of value; None: the line shows it. inverse: value is iterations per second where timing wants
    seconds. told_by: what a line has if its value means what this format says; what that of another
    one means is unknown, for the reason `untold`. allocated_mib: the most GPU memory that the
    framework had allocated on one GPU so far, or since the line before.

    Work that a line tells, in units of work_unit (None: the workload's): work, of one iteration of
    all devices; total_work, since the training began; work_rate, per second of value. per: whose
    rate value is; None: nothing says.
    skips: iterations since the line before that changed no weights. zeroed: where a cumulative
    value falls, it was set to 0 at the line before. paired: `iteration` stands in a line before
    that of value. recounts: iteration begins anew in each epoch, which the line does not number.
    states: facts that the log states elsewhere, as LogFormat.states.
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
    unit_s: float | None = 1.0
    inverse: bool = False
    told_by: re.Pattern[bytes] | None = None
    untold: Problem | None = None
    skipped: int = 0
    smoothing: int | None = None
    states_smoothing: re.Pattern[bytes] | None = None
    usual: str = ""
    restarts: bool = False
    data_over: int = 0
    overlaps: bool = False
    step: float | None = None
    begins: re.Pattern[bytes] | None = None
    allocated_mib: re.Pattern[bytes] | None = None
    work: re.Pattern[bytes] | None = None
    total_work: re.Pattern[bytes] | None = None
    work_rate: re.Pattern[bytes] | None = None
    work_unit: Unit | None = "images"
    per: Per | None = None
    skips: re.Pattern[bytes] | None = None
    zeroed: bool = False
    paired: bool = False
    recounts: bool = False
    states: Mapping[str, str] = {}
    warning: str = ""


RATES = ("rate", "iterations_per_second")
UNPLACED = 10**9  # iterations: where an epoch's place is unknown, it is out of every window


class Mark(NamedTuple):
    """One line of a log that reports iterations.

    iteration: 1-based, counted over epochs; floor: iterations done before its epoch began;
    closes: it is the epoch's last; error: bound of value's error by its printing; rank: what the
    launcher put before the line. untold: why it is unknown what value means. What a process prints
    first is a mark too (`begins`): its value is nan where it does not say how many iterations were
    done before; smoothing: what it states. allocated_bytes: the most GPU memory of its process that
    was printed up to this line. guessed: it is the first of its epoch, and how long the one before
    was the log does not say. work: of one iteration; total_work: since the training began. skips:
    iterations since the line before that changed no weights.
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
    smoothing: int = 0
    untold: Problem | None = None
    allocated_bytes: int | None = None
    guessed: bool = False
    work: float | None = None
    total_work: float | None = None
    skips: int = 0


class Cell(NamedTuple):
    """What a result file's row has in one column, with its iteration as printed.

    ended_at: offset in bytes behind the row.
    """

    iteration: int
    text: str
    ended_at: int


# Marks far behind the window are skipped; only a repeated one is reported: every rank prints it.
REPEAT = Mark(0, math.nan, 0)


def to_sample(
    mark: Mark,
    count: int,
    seconds: float,
    *,
    rounding_s: float,
    edge_s: float | None = None,
    data_s: float | None = None,
    unknown: Problem | None = None,
    begins: bool = False,
) -> IterationSample:
    """Return the sample of a mark's last `count` iterations; see IterationSample.

    unknown: why its seconds are unknown, if not only for what the mark says.
    """
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
        unknown=unknown or mark.untold,
        allocated_bytes=mark.allocated_bytes,
        begins=begins,
        guessed=mark.guessed,
        work=None if mark.work is None else mark.work * count,
        skips=mark.skips,
    )


LONGEST = 1 << 14  # bytes of a line looked at on either side of its number
_COLOUR = re.compile(
    rb"\x1b(?:\[[0-9;:?]{0,40}[ -/]{0,4}[@-~]|\][^\x07\x1b\r\n]{0,200}(?:\x07|\x1b\\))"
)
_NUMBER_GOES_ON = re.compile(rb"[\d.]|[eE][-+]?\d")


def blank_colours(block: bytes) -> bytes:
    """Replace ANSI colour sequences by as many spaces, so that offsets stay true."""
    if b"\x1b" not in block:
        return block
    return _COLOUR.sub(lambda colour: b" " * len(colour[0]), block)


# 0,250 is no thousand but a quarter, by a comma that may stand for a point in 1,250 as well
_THOUSANDS = re.compile(rb"[-+]?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d*)?")


def plain(text: bytes) -> bytes:
    """Return a printed number without quotes, blanks and commas between thousands."""
    text = text.strip(b" \t\"'")
    return text.replace(b",", b"") if _THOUSANDS.fullmatch(text) else text


def number(text: bytes) -> float:
    """Return a printed number; nan where it is none."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def line_around(block: bytes, start: int, end: int) -> tuple[int, int]:
    """Return where the line around start..end begins and ends; a carriage return ends one too."""
    least, most = max(0, start - LONGEST), min(len(block), end + LONGEST)
    left = max(least, block.rfind(b"\n", least, start) + 1)
    left = max(left, block.rfind(b"\r", left, start) + 1)
    right = block.find(b"\n", end, most)
    right = most if right < 0 else right
    early = block.find(b"\r", end, right)
    return left, right if early < 0 else early


def head_of(block: bytes, match: re.Match[bytes]) -> bytes:
    """Return what stands before a match in its line."""
    left, _ = line_around(block, match.start(), match.end())
    return block[left : match.start()]


def rank_and_stamp(head: bytes) -> tuple[bytes | None, Printed | None]:
    """Return the rank that a line begins with, and its time stamp.

    Behind a progress bar without a line's end the stamp stands in the last bracket.
    """
    rank = stated.RANK.match(head)
    printed = stated.read_stamp(head)
    if printed is None and b"[" in head:
        printed = stated.read_stamp(head[head.rfind(b"[") :])
    return rank[1] if rank else None, printed


def after_line(block: bytes, right: int) -> int:
    """Return where the line begins behind the line end at `right`; right where no line ends."""
    if block[right : right + 2] == b"\r\n":
        return right + 2
    return right + 1 if block[right : right + 1] in (b"\r", b"\n") else right


def number_ends(
    block: bytes, right: int, rule: TextFormat, *, final: bool, inner: bool = False
) -> bool | None:
    """Return whether a number at a line's end is complete and not wrapped by a terminal.

    None if that depends on a line that has not come yet. final: no line will follow. inner: in the
    lines before, text follows the number; so this one is cut off, unless its rest comes next.
    """
    after = after_line(block, right)
    if after == right:
        return False
    if after == len(block) and not final:
        return None
    if inner and (after == len(block) or _begins_record(block, after, rule)):
        return False
    return _NUMBER_GOES_ON.match(block, after) is None or _begins_record(block, after, rule)


def _begins_record(block: bytes, at: int, rule: TextFormat) -> bool:
    head = block[at : at + 200]
    if stated.RANK.match(head) is not None or stated.read_stamp(head) is not None:
        return True
    if rule.value is not rule.number:
        return rule.number.match(block, at) is not None
    return patience.within(lambda: rule.number.match(block, at), key="log.pattern") is not None


def last_digit(text: bytes) -> float:
    """Return the worth of the last digit printed: 0.0001 for `0.2701`, 1 for `3`."""
    mantissa, _, exponent = text.lower().partition(b"e")
    if not mantissa[:1].isdigit():
        return 0.0
    decimals = len(mantissa.partition(b".")[2])
    return float(f"1e{int(exponent or 0) - decimals}")


def significant_step(value: float, digits: int) -> float:
    """Return the worth of the last of so many significant digits, printed or dropped as zeros."""
    if not 0 < value < math.inf:
        return 0.0
    return float(f"1e{math.floor(math.log10(value)) - digits + 1}")


_WORDS = re.compile(rb"(\d[\d.e+-]{0,20}) (day|hour|minute|second)")
_UNITS_S = {b"day": 86400, b"hour": 3600, b"minute": 60, b"second": 1}
_WORDS_DIGITS = 3
_CLOCK_S = (1, 60, 3600)


def read_words(text: bytes) -> tuple[float, float]:
    """Return the seconds of `1 hour 2 minutes` or `46.1 seconds`, and the bound of their error.

    So tensorpack prints them: with three digits, from a minute on with the fraction cut off, not
    rounded: its mean is put back. nan for no time.
    """
    parts = _WORDS.findall(text)
    seconds = sum(number(amount) * _UNITS_S[unit] for amount, unit in parts) if parts else math.nan
    if any(unit != b"second" for _, unit in parts):
        return seconds + 0.5, 0.5
    return seconds, significant_step(seconds, _WORDS_DIGITS) / 2


def read_clock(text: bytes) -> float:
    """Return the seconds of `2:11`, `0:02:11` or `1 day, 0:02:11`."""
    days, _, time = text.rpartition(b", ")
    parts = [int(part) for part in reversed(time.split(b":"))]
    seconds = sum(part * unit for part, unit in zip(parts, _CLOCK_S, strict=False))
    return float(86400 * int(days.split()[0] if days else 0) + seconds)
