"""Reads one line whose number was found: what its value is, and whether the line is whole."""

import math
import re

import msgspec

from mrbench.measure.parsers import base, units
from mrbench.model.finding import Problem

MOST_MEANINGS = 1000  # are remembered
_ANY_DIGIT = bytes.maketrans(b"123456789", b"000000000")
MOST_MIB = 1 << 24  # of GPU memory
COARSEST = 0.005  # of the work that a rate and its seconds make
NO_VALUE = Problem(
    "log.pattern has no group `value`, so that only another clock tells the seconds",
    "let mrbench run the training: it times the lines as they arrive",
)


PENDING = base.Mark(0, math.nan, -1)  # the next line decides whether its value is complete
Place = tuple[bytes, int, int]  # a block, and from where to where to search it


class LineReader(msgspec.Struct):
    """Reads the lines of a format, and knows what those so far look like.

    inner: text follows their value. meanings: of values, by what stands around them, whose digits
    do not matter.
    """

    rule: base.TextFormat
    inner: bool = False
    meanings: dict[bytes, units.Meaning] = {}

    def read_mark(
        self,
        block: bytes,
        offset: int,
        match: re.Match[bytes],
        previous_end: int,
        *,
        final: bool = False,
    ) -> base.Mark | None:
        """Return the mark of a number, without its iteration; None if the line is no mark.

        previous_end: of the previous number, which may be in the same line. final: the log ends
        with this block; otherwise PENDING stands for a mark that needs the line after the block.
        """
        rule = self.rule
        left, right = base.line_around(block, match.start(), match.end())
        if rule.value is rule.number:
            mark = self._matched(block, offset, match, final=final)
        else:
            mark = self._looked_up(block, offset, match, (left, right), final=final)
        if mark is None or mark is PENDING:
            return mark
        left = max(left, previous_end)
        if rule.head and not rule.head.search(block[left : match.start()]):
            return None
        start = match.start()
        if start <= left and not rule.paired and "iteration" in match.re.groupindex:
            start = match.start("iteration")
        rank, printed = base.rank_and_stamp(block[left:start])
        return mark._replace(printed=printed, rank=rank)

    def is_mark(self, block: bytes, offset: int, match: re.Match[bytes], previous_end: int) -> bool:
        """Tell whether a number is a mark's, and no evaluation's."""
        mark = self.read_mark(block, offset, match, previous_end)
        return mark is not None and mark is not PENDING

    def _matched(
        self, block: bytes, offset: int, match: re.Match[bytes], *, final: bool
    ) -> base.Mark | None:
        """Read a match of a recipe's own pattern; at the block's end it may be incomplete."""
        rule = self.rule
        timed = "value" in match.re.groupindex
        if timed and match["value"] is None:  # a number whose value comes in a later line
            return None
        text = base.plain(match["value"]) if timed else b""
        value = base.number(text)
        numbered = "iteration" in match.re.groupindex
        last = max(match.end("value") if timed else 0, match.end("iteration") if numbered else 0)
        comma = math.isnan(value) and units.HAS_COMMA.fullmatch(text) is not None
        if timed and math.isnan(value) and not comma:
            return None
        if block[last : last + 1] in (b"", b"\r", b"\n"):
            ends = base.number_ends(block, last, rule, final=final, inner=self.inner)
            if not ends:
                return PENDING if ends is None else None
        else:
            self.inner = True
        told = base.Mark(
            0,
            math.nan,
            offset + match.end(),
            loss=base.number(base.plain(match["loss"])) if rule.loss and match["loss"] else None,
            untold=NO_VALUE,
            work=_count(match, "work"),
            total_work=_count(match, "total_work"),
        )
        if not timed:
            return told
        if comma:
            return told._replace(untold=units.EITHER_COMMA)
        what = self._meaning(block, match)
        value, error = units.apply(value, _error(text, rule), what)
        data = base.number(base.plain(match["data"])) if rule.data and match["data"] else None
        wait_s = rule.unit_s or what.seconds
        if data is not None and rule.unit_s is None:
            wait_s = units.of_wait(block, *match.span("data"), wait_s)
        return told._replace(
            value=value,
            error=error,
            data=None if data is None else data * wait_s,
            untold=what.untold or _uncounted(block, match, rule),
        )

    def _meaning(self, block: bytes, match: re.Match[bytes]) -> units.Meaning:
        """Return what a match's value means; lines alike mean the same."""
        start, end = match.span("value")
        closed = match.end() > end
        around = block[max(0, start - units.NEAR) : end + units.NEAR].translate(_ANY_DIGIT)
        key = b"%d %d %d %b" % (min(start, units.NEAR), end - start, closed, around)
        found = self.meanings.get(key)
        if found is None:
            if len(self.meanings) >= MOST_MEANINGS:
                self.meanings.clear()
            found = units.meaning(block, start, end, self.rule, len(block), closed=closed)
            self.meanings[key] = found
        return found

    def _looked_up(
        self,
        block: bytes,
        offset: int,
        match: re.Match[bytes],
        line: tuple[int, int],
        *,
        final: bool,
    ) -> base.Mark | None:
        """Search a number's line, or its JSON object, for all that belongs to it."""
        rule = self.rule
        place = block, *_extent(block, match, rule, line)
        value = rule.value.search(*place)
        if value is None:
            return None
        if value.end() > line[1]:
            ends = base.number_ends(block, line[1], rule, final=final, inner=self.inner)
            if not ends:
                return PENDING if ends is None else None
        else:
            self.inner = True
        unit_s = 1.0 if rule.unit_s is None else rule.unit_s
        seconds, error = _ungrouped(value[1]) * unit_s, _error(value[1], rule) * unit_s
        data, mib = _searched(rule.data, place), _searched(rule.allocated_mib, place)
        work = _searched(rule.work, place)
        if work is None:
            work = _by_rate(rule.work_rate, place, seconds, error)
        return base.Mark(
            0,
            seconds,
            offset + (place[2] if rule.json else max(match.end(), value.end())),
            loss=_searched(rule.loss, place),
            error=error,
            data=None if data is None else data * unit_s,
            untold=rule.untold if rule.told_by and not rule.told_by.search(*place) else None,
            # no GPU has 0, as on a CPU, or too much
            allocated_bytes=round(mib * (1 << 20)) if mib and 0 < mib < MOST_MIB else None,
            work=work,
            total_work=_searched(rule.total_work, place),
            skips=int(_searched(rule.skips, place) or 0),
        )


def _uncounted(block: bytes, match: re.Match[bytes], rule: base.TextFormat) -> Problem | None:
    """Return why the work that a line tells is not what the workload counts, or None."""
    for name, pattern in (("work", rule.work), ("total_work", rule.total_work)):
        if pattern is not None and match[name] is not None:
            problem = units.of_work(block, *match.span(name), rule.work_unit)
            if problem:
                return problem
    return None


def _count(match: re.Match[bytes], name: str) -> float | None:
    """Return the work that a pattern's group found, or None."""
    if name not in match.re.groupindex or match[name] is None:
        return None
    work = base.number(base.plain(match[name]))
    return work if 0 <= work < math.inf else None


def _by_rate(
    pattern: re.Pattern[bytes] | None, place: Place, seconds: float, seconds_error: float
) -> float | None:
    """Return the work that a rate makes in a mark's seconds; None if its digits are too few."""
    found = pattern.search(*place) if pattern else None
    if found is None:
        return None
    rate = _ungrouped(found[1])
    error = base.last_digit(found[1]) * seconds + rate * seconds_error
    return rate * seconds if error <= COARSEST * rate * seconds else None


def _searched(pattern: re.Pattern[bytes] | None, place: Place) -> float | None:
    found = pattern.search(*place) if pattern else None
    return None if found is None else _ungrouped(found[1])


def _ungrouped(text: bytes) -> float:
    """Return a number of a format's own, in which a comma stands between thousands alone."""
    return float(text.replace(b",", b"") if b"," in text else text)


def _extent(
    block: bytes, match: re.Match[bytes], rule: base.TextFormat, line: tuple[int, int]
) -> tuple[int, int]:
    """Return where to search: the JSON object, or the line behind the number up to the next one.

    Where the line has an end, that counts as part of it.
    """
    left, right = line
    if rule.json:
        at = match.start("iteration")
        opening, closing = block.rfind(b"{", left, at), block.find(b"}", at, right)
        return max(left, opening), closing + 1 if closing >= 0 else right
    following = rule.number.search(block, match.end(), right)
    if following:
        return match.start(), following.start()
    return match.start(), min(right + 1, len(block))


def _error(text: bytes, rule: base.TextFormat) -> float:
    """Return the bound of a number's error by its printing: half of its last digit's worth."""
    return (base.last_digit(text) if rule.step is None else rule.step) / 2
