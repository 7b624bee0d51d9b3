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
from mrbench.parsers.base import LOSS, Block, Mark, from_intervals, steps

_LINES = re.compile(
    rb"Epoch (?P<epoch>\d{1,9})/\d{1,9}(?=\s)|"
    rb"(?P<done>\d{1,9})/(?P<of>\d{1,9}) \[=*\] - (?P<seconds>\d{1,9})s "
    rb"(?P<per_step>\d{1,12})(?P<unit>s|ms|us)/step(?P<rest>[^\r\n]{0,2000})"
)
_LOSS = re.compile(rb" loss: " + LOSS)
_UNITS = {b"ms": 1e-3, b"us": 1e-6}


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
    for offset, block in blocks:
        for found in _LINES.finditer(block):
            if found["epoch"]:
                epoch, began_at = int(found["epoch"]), offset + found.end()
            elif found["done"] == found["of"] and int(found["of"]):
                of = int(found["of"])
                epoch = epoch or 1
                loss = _LOSS.search(found["rest"])
                yield Mark(
                    epoch * of,
                    _seconds(found),
                    offset + found.start("rest"),
                    began_at=began_at,
                    loss=float(loss[1]) if loss else None,
                    floor=(epoch - 1) * of,
                    closes=True,
                )
                began_at = None


def _seconds(found: re.Match[bytes]) -> float:
    if b" val_" in found["rest"]:
        return math.nan
    unit = _UNITS.get(found["unit"])
    if unit is None:
        return float(found["seconds"])
    return int(found["per_step"]) * unit * int(found["of"])
