"""Ultralytics' results.csv: a row per epoch, and the seconds since training began.

Rows contain what the epoch contained, its validation too. How many iterations an epoch has, the
file does not say. Versions before 8.2.83 have no column for the time.
"""

import re
from collections.abc import Iterable, Iterator

from mrbench.errors import MeasureError
from mrbench.measure.log.blocks import Block
from mrbench.measure.parsers.base import Mark, Options, last_digit
from mrbench.measure.parsers.samples import from_intervals
from mrbench.measure.parsers.steps import to_steps
from mrbench.model.measurement import IterationSample

_ROW = re.compile(
    rb"^[ \t]{0,40}(?:(?P<head>epoch)[ \t]{0,40},[ \t]{0,40}(?P<time>time)[ \t]{0,40},|"
    rb"(?P<epoch>\d{1,9})[ \t]{0,40},[ \t]{0,40}(?P<seconds>\d{1,12}(?:\.\d{1,12})?)[ \t]{0,40},)"
    rb"[^\r\n]{0,9999}+[\r\n]",
    re.MULTILINE,
)


def parse(blocks: Iterable[Block], options: Options) -> Iterator[IterationSample]:
    """Yield a sample per epoch, of log.every iterations."""
    every = options.log.every or 1
    return from_intervals(to_steps(_marks(blocks, every), every=every), "interval_total")


def _marks(blocks: Iterable[Block], every: int) -> Iterator[Mark]:
    named, first, before_s, before_error = False, 1, 0.0, 0.0
    rows, fell = 0, False
    for offset, block in blocks:
        for row in _ROW.finditer(block):
            if row["head"]:
                named = True
                continue
            if not named:
                return
            epoch, seconds = int(row["epoch"]), float(row["seconds"])
            rows += 1
            if rows == 1:
                first = min(epoch, 1)  # older versions count from 0
            falls = seconds < before_s
            if falls and fell:
                text = f"its column time falls row by row up to epoch {epoch}"
                remedy = "it must be the seconds since the training began: give the right file"
                raise MeasureError(text, remedy)
            if falls:  # resumed: the time began anew
                before_s = before_error = 0.0
                done = (epoch - first) * every
                yield Mark(done, 0.0, offset + row.start(), begins=True)
            fell = falls
            error = last_digit(row["seconds"]) / 2
            yield Mark(
                (epoch - first + 1) * every,
                seconds - before_s,
                offset + row.end(),
                floor=(epoch - first) * every,
                closes=True,
                error=error + before_error,
            )
            before_s, before_error = seconds, error
