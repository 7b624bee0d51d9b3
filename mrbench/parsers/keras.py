"""matterport/Mask_RCNN: Keras' progress bar, of which only an epoch's headline and end are exact.

The end reads `50/50 [====] - 164s 3s/step` or, below a second per step, `- 47s 466ms/step`: whole
seconds or whole milliseconds, hence the arrival clock leads. Through a pipe each bar is a line of
its own; on a terminal backspaces and a carriage return go before it. Time that contains a
validation is unknown.
"""

import math
import re
from collections.abc import Iterable, Iterator

from mrbench.model import LogFormat, Window
from mrbench.outcome import IterationSample
from mrbench.parsers.base import LOSS, Block, Mark
from mrbench.parsers.lines import blank_colours, line_around, rank_and_stamp
from mrbench.parsers.ranks import steps
from mrbench.parsers.samples import from_intervals

# The end of an epoch counts only with its line's end: what is cut off may tell of a validation.
_LINES = re.compile(
    rb"Epoch\s{1,9}(?P<epoch>\d{1,9})/\d{1,9}(?=\s)|"
    rb"(?P<done>\d{1,9})/(?P<of>\d{1,9})\s{1,9}\[=*\]\s{1,9}-\s{1,9}(?P<seconds>\d{1,9})s\s{1,9}"
    rb"(?P<per_step>\d{1,12})(?P<unit>s|ms|us)/step(?P<rest>[^\r\n]{0,4000})[\r\n]"
)
_LOSS = re.compile(rb" loss: " + LOSS)
_UNITS = {b"s": 1.0, b"ms": 1e-3, b"us": 1e-6}
_BAR = re.compile(rb"Epoch \d|\d/\d{1,9} \[")
_WRAPPED = 400  # bytes behind the line that may be the rest of it, wrapped by a terminal


def parse(
    blocks: Iterable[Block],
    log: LogFormat,  # noqa: ARG001 - the parsers' common signature
    images_per_iteration: int,  # noqa: ARG001 - the parsers' common signature
    window: Window | None = None,  # noqa: ARG001 - the parsers' common signature
) -> Iterator[IterationSample]:
    """Yield a sample per epoch."""
    return from_intervals(steps(_marks(blocks)), "interval_total")


def _marks(blocks: Iterable[Block]) -> Iterator[Mark]:
    epoch, began_at = 0, None
    for offset, raw in blocks:
        block = blank_colours(raw)
        for found in _LINES.finditer(block):
            if found["epoch"]:
                epoch, began_at = int(found["epoch"]), offset + found.end()
            elif found["done"] == found["of"] and int(found["of"]):
                of = int(found["of"])
                epoch = epoch or 1
                rest = _rest(block, found)
                loss = _LOSS.search(rest)
                seconds, error = _seconds(found)
                left, _ = line_around(block, found.start(), found.start())
                yield Mark(
                    epoch * of,
                    math.nan if b"val_" in rest else seconds,
                    offset + found.end(),
                    began_at=began_at,
                    loss=float(loss[1]) if loss else None,
                    floor=(epoch - 1) * of,
                    closes=True,
                    error=error,
                    rank=rank_and_stamp(block[left : found.start()])[0],
                )
                began_at = None


def _rest(block: bytes, found: re.Match[bytes]) -> bytes:
    """Return what stands behind an epoch's time, up to the next bar or epoch."""
    start, end = found.start("rest"), min(len(block), found.end() + _WRAPPED)
    following = _BAR.search(block, found.end(), end)
    return block[start : following.start() if following else end].translate(None, b"\r\n")


def _seconds(found: re.Match[bytes]) -> tuple[float, float]:
    """Return an epoch's seconds, and the bound of their error: of the two that are printed."""
    step_s, of = _UNITS[found["unit"]], int(found["of"])
    if of * step_s >= 1:
        return float(found["seconds"]), 0.5
    return int(found["per_step"]) * step_s * of, of * step_s / 2
