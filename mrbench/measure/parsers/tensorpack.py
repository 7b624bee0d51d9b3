"""tensorpack: an epoch's last step and its throughput stand on different lines.

`Throughput (samples/sec)` is the mean over the epoch's steps in five digits, callbacks between
epochs left out, and counts the images of all GPUs. Where it is missing, the epoch's time serves,
which has three digits or, from a minute on, whole seconds and no fraction. Every rank prints both
lines, but only one the loss, often when others have begun their next epoch. stats.json, which it
writes beside, has the throughput in full precision.
"""

import json
import math
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from mrbench.measure.log.blocks import Block
from mrbench.measure.log.stated import elapsed
from mrbench.measure.parsers import base
from mrbench.measure.parsers.samples import from_intervals
from mrbench.measure.parsers.steps import to_steps
from mrbench.model.measurement import IterationSample, Printed

_LINES = re.compile(
    rb"(?P<begins>\] Argv: )|"
    rb"Start Epoch (?P<start>\d{1,9}) |"
    rb"Epoch (?P<epoch>\d{1,9}) \(global_step (?P<step>\d{1,12})\) finished, time:"
    rb"(?P<time>(?:\d[\d.e+-]{0,20} [a-z]{1,10} ?){1,4})\.|"
    rb"Throughput \(samples/sec\):"
    + base.GAP
    + rb"(?P<rate>"
    + base.NUMBER
    + rb")[ \t]{0,40}\r?\n|"
    + rb"total_cost:"
    + base.GAP
    + rb"(?P<cost>"
    + base.LOSS
    + rb")[ \t\r\n]"
)
_WRAPPED = re.compile(rb"[\d.e][\d.e+-]{0,20}[ \t]*[\r\n]")  # the rest of a number, a line below
_RATE_DIGITS = 5
_OBJECT = re.compile(rb"\{[^{}]*\}")
_LONGEST = 1 << 22  # bytes kept of an object that has not ended


class _Epoch(NamedTuple):
    mark: base.Mark
    number: int
    rated: bool


def parse(blocks: Iterable[Block], options: base.Options) -> Iterator[IterationSample]:
    """Yield a sample per epoch."""
    return from_intervals(to_steps(_marks(blocks, options.work_per_iteration)), "interval_total")


class _Epochs(msgspec.Struct):
    """What is known of the epoch that ended last, and of where epochs began.

    unsure: the epoch before it got a rate that stood at the block's end, where it may go on.
    """

    images: int
    open: _Epoch | None = None
    unsure: _Epoch | None = None
    began: dict[int, tuple[int, Printed | None]] = {}

    def take(self, block: bytes, offset: int, line: re.Match[bytes]) -> base.Mark | None:
        """Note a line; return the mark of an epoch that is complete now."""
        if line["start"]:
            # Every rank says so; the first to say it is the nearest to the beginning.
            epoch = int(line["start"])
            here = (offset + line.end(), base.rank_and_stamp(base.head_of(block, line))[1])
            self.began = {epoch: self.began.get(epoch, here)}
        elif line["epoch"]:
            if self.open and self.open.mark.iteration == int(line["step"]):
                return None  # another rank
            done, self.open = self.open, self._finished(block, offset, line)
            return done.mark if done else None
        elif self.open and not (line["rate"] and _WRAPPED.match(block, line.end())):
            self.unsure = self.open if line["rate"] and line.end() == len(block) else None
            _, printed = base.rank_and_stamp(base.head_of(block, line))
            if not (line["rate"] and _too_late(printed, self.open.mark)):
                self.open = self._with(self.open, line)
            if line["cost"] and self.open.rated:
                done, self.open = self.open, None
                return done.mark
        return None

    def _with(self, epoch: _Epoch, line: re.Match[bytes]) -> _Epoch:
        """Add a line's loss or rate to its epoch."""
        if line["cost"]:
            return epoch._replace(mark=epoch.mark._replace(loss=float(line["cost"])))
        if epoch.rated or (self.began and max(self.began) > epoch.number):
            return epoch  # another rank's, or the next epoch's, whose own line is missing
        rate = float(line["rate"])
        count = epoch.mark.iteration - epoch.mark.floor
        seconds = count * (self.images or 1) / rate if rate > 0 else math.nan
        error = seconds * base.significant_step(rate, _RATE_DIGITS) / 2 / rate if rate > 0 else 0.0
        return epoch._replace(mark=epoch.mark._replace(value=seconds, error=error), rated=True)

    def _finished(self, block: bytes, offset: int, line: re.Match[bytes]) -> _Epoch:
        epoch, step = max(1, int(line["epoch"])), int(line["step"])
        seconds, error = base.read_words(line["time"])
        rank, printed = base.rank_and_stamp(base.head_of(block, line))
        began_at, printed_began = self.began.get(epoch, (None, None))
        mark = base.Mark(
            step,
            seconds if self.images else math.nan,  # else an epoch's time says nothing about images
            offset + line.end(),
            began_at=began_at,
            floor=step - step // epoch,
            closes=True,
            error=error,
            printed=printed,
            printed_began=printed_began,
            rank=rank,
        )
        return _Epoch(mark, epoch, rated=False)


def _marks(blocks: Iterable[Block], images: int) -> Iterator[base.Mark]:
    epochs = _Epochs(images)
    for offset, raw in blocks:
        block = base.blank_colours(raw)
        if epochs.unsure and _WRAPPED.match(block):
            epochs.open = epochs.unsure
        epochs.unsure = None
        for line in _LINES.finditer(block):
            if line["begins"]:
                if epochs.open:
                    yield epochs.open.mark
                epochs = _Epochs(images)
                yield base.Mark(0, math.nan, offset + line.end(), begins=True)
                continue
            mark = epochs.take(block, offset, line)
            if mark:
                yield mark
    if epochs.open:
        yield epochs.open.mark


def _too_late(printed: Printed | None, epoch: base.Mark) -> bool:
    """Tell whether a rate is that of the epoch after this one, whose other lines are missing."""
    if printed is None or epoch.printed is None:
        return False
    after_s = elapsed(epoch.printed, printed)
    return after_s is not None and after_s - printed.step_s > epoch.value / 2


def parse_stats(blocks: Iterable[Block], options: base.Options) -> Iterator[IterationSample]:
    """Yield a sample per epoch of stats.json: one array, one flat object per epoch."""
    return from_intervals(
        to_steps(_stats_marks(blocks, options.work_per_iteration)), "interval_total"
    )


def _stats_marks(blocks: Iterable[Block], images: int) -> Iterator[base.Mark]:
    rest = b""
    for offset, block in blocks:
        text, start = rest + block, offset - len(rest)
        end = 0
        for stats in _OBJECT.finditer(text):
            end = stats.end()
            mark = _stats_mark(stats[0], start + end, images)
            if mark:
                yield mark
        open_at = text.find(b"{", end)
        rest = text[open_at:] if open_at >= 0 and len(text) - open_at <= _LONGEST else b""


def _stats_mark(text: bytes, ended_at: int, images: int) -> base.Mark | None:
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
    return base.Mark(step, seconds, ended_at, loss=loss, floor=step - count, closes=True)
