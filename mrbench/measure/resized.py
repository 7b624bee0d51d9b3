"""Lines by which a training says that it gave itself another batch than it was told.

Trainers do so after running out of memory, or where they look for a batch that fits. The images of
an iteration are then not the plan's, though every iteration is timed.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from mrbench.measure.parsers.base import line_around
from mrbench.text import shorten

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


class Resized(NamedTuple):
    """A batch that the training chose itself: its images, where in bytes, and the line."""

    at: int
    images: int
    line: str


def find(block: bytes, offset: int) -> Iterator[Resized]:
    """Yield what the lines of a block say of it, in their order; offset: of the block, in bytes."""
    if not any(hint in block for hint in _HINTS):
        return
    for match in _LINES.finditer(block):
        left, right = line_around(block, match.start(), match.end())
        left = max(left, block.rfind(b"WARNING", left, match.start()))  # behind a progress bar
        line = block[max(left, match.start() - _LONGEST_BYTES) : right]
        text = shorten(line[: 2 * _LONGEST_BYTES].decode(errors="replace").strip())
        yield Resized(offset + match.start(), int(match["images"]), text)
