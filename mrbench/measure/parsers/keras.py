"""matterport/Mask_RCNN: Keras' progress bar, of which only an epoch's headline and end are exact.

The end reads `50/50 [====] - 164s 3s/step` or, below a second per step, `- 47s 466ms/step`: whole
seconds or whole milliseconds, hence the arrival clock leads. Through a pipe each bar is a line of
its own; on a terminal backspaces and a carriage return go before it. Time that contains a
validation is unknown.
"""

import math
import re
from collections.abc import Iterable, Iterator

from mrbench.measure.log.blocks import Block
from mrbench.measure.parsers import base
from mrbench.measure.parsers.samples import from_intervals
from mrbench.measure.parsers.steps import to_steps
from mrbench.model.measurement import IterationSample

# The end of an epoch counts only with its line's end, and waits for the next bar: what is cut off,
# or wrapped by a terminal, may belong to a validation.
_LINES = re.compile(
    rb"Epoch[ \t]{1,9}(?P<epoch>\d{1,9})/\d{1,9}(?=\s)|"
    rb"(?P<done>\d{1,9})/(?P<of>\d{1,9})[ \t]{1,9}\[=*\][ \t]{1,9}-"
    rb"[ \t]{1,9}(?P<seconds>\d{1,9})s[ \t]{1,9}"
    rb"(?P<per_step>\d{1,12})(?P<unit>s|ms|us)/step(?P<rest>[^\r\n]{0,4000})[\r\n]|"
    rb"(?P<bar>\d{1,9})/\d{1,9}[ \t]{1,9}\[(?P<own>[=>.])?|"
    rb"(?P<validation>v\r?\n?a\r?\n?l\r?\n?_)"
)
_LOSS = re.compile(rb" loss: " + base.LOSS)
_UNITS = {b"s": 1.0, b"ms": 1e-3, b"us": 1e-6}
_WRAPPED = 400  # bytes behind an epoch's line that may be the rest of it


def parse(blocks: Iterable[Block], _: base.Options) -> Iterator[IterationSample]:
    """Yield a sample per epoch."""
    return from_intervals(to_steps(_marks(blocks)), "interval_total")


def _marks(blocks: Iterable[Block]) -> Iterator[base.Mark]:
    epoch, began_at = 0, None
    done, torn = 0, False  # of the epoch; torn: an end and the headline behind it are lost
    pending: base.Mark | None = None
    for offset, raw in blocks:
        block = base.blank_colours(raw)
        for match in _LINES.finditer(block):
            if match["validation"]:
                if pending and offset + match.start() - pending.ended_at < _WRAPPED:
                    pending = pending._replace(value=math.nan)
                continue
            if pending:
                yield pending
                pending = None
            done, torn = _progress(match, done, torn=torn)
            if match["epoch"]:
                epoch, began_at = int(match["epoch"]), offset + match.end()
            elif match["of"] and match["done"] == match["of"] and int(match["of"]):
                epoch = epoch or 1
                pending = _end(block, offset, match, epoch)._replace(began_at=began_at)
                if torn:
                    pending = pending._replace(value=math.nan)
                began_at, done, torn = None, 0, False
    if pending:
        yield pending


def _progress(match: re.Match[bytes], before: int, *, torn: bool) -> tuple[int, bool]:
    """Return how much of an epoch is done, and whether the end of the one before was lost."""
    if match["epoch"]:
        return 0, False
    if not (match["of"] or match["own"]):  # other programs' bars go forth and back
        return before, torn
    done = int(match["done"] or match["bar"])
    return done, torn or done < before


def _end(block: bytes, offset: int, bar: re.Match[bytes], epoch: int) -> base.Mark:
    """Return the mark of an epoch's last bar."""
    of, rest = int(bar["of"]), bar["rest"]
    seconds, error = _seconds(bar)
    loss = _LOSS.search(rest)
    return base.Mark(
        epoch * of,
        math.nan if b"val_" in rest else seconds,
        offset + bar.end(),
        loss=float(loss[1]) if loss else None,
        floor=(epoch - 1) * of,
        closes=True,
        error=error,
        rank=base.rank_and_stamp(base.head_of(block, bar))[0],
    )


def _seconds(bar: re.Match[bytes]) -> tuple[float, float]:
    """Return an epoch's seconds, and the bound of their error: of the two that are printed."""
    step_s, of = _UNITS[bar["unit"]], int(bar["of"])
    if of * step_s >= 1:
        return float(bar["seconds"]), 0.5
    return int(bar["per_step"]) * step_s * of, of * step_s / 2
