"""Reads one line whose number was found: what its value is, and whether the line is whole."""

import math
import re

import msgspec

from mrbench.measure.parsers import base, units
from mrbench.model.finding import Problem

MOST_MEANINGS = 1000  # are remembered
_ANY_DIGIT = bytes.maketrans(b"123456789", b"000000000")
COARSEST = 0.005  # of the work that a rate and its seconds make
NO_VALUE = Problem(
    "log.pattern has no group `value`, so that only another clock tells the seconds",
    "let mrbench run the training: it times the lines as they arrive",
)


class Shape(msgspec.Struct):
    """What the lines so far look like. inner: text follows their value.

    meanings: of values, by what stands around them, whose digits do not matter.
    """

    inner: bool = False
    meanings: dict[bytes, units.Meaning] = {}


PENDING = base.Mark(0, math.nan, -1)  # the next line decides whether its value is complete


def read_mark(
    block: bytes,
    offset: int,
    match: re.Match[bytes],
    rule: base.TextFormat,
    previous_end: int,
    *,
    shape: Shape,
    final: bool,
) -> base.Mark | None:
    """Return the mark of a number, without its iteration; None if the line is no mark.

    previous_end: of the previous number, which may be in the same line. shape: of the lines before,
    which learns from this one. final: the log ends with this block; otherwise PENDING stands for a
    mark that needs the line after the block.
    """
    left, right = base.line_around(block, match.start(), match.end())
    if rule.value is rule.number:
        mark = _matched(block, offset, match, rule, shape=shape, final=final)
    else:
        mark = _looked_up(block, offset, match, rule, (left, right), shape=shape, final=final)
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


def _matched(
    block: bytes,
    offset: int,
    match: re.Match[bytes],
    rule: base.TextFormat,
    *,
    shape: Shape,
    final: bool,
) -> base.Mark | None:
    """Read a match of a recipe's own pattern; at the block's end it may be incomplete."""
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
        ends = base.number_ends(block, last, rule, final=final, inner=shape.inner)
        if not ends:
            return PENDING if ends is None else None
    else:
        shape.inner = True
    loss = base.number(base.plain(match["loss"])) if rule.loss and match["loss"] else None
    told = base.Mark(
        0,
        math.nan,
        offset + match.end(),
        loss=loss,
        untold=NO_VALUE,
        work=_count(match, "work"),
        total_work=_count(match, "total_work"),
    )
    if not timed:
        return told
    if comma:
        return told._replace(untold=units.EITHER_COMMA)
    what = _meaning(block, match, rule, shape)
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


def _meaning(
    block: bytes, match: re.Match[bytes], rule: base.TextFormat, shape: Shape
) -> units.Meaning:
    """Return what a match's value means; lines alike mean the same."""
    start, end = match.span("value")
    closed = match.end() > end
    around = block[max(0, start - units.NEAR) : end + units.NEAR].translate(_ANY_DIGIT)
    key = b"%d %d %d %b" % (min(start, units.NEAR), end - start, closed, around)
    found = shape.meanings.get(key)
    if found is None:
        if len(shape.meanings) >= MOST_MEANINGS:
            shape.meanings.clear()
        found = units.meaning(block, start, end, rule, len(block), closed=closed)
        shape.meanings[key] = found
    return found


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


def _looked_up(
    block: bytes,
    offset: int,
    match: re.Match[bytes],
    rule: base.TextFormat,
    line: tuple[int, int],
    *,
    shape: Shape,
    final: bool,
) -> base.Mark | None:
    """Search a number's line, or its JSON object, for all that belongs to it."""
    start, end = _extent(block, match, rule, line)
    value = rule.value.search(block, start, end)
    if value is None:
        return None
    if value.end() > line[1]:
        ends = base.number_ends(block, line[1], rule, final=final, inner=shape.inner)
        if not ends:
            return PENDING if ends is None else None
    else:
        shape.inner = True
    loss = rule.loss.search(block, start, end) if rule.loss else None
    data = rule.data.search(block, start, end) if rule.data else None
    mib = rule.allocated_mib.search(block, start, end) if rule.allocated_mib else None
    unit_s = 1.0 if rule.unit_s is None else rule.unit_s
    mark = base.Mark(
        0,
        _ungrouped(value[1]) * unit_s,
        offset + (end if rule.json else max(match.end(), value.end())),
        loss=float(loss[1]) if loss else None,
        error=_error(value[1], rule) * unit_s,
        data=float(data[1]) * unit_s if data else None,
        untold=None if _tells(rule, block, start, end) else rule.untold,
        allocated_bytes=base.bytes_of_mib(mib[1]) if mib else None,
    )
    return _with_work(mark, block, start, end, rule)


def _with_work(
    mark: base.Mark, block: bytes, start: int, end: int, rule: base.TextFormat
) -> base.Mark:
    """Add the work that a line tells."""
    if not (rule.work or rule.total_work or rule.work_rate):
        return mark
    work = _searched(rule.work, block, start, end)
    if work is None:
        work = _by_rate(rule.work_rate, mark, block, start, end)
    return mark._replace(
        work=work,
        total_work=_searched(rule.total_work, block, start, end),
        skips=int(_searched(rule.skips, block, start, end) or 0),
    )


def _by_rate(
    pattern: re.Pattern[bytes] | None, mark: base.Mark, block: bytes, start: int, end: int
) -> float | None:
    """Return the work that a rate makes in a mark's seconds; None if its digits are too few."""
    found = pattern.search(block, start, end) if pattern else None
    if found is None:
        return None
    rate = _ungrouped(found[1])
    error = base.last_digit(found[1]) * mark.value + rate * mark.error
    return rate * mark.value if error <= COARSEST * rate * mark.value else None


def _searched(
    pattern: re.Pattern[bytes] | None, block: bytes, start: int, end: int
) -> float | None:
    found = pattern.search(block, start, end) if pattern else None
    return None if found is None else _ungrouped(found[1])


def _ungrouped(text: bytes) -> float:
    """Return a number of a format's own, in which a comma stands between thousands alone."""
    return float(text.replace(b",", b"") if b"," in text else text)


def _tells(rule: base.TextFormat, block: bytes, start: int, end: int) -> bool:
    return rule.told_by is None or rule.told_by.search(block, start, end) is not None


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
