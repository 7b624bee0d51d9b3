"""tensorpack's stats.json: one array, one flat object per epoch, throughput in full precision."""

import json
import re
from collections.abc import Iterable, Iterator

from mrbench.measure.parsers.base import Block, Mark
from mrbench.measure.parsers.ranks import steps
from mrbench.measure.parsers.samples import from_intervals
from mrbench.model.recipe import LogFormat, Window
from mrbench.model.run import IterationSample

_OBJECT = re.compile(rb"\{[^{}]*\}")
_LONGEST = 1 << 22  # bytes kept of an object that has not ended


def parse(
    blocks: Iterable[Block],
    log: LogFormat,  # noqa: ARG001 - the parsers' common signature
    images_per_iteration: int,
    window: Window | None = None,  # noqa: ARG001 - the parsers' common signature
) -> Iterator[IterationSample]:
    """Yield a sample per epoch."""
    return from_intervals(steps(_marks(blocks, images_per_iteration)), "interval_total")


def _marks(blocks: Iterable[Block], images: int) -> Iterator[Mark]:
    rest = b""
    for offset, block in blocks:
        text, start = rest + block, offset - len(rest)
        end = 0
        for found in _OBJECT.finditer(text):
            end = found.end()
            mark = _mark(found[0], start + end, images)
            if mark:
                yield mark
        opened = text.find(b"{", end)
        rest = text[opened:] if opened >= 0 and len(text) - opened <= _LONGEST else b""


def _mark(text: bytes, ended_at: int, images: int) -> Mark | None:
    text = text.translate(None, b"\r\n\x00")  # a terminal may have wrapped it, within a number too
    if b'"Throughput (samples/sec)"' not in text:
        return None
    try:
        stats = json.loads(text)
        epoch, step = int(stats["epoch_num"]), int(stats["global_step"])
        rate = float(stats["Throughput (samples/sec)"])
        loss = float(stats["total_cost"]) if "total_cost" in stats else None
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None
    if epoch < 1 or not 0 < step < 10**12:
        return None
    count = max(1, step // epoch)
    seconds = count * (images or 1) / rate if rate > 0 else float("nan")
    return Mark(step, seconds, ended_at, loss=loss, floor=step - count, closes=True)
