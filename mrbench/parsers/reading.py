"""Reads the line around an iteration's number: its value, loss, waiting and time stamp."""

import math
import re
from typing import NamedTuple

from mrbench.parsers import digits
from mrbench.parsers.base import Mark, TextFormat
from mrbench.parsers.lines import (
    joined,
    line_around,
    number,
    number_ends,
    rank_and_stamp,
    unwrapped,
    wrapped_head,
)


def read_mark(
    block: bytes, offset: int, found: re.Match[bytes], rule: TextFormat, behind: int
) -> Mark | None:
    """Return the mark of a number, its iteration still to be filled in; None where it is none.

    behind: where the number before it ended, which may be in the same line.
    """
    left, right = line_around(block, found.start(), found.end())
    if rule.value is rule.number:
        mark = _matched(block, offset, found, rule)
    else:
        mark = _looked_up(block, offset, found, rule, (left, right))
    if mark is None:
        return None
    left = max(left, behind)
    if rule.head and not rule.head.search(wrapped_head(block, left, found.start(), rule)):
        return None
    start = found.start() if found.start() > left else found.start("iteration")
    rank, printed = rank_and_stamp(block[left:start])
    return mark._replace(printed=printed, rank=rank)


def _matched(block: bytes, offset: int, found: re.Match[bytes], rule: TextFormat) -> Mark | None:
    """Read what a recipe's own pattern has found; what the block's end ends may be cut off."""
    value = number(found["value"])
    last = max(found.end("value"), found.end("iteration"))
    at_end = block[last : last + 1] in (b"", b"\r", b"\n")
    if math.isnan(value) or (at_end and not number_ends(block, last, rule)):
        return None
    return Mark(
        0,
        value,
        offset + found.end(),
        loss=number(found["loss"]) if rule.loss and found["loss"] else None,
        error=_error(found["value"], rule),
        data=number(found["data"]) if rule.data and found["data"] else None,
    )


class _Fields(NamedTuple):
    value: re.Match[bytes] | None
    loss: re.Match[bytes] | None
    data: re.Match[bytes] | None

    def lack(self, rule: TextFormat) -> bool:
        """Whether something is missing that the format tells."""
        return (
            self.value is None
            or (rule.loss is not None and self.loss is None)
            or (rule.data is not None and self.data is None)
        )


def _search(text: bytes, rule: TextFormat) -> _Fields:
    return _Fields(
        rule.value.search(text),
        rule.loss.search(text) if rule.loss else None,
        rule.data.search(text) if rule.data else None,
    )


def _looked_up(
    block: bytes, offset: int, found: re.Match[bytes], rule: TextFormat, line: tuple[int, int]
) -> Mark | None:
    """Search a number's line, or its JSON object, for all that belongs to it."""
    left, right = line
    start, end = found.start(), right
    closed = True
    if rule.json:
        at = found.start("iteration")
        opening = block.rfind(b"{", left, at)
        start = opening if opening >= 0 else start
        closing = block.find(b"}", at, right)
        closed = closing >= 0
        end = closing + 1 if closed else right
    elif following := rule.number.search(block, found.end(), right):
        end = following.start()
    else:
        closed = False
        end += number_ends(block, right, rule)
    fields = _search(block[start:end], rule)
    ended_at = 0
    if fields.value:
        ended_at = end if rule.json else max(found.end(), start + fields.value.end())
    if fields.lack(rule) and not closed:
        reach = unwrapped(block, left, right, rule)
        if reach > right:
            text = joined(block[start:reach], rule) + b"\n" * number_ends(block, reach, rule)
            fields, ended_at = _search(text, rule), ended_at or reach
    if fields.value is None:
        return None
    return Mark(
        0,
        float(fields.value[1]),
        offset + ended_at,
        loss=float(fields.loss[1]) if fields.loss else None,
        error=_error(fields.value[1], rule),
        data=float(fields.data[1]) if fields.data else None,
    )


def _error(text: bytes, rule: TextFormat) -> float:
    """Return the bound of a number's error by its printing: half of its last digit's worth."""
    return (digits.step(text) if rule.step is None else rule.step) / 2
