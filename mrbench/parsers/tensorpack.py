"""tensorpack: an epoch's last step and its throughput stand on different lines.

`Throughput (samples/sec)` is the mean over the epoch's steps, callbacks between epochs left out,
and counts the images of all GPUs. Where it is missing, the epoch's time serves, which is rounded to
three digits or whole seconds. Every rank prints both lines, but only one the loss, often when
others have begun their next epoch.
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from mrbench.model import LogFormat, Window
from mrbench.outcome import IterationSample
from mrbench.parsers.base import LOSS, NUMBER, Block, Mark, from_intervals, steps

_LINES = re.compile(
    rb"Start Epoch (?P<start>\d{1,9}) |"
    rb"Epoch (?P<epoch>\d{1,9}) \(global_step (?P<step>\d{1,12})\) finished, time:"
    rb"(?P<time>\d[\d.]{0,20}[a-z0-9 ]{0,60})|"
    rb"Throughput \(samples/sec\):[ \t\x1b]*(?P<rate>" + NUMBER + rb")|"
    rb"total_cost: (?P<cost>" + LOSS + rb")"
)
_UNITS = re.compile(rb"(\d[\d.]{0,20}) (day|hour|minute|second)")
_SECONDS = {b"day": 86400, b"hour": 3600, b"minute": 60, b"second": 1}


class _Epoch(NamedTuple):
    mark: Mark
    rated: bool


def parse(
    blocks: Iterable[Block],
    log: LogFormat,  # noqa: ARG001 - the parsers' common signature
    images_per_iteration: int,
    window: Window | None = None,  # noqa: ARG001 - the parsers' common signature
) -> Iterator[IterationSample]:
    """Yield a sample per epoch."""
    return from_intervals(steps(_marks(blocks, images_per_iteration)), "interval_total")


def _marks(blocks: Iterable[Block], images: int) -> Iterator[Mark]:
    open_: _Epoch | None = None
    began: dict[int, int] = {}
    for offset, block in blocks:
        for found in _LINES.finditer(block):
            if found["start"]:
                # Every rank says so; the first to say it is the nearest to the beginning.
                epoch = int(found["start"])
                began = {epoch: began.get(epoch, offset + found.end())}
            elif found["epoch"]:
                if open_ and open_.mark.iteration == int(found["step"]):
                    continue  # another rank
                if open_:
                    yield open_.mark
                open_ = _Epoch(_finished(found, offset, began), rated=False)
            elif open_:
                open_ = _with(open_, found, images)
                if found["cost"] and open_.rated:
                    yield open_.mark
                    open_ = None
    if open_:
        yield open_.mark


def _with(epoch: _Epoch, found: re.Match[bytes], images: int) -> _Epoch:
    if found["cost"]:
        return epoch._replace(mark=epoch.mark._replace(loss=float(found["cost"])))
    if epoch.rated:
        return epoch  # another rank's
    rate = float(found["rate"])
    count = epoch.mark.iteration - epoch.mark.floor
    seconds = count * images / rate if rate > 0 else float("nan")
    return _Epoch(epoch.mark._replace(value=seconds), rated=True)


def _finished(found: re.Match[bytes], offset: int, began: dict[int, int]) -> Mark:
    epoch, step = max(1, int(found["epoch"])), int(found["step"])
    return Mark(
        step,
        seconds_of(found["time"]),
        offset + found.end(),
        began_at=began.get(epoch),
        floor=step - step // epoch,
        closes=True,
    )


def seconds_of(text: bytes) -> float:
    """Return the seconds of `1 hour 2 minutes`, `46.1 seconds`; nan where it is neither."""
    parts = _UNITS.findall(text)
    try:
        return sum(float(n) * _SECONDS[unit] for n, unit in parts) if parts else float("nan")
    except ValueError:
        return float("nan")
