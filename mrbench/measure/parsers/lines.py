"""Lines as logs have them: with colours, ranks and stamps, cut off, or wrapped by a terminal."""

import math
import re

from mrbench.measure.log import timestamps
from mrbench.measure.parsers.base import TextFormat
from mrbench.model.run import Printed

LONGEST = 1 << 14  # bytes of a line looked at on either side of its number
_COLOUR = re.compile(
    rb"\x1b(?:\[[0-9;:?]{0,40}[ -/]{0,4}[@-~]|\][^\x07\x1b\r\n]{0,200}(?:\x07|\x1b\\))"
)
_NUMBER_GOES_ON = re.compile(rb"[\d.]|[eE][-+]?\d")


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
    rank = timestamps.RANK.match(head)
    printed = timestamps.read(head)
    if printed is None and b"[" in head:
        printed = timestamps.read(head[head.rfind(b"[") :])
    return rank[1] if rank else None, printed


def after_line(block: bytes, right: int) -> int:
    """Return where the line begins behind the line end at `right`; right where no line ends."""
    if block[right : right + 2] == b"\r\n":
        return right + 2
    return right + 1 if block[right : right + 1] in (b"\r", b"\n") else right


def number_ends(block: bytes, right: int, rule: TextFormat, *, final: bool) -> bool | None:
    """Whether a number that stands at a line's end is all there, and not wrapped by a terminal.

    None where that cannot be told before the next line has come; final: none comes.
    """
    after = after_line(block, right)
    if after == right:
        return False
    if after == len(block) and not final:
        return None
    return _NUMBER_GOES_ON.match(block, after) is None or _begins_record(block, after, rule)


def _begins_record(block: bytes, at: int, rule: TextFormat) -> bool:
    head = block[at : at + 200]
    return rule.number.match(block, at) is not None or (
        timestamps.RANK.match(head) is not None or timestamps.read(head) is not None
    )
