"""Lines as logs have them: colours, ranks, and text that a terminal has wrapped."""

import math
import re

from mrbench import clockface
from mrbench.outcome import Printed
from mrbench.parsers.base import TextFormat

LONGEST = 1 << 14  # bytes of a line looked at on either side of its number
_COLOUR = re.compile(
    rb"\x1b(?:\[[0-9;:?]{0,40}[ -/]{0,4}[@-~]|\][^\x07\x1b\r\n]{0,200}(?:\x07|\x1b\\))"
)
# How a line begins that does not go on with the line before it, besides stamps and ranks.
_BEGINS = re.compile(
    rb"[\x00\x08 \t]{0,99}(?:[\r\n\[{]|:::|Epoch|Test:|Iter|Traceback|json_stats|"
    rb"(?:DEBUG|INFO|WARNING|ERROR|CRITICAL)\b)"
)
_NUMBER_GOES_ON = re.compile(rb"[\d.]|[eE][-+]?\d")
# The last character of a line and the first of the next, where a word or number was cut in two.
_CUT = re.compile(rb"[A-Za-z_./+-][\w./+-]|\d(?:[\d._]|[eE][-+]?\d)|.[:,;)\]}%/]", re.DOTALL)


def blank_colours(block: bytes) -> bytes:
    """Replace ANSI colour sequences by as many spaces, so that offsets stay true."""
    if b"\x1b" not in block:
        return block
    return _COLOUR.sub(lambda found: b" " * len(found[0]), block)


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


def rank_and_stamp(head: bytes) -> tuple[bytes | None, Printed | None]:
    """Return the rank that a line begins with, and its time stamp.

    Behind a progress bar without a line's end the stamp stands in the last bracket.
    """
    rank = clockface.RANK.match(head)
    printed = clockface.read(head)
    if printed is None and b"[" in head:
        printed = clockface.read(head[head.rfind(b"[") :])
    return rank[1] if rank else None, printed


def after_line(block: bytes, right: int) -> int:
    """Return where the line begins behind the line end at `right`; right where no line ends."""
    if block[right : right + 2] == b"\r\n":
        return right + 2
    return right + 1 if block[right : right + 1] in (b"\r", b"\n") else right


def number_ends(block: bytes, right: int, rule: TextFormat) -> bool:
    """Whether a number that stands at a line's end is all there, and not wrapped."""
    after = after_line(block, right)
    if after == right:
        return False
    goes_on = _NUMBER_GOES_ON.match(block, after)
    return goes_on is None or begins_record(block, after, rule)


def begins_record(block: bytes, at: int, rule: TextFormat) -> bool:
    """Whether the line that begins there is one of its own."""
    return rule.number.match(block, at) is not None or _has_head(block, at)


def _has_head(block: bytes, at: int) -> bool:
    if _BEGINS.match(block, at):
        return True
    head = block[at : at + 200]
    return clockface.RANK.match(head) is not None or clockface.read(head) is not None


def wrapped_head(block: bytes, left: int, start: int, rule: TextFormat) -> bytes:
    """Return what stands before `start` in its line, and in lines that this was wrapped off."""
    while left > 0 and start - left < LONGEST and not _has_head(block, left):
        before, end = line_around(block, left - 1, left - 1)
        if before >= end or rule.number.search(block, before, left):
            break
        left = before
    return joined(block[left:start], rule)


def unwrapped(block: bytes, left: int, right: int, rule: TextFormat) -> int:
    """Return where the last of the lines ends that a terminal has wrapped off the line left..right.

    Around wrapped lines none is longer than the terminal is wide, and that is narrower than the
    first line with the word that follows; anything else is a line that lacks something.
    """
    end = right
    while end - left < LONGEST:
        start = after_line(block, end)
        if start in (end, len(block)) or begins_record(block, start, rule):
            break
        after = line_around(block, start, start)[1]
        if end == right:
            word = block[start:after].split(maxsplit=1)
            width = right - left + 1 + (len(word[0]) if word else 0)
            around = block[max(0, left - LONGEST) : right + LONGEST].splitlines()[1:-1]
            if max(map(len, around), default=0) > width:
                break
        end = after
    return end


def joined(wrapped: bytes, rule: TextFormat) -> bytes:
    """Join lines that were one: cut within a word or number without, else with a blank."""
    text = b""
    for line in wrapped.splitlines():
        seam = text[-1:] + line[:3]
        if text and not (rule.json or seam[:1].isspace() or line[:1].isspace() or _CUT.match(seam)):
            text += b" "
        text += line
    return text
