"""Reads the line around an iteration's number: its value, loss, waiting and time stamp."""

import math
import re

from mrbench.measure.parsers import digits
from mrbench.measure.parsers.base import Mark, TextFormat
from mrbench.measure.parsers.lines import line_around, number, number_ends, rank_and_stamp

PENDING = Mark(0, math.nan, -1)  # whether its value is all there, the next line tells


def read_mark(
    block: bytes,
    offset: int,
    found: re.Match[bytes],
    rule: TextFormat,
    behind: int,
    *,
    final: bool,
) -> Mark | None:
    """Return the mark of a number, its iteration still to be filled in; None where it is none.

    behind: where the number before it ended, which may be in the same line. final: the log ends
    with this block; else PENDING stands for a mark that needs the line after the block.
    """
    left, right = line_around(block, found.start(), found.end())
    if rule.value is rule.number:
        mark = _matched(block, offset, found, rule, final=final)
    else:
        mark = _looked_up(block, offset, found, rule, (left, right), final=final)
    if mark is None or mark is PENDING:
        return mark
    left = max(left, behind)
    if rule.head and not rule.head.search(block[left : found.start()]):
        return None
    start = found.start() if found.start() > left else found.start("iteration")
    rank, printed = rank_and_stamp(block[left:start])
    return mark._replace(printed=printed, rank=rank)


def _matched(
    block: bytes, offset: int, found: re.Match[bytes], rule: TextFormat, *, final: bool
) -> Mark | None:
    """Read what a recipe's own pattern has found; what the block's end ends may be cut off."""
    value = number(found["value"])
    last = max(found.end("value"), found.end("iteration"))
    if math.isnan(value):
        return None
    if block[last : last + 1] in (b"", b"\r", b"\n"):
        ends = number_ends(block, last, rule, final=final)
        if not ends:
            return PENDING if ends is None else None
    return Mark(
        0,
        value,
        offset + found.end(),
        loss=number(found["loss"]) if rule.loss and found["loss"] else None,
        error=_error(found["value"], rule),
        data=number(found["data"]) if rule.data and found["data"] else None,
    )


def _looked_up(
    block: bytes,
    offset: int,
    found: re.Match[bytes],
    rule: TextFormat,
    line: tuple[int, int],
    *,
    final: bool,
) -> Mark | None:
    """Search a number's line, or its JSON object, for all that belongs to it."""
    start, end = _extent(block, found, rule, line)
    value = rule.value.search(block, start, end)
    if value is None:
        return None
    if value.end() > line[1]:
        ends = number_ends(block, line[1], rule, final=final)
        if not ends:
            return PENDING if ends is None else None
    loss = rule.loss.search(block, start, end) if rule.loss else None
    data = rule.data.search(block, start, end) if rule.data else None
    return Mark(
        0,
        float(value[1]),
        offset + (end if rule.json else max(found.end(), value.end())),
        loss=float(loss[1]) if loss else None,
        error=_error(value[1], rule),
        data=float(data[1]) if data else None,
    )


def _extent(
    block: bytes, found: re.Match[bytes], rule: TextFormat, line: tuple[int, int]
) -> tuple[int, int]:
    """Return where to search: the JSON object, or the line behind the number up to the next one.

    Where the line has an end, that counts as part of it.
    """
    left, right = line
    if rule.json:
        at = found.start("iteration")
        opening, closing = block.rfind(b"{", left, at), block.find(b"}", at, right)
        return max(left, opening), closing + 1 if closing >= 0 else right
    following = rule.number.search(block, found.end(), right)
    if following:
        return found.start(), following.start()
    return found.start(), min(right + 1, len(block))


def _error(text: bytes, rule: TextFormat) -> float:
    """Return the bound of a number's error by its printing: half of its last digit's worth."""
    return (digits.step(text) if rule.step is None else rule.step) / 2
