"""Parse logs whose marks are single lines, by a named format or a recipe's pattern.

One compiled expression runs over a block of a megabyte, not over each line, and matches the
iteration number only; the rest is looked up in its line. Far behind the window that is skipped:
there only a smaller number matters, because it begins a new process.
"""

import math
import re
from collections.abc import Iterable, Iterator

import msgspec

from mrbench.measure.log import patience
from mrbench.measure.log.blocks import Block
from mrbench.measure.parsers import base
from mrbench.measure.parsers.line import PENDING, LineReader
from mrbench.measure.parsers.samples import to_samples
from mrbench.model.finding import Problem
from mrbench.model.inputs import Window
from mrbench.model.measurement import IterationSample

FOLLOWED = 1000  # iterations yielded behind the window; a follower of a run ends it there
DEFAULT_SMOOTHING = 10  # of mmengine's LogProcessor
UNLIKE, SURE = 1.5, 5  # times, and so often: two ranks take like times
SEVERAL = Problem(
    "log.pattern finds several values behind a number of log.step_pattern, and they are unlike",
    "make log.pattern find the one that log.timing is about",
)
_WINDOW = re.compile(rb"window_size[ \t]{0,9}=[ \t]{0,9}(\d{1,6})")
_OF_TIME = re.compile(rb"data_src[ \t]{0,9}=[ \t]{0,9}['\"]time")
_NESTED = re.compile(rb"\([^()]*\)")


def parse(
    blocks: Iterable[Block], options: base.Options, *, rule: base.TextFormat
) -> Iterator[IterationSample]:
    """Yield the samples of a log in which each mark is one line."""
    if options.log.epochs_from is not None:
        rule = msgspec.structs.replace(rule, epochs_from=options.log.epochs_from)
    return to_samples(_marks(blocks, rule, skip_after(options.window)), rule, options)


def skip_after(window: Window | None) -> float:
    """Return the iteration behind which samples are skipped; infinity without a window."""
    if window is None:
        return math.inf
    return window.last + max(window.last - window.first, FOLLOWED)


class _Numbering(msgspec.Struct):
    """Turns printed numbers into iterations counted from 1 over all epochs."""

    rule: base.TextFormat
    epochs_from: int
    epoch: int | None = None
    floor: int = 0
    last: int = 0
    guessed: bool = False  # the epoch's beginning that was placed last
    paired: tuple[int, int, bool] = (0, 0, False)  # the number in a line before its value's

    def place(self, match: re.Match[bytes]) -> tuple[int, int, bool]:
        """Return the iteration, how many came before its epoch, and whether it is its last.

        Iteration 0 stands for a text that is no number. Of several values behind a number that
        stands in a line of its own the first counts, as that of one rank does among others.
        """
        if self.rule.paired and match["iteration"] is None:
            return self.paired
        self.guessed = False
        try:
            self.paired = self._place(match)
        except (ValueError, TypeError):
            return 0, 0, False
        return self.paired

    def _place(self, match: re.Match[bytes]) -> tuple[int, int, bool]:
        groups = self.rule.number.groupindex
        if "iteration" not in groups:
            return self._whole_epoch(match)
        within = int(base.plain(match["iteration"])) - self.rule.counts_from + 1
        if "epoch" not in groups or match["epoch"] is None:
            return self._recounted(within) if self.rule.recounts else (within, 0, False)
        printed = int(match["epoch"])
        self.epochs_from = min(self.epochs_from, printed) if printed >= 0 else self.epochs_from
        epoch = printed - self.epochs_from
        if "overall" in groups and match["overall"] is not None:
            overall = int(match["overall"]) - self.rule.counts_from + 1
            return overall, max(0, overall - within), False
        if "per_epoch" in groups and match["per_epoch"] is not None:
            length = int(match["per_epoch"])
            if within > length:
                return 0, 0, False
            return epoch * length + within, epoch * length, within == length
        # The log does not say how long an epoch is: it is as long as its last mark. Where the
        # numbers go on over an epoch's end, they are not counted within epochs at all.
        if self.epoch is None or epoch < self.epoch:
            self.floor = epoch * base.UNPLACED
        elif epoch > self.epoch and within <= self.last - self.floor:
            self.floor, self.guessed = self.last, True
        self.epoch, self.last = epoch, self.floor + within
        return self.last, self.floor, False

    def _whole_epoch(self, match: re.Match[bytes]) -> tuple[int, int, bool]:
        """Place a line that is about a whole epoch."""
        printed = int(match["epoch"])
        self.epochs_from = min(self.epochs_from, printed) if printed >= 0 else self.epochs_from
        known = "per_epoch" in self.rule.number.groupindex and match["per_epoch"] is not None
        length = int(base.plain(match["per_epoch"])) if known else self.rule.every or 0
        floor = (printed - self.epochs_from) * length
        return floor + length, floor, True

    def _recounted(self, within: int) -> tuple[int, int, bool]:
        """Place a number that begins anew in each epoch, which the line does not number."""
        if within < self.last - self.floor:
            self.floor, self.guessed = self.last, True
        self.last = self.floor + within
        return self.last, self.floor, False


class _Paired(msgspec.Struct):
    """Notices that behind the numbers of a step_pattern stand several values that are unlike."""

    seen: int = 0
    unlike: int = 0
    before: base.Mark | None = None

    def judged(self, mark: base.Mark) -> base.Mark:
        """Return a mark, whose value is unknown where most of the numbers have several."""
        if self.before is None or mark.iteration != self.before.iteration:
            self.seen += 1
            self.before = mark
        elif not UNLIKE * mark.value > self.before.value > mark.value / UNLIKE:
            self.unlike += 1
        several = self.unlike >= SURE and 2 * self.unlike > self.seen
        return mark._replace(untold=mark.untold or SEVERAL) if several else mark


class _Blocks(msgspec.Struct):
    """Hands out blocks, each with what was carried over of the one before, and an empty last one.

    resume: where to go on in the block that comes next.
    """

    blocks: Iterable[Block]
    rest: bytes = b""
    rest_at: int = 0
    resume: int = 0

    def __iter__(self) -> Iterator[tuple[int, bytes, bool]]:
        for offset, raw in self.blocks:
            yield *self._joined(offset, raw), False
        if self.rest:
            yield *self._joined(0, b""), True

    def _joined(self, offset: int, raw: bytes) -> Block:
        rest, self.rest = self.rest, b""
        return (self.rest_at, rest + raw) if rest else (offset, raw)

    def carry(self, offset: int, raw: bytes, match: re.Match[bytes]) -> None:
        """Keep the line of a number for the next block, which is to go on with the number."""
        left, _ = base.line_around(raw, match.start(), match.end())
        self.rest, self.rest_at, self.resume = raw[left:], offset + left, match.start() - left


def _marks(blocks: Iterable[Block], rule: base.TextFormat, limit: float) -> Iterator[base.Mark]:
    numbering = _Numbering(rule, rule.epochs_from)
    last, reader, paired = 0, LineReader(rule), _Paired()
    stream = _Blocks(blocks)
    for offset, raw, final in stream:
        previous_end, stream.resume = stream.resume, 0
        block = _readable(raw, rule, behind_window=last > limit)
        begins = _begins(block, offset, rule, previous_end)
        risen = None if begins or last <= limit else _risen(rule, block, previous_end, last)
        if risen:
            last = risen
            continue
        for match in _numbers(rule, block, previous_end):
            while begins and begins[0][0] < match.start():
                yield begins.pop(0)[1]
                last = 0
            iteration, floor, closes = numbering.place(match)
            if limit < last <= iteration:
                if iteration == last and reader.is_mark(block, offset, match, previous_end):
                    yield base.REPEAT
                last, previous_end = iteration, match.end()
                continue
            mark = reader.read_mark(block, offset, match, previous_end, final=final)
            if mark is PENDING:
                stream.carry(offset, raw, match)
                begins = []  # the next block matches them again
                break
            previous_end = match.end()
            if mark is not None and iteration > 0:
                last = iteration
                mark = mark._replace(
                    iteration=iteration, floor=floor, closes=closes, guessed=numbering.guessed
                )
                yield paired.judged(mark) if rule.paired else mark
        for _, begin in begins:
            yield begin
            last = 0


def _risen(rule: base.TextFormat, block: bytes, start: int, last: int) -> int | None:
    """Return the last iteration of a block in which they rise; None if a process may begin."""
    if rule.number.groups > 1:  # epochs, or a pattern of a user's
        return None
    shift = 1 - rule.counts_from
    numbers = [last - shift, *map(int, rule.number.findall(block, start))]
    return numbers[-1] + shift if numbers == sorted(set(numbers)) else None


def _numbers(rule: base.TextFormat, block: bytes, start: int) -> Iterable[re.Match[bytes]]:
    if rule.value is rule.number:  # a pattern of a user's
        return patience.matches(rule.number, block, start, key="log.pattern")
    return rule.number.finditer(block, start)


def _readable(raw: bytes, rule: base.TextFormat, *, behind_window: bool) -> bytes:
    """Return the block, as long as it was, without what stands in an expression's way."""
    if rule.value is rule.number:  # a carriage return ends a line, too: for `^`, `$` and `.`
        return base.blank_colours(raw).replace(b"\r", b"\n")
    # Behind the window only numbers are read, into which no implementation prints a colour.
    return raw if behind_window else base.blank_colours(raw)


def _begins(
    block: bytes, offset: int, rule: base.TextFormat, start: int
) -> list[tuple[int, base.Mark]]:
    """Return what a starting process says before its first mark, and where."""
    found = rule.begins.finditer(block, start) if rule.begins else ()
    begins = [(match.start(), _begin(block, offset, match)) for match in found]
    for match in rule.states_smoothing.finditer(block, start) if rule.states_smoothing else ():
        mark = _begin(block, offset, match)._replace(smoothing=_smoothing(match))
        begins.append((match.start(), mark))
    return sorted(begins, key=lambda pair: pair[0])


def _smoothing(match: re.Match[bytes]) -> int:
    """Return the window that the settings of mmengine's LogProcessor state; 0 if they change it."""
    settings = match["settings"]
    if _OF_TIME.search(settings):
        return 0
    window = _WINDOW.search(_NESTED.sub(b"", settings))
    return int(window[1]) if window else DEFAULT_SMOOTHING


def _begin(block: bytes, offset: int, match: re.Match[bytes]) -> base.Mark:
    stated = match["iteration"] if "iteration" in match.re.groupindex else None
    value = math.nan if stated is None else 0.0
    rank, printed = base.rank_and_stamp(base.head_of(block, match))
    return base.Mark(
        int(stated or 0), value, offset + match.end(), begins=True, printed=printed, rank=rank
    )
