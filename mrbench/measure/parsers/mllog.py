"""MLPerf's `:::MLLOG` lines: the event tracked_stats, whose value is a time or a throughput.

    :::MLLOG {"time_ms": 1684011446569, "key": "tracked_stats", "value": {"time": 0.061},
              "metadata": {"step": 50}}

`time` is seconds per iteration and `throughput` samples per second, both since the event before.
`step` counts iterations in some submissions and samples in others. Which, follows from the events'
own time stamps: throughput x seconds is the samples in between. Where it is neither, or nobody
knows the images of an iteration, no clock tells the seconds of one. An interval begins at the event
before it or, if that is later, where training went on (block_start, epoch_start): evaluations lie
in between.
"""

import itertools
import json
import math
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from mrbench.measure.log.blocks import Block
from mrbench.measure.parsers.base import Mark, Options, blank_colours, last_digit
from mrbench.measure.parsers.samples import from_intervals
from mrbench.measure.parsers.steps import to_steps
from mrbench.model.finding import Problem
from mrbench.model.measurement import IterationSample, Printed

_EVENT = re.compile(
    rb':::MLLOG[ \t]{1,40}(?P<event>\{[^\r\n]{0,400}?"key":[ \t]{0,40}"'
    rb'(?P<key>tracked_stats|block_start|epoch_start|run_start)"[ \t]{0,40}[,}][^\r\n]{0,4000})'
)
_NEAR = 0.1  # of a ratio: time stamps and figures tell of the same thing
_STEP_S = 0.001
_DECODER = json.JSONDecoder(parse_float=str)


class _Event(NamedTuple):
    """A tracked_stats. began: offset and stamp of where training went on after the one before.

    first: of its process.
    """

    step: int
    seconds: float | None  # per iteration
    throughput: float | None  # samples per second
    error: float  # of whichever is there
    loss: float | None
    ended_at: int
    printed: Printed
    began: tuple[int, Printed] | None
    first: bool = False


def parse(blocks: Iterable[Block], options: Options) -> Iterator[IterationSample]:
    """Yield a sample for each tracked_stats."""
    marks = _marks(_events(blocks), options.work_per_iteration)
    return from_intervals(to_steps(marks, every=options.log.every), "interval_mean")


def _events(blocks: Iterable[Block]) -> Iterator[_Event]:
    began: tuple[int, Printed] | None = None
    first = False
    last, step = -1, 1.0  # the finest of the figures; JSON drops zeros at their end
    for offset, raw in blocks:
        block = blank_colours(raw)
        for match in _EVENT.finditer(block):
            event = _decoded(match["event"])
            stamp = _number(event.get("time_ms"))
            if stamp is None:
                continue
            printed = Printed(stamp / 1000, _STEP_S, math.inf)
            here = offset + match.end("event")
            if match["key"] != b"tracked_stats":
                began = here, printed
                if match["key"] == b"run_start":
                    first, last = True, -1
                continue
            found = _stats(event, here, printed, began)
            if found:
                step = min(step, 2 * found.error)
                found = found._replace(error=step / 2, first=first)
            if found and found.step != last:  # the same again is another rank's
                last, began, first = found.step, None, False
                yield found


def _decoded(text: bytes) -> dict[str, object]:
    """Return the event with its fractions as they are printed; empty where it is none."""
    try:
        event, _ = _DECODER.raw_decode(text.decode(errors="replace"))
    except (ValueError, RecursionError):
        return {}
    return event if isinstance(event, dict) else {}


def _stats(
    event: dict[str, object], here: int, printed: Printed, began: tuple[int, Printed] | None
) -> _Event | None:
    value, metadata = event.get("value"), event.get("metadata")
    if not isinstance(value, dict) or not isinstance(metadata, dict):
        return None
    step = metadata.get("step")
    figure = value.get("time", value.get("throughput"))
    number = _number(figure)
    if not isinstance(step, int) or not 0 < step < _MOST or number is None:
        return None
    timed = "time" in value
    if number < 0 or (number == 0 and not timed):
        return None
    return _Event(
        step=step,
        seconds=number if timed else None,
        throughput=None if timed else number,
        error=last_digit(str(figure).encode()) / 2,
        loss=_number(value.get("loss")),
        ended_at=here,
        printed=printed,
        began=began,
    )


_MOST = 10**12


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def _marks(events: Iterator[_Event], images: int) -> Iterator[Mark]:
    """Turn events into marks with seconds per iteration, once it is known what a step is."""
    begin = list(itertools.islice(events, 2))
    per_step = _iterations_per_step(begin[0], begin[1], images) if begin[1:] else 1.0
    for event in itertools.chain(begin, events):
        if isinstance(per_step, Problem):
            yield Mark(event.step, math.nan, event.ended_at, loss=event.loss, untold=per_step)
            continue
        if event.first:
            yield Mark(0, math.nan, event.ended_at, begins=True)
        yield _mark(event, per_step, images)


def _iterations_per_step(first: _Event, second: _Event, images: int) -> float | Problem:
    """Return how many iterations a step is, 1 or less, or why that is not known."""
    began = second.began[1] if second.began else first.printed
    elapsed_s, steps = second.printed.seconds - began.seconds, second.step - first.step
    if second.seconds is not None or steps <= 0 or elapsed_s <= 0:
        return 1.0  # a time is that of an iteration; the other clock checks it
    samples = (second.throughput or 0.0) * elapsed_s / steps  # of one step
    if images and abs(samples / images - 1) <= _NEAR:
        return 1.0
    if images and abs(samples - 1) <= _NEAR:
        return 1 / images
    count = f"{samples:.4g}"
    told = f"by its throughput and time stamps a step is {count} sample{'s' * (count != '1')}"
    if images:
        told += f", neither 1 nor the {images} of an iteration"
    else:
        told += ", and the images of an iteration are not known"
    return Problem(told, "give the batch that was trained (--work-per-iteration N)")


def _mark(event: _Event, per_step: float, images: int) -> Mark:
    seconds, error = event.seconds, event.error
    if seconds is None:
        rate = event.throughput or math.nan
        seconds = images / rate
        error = seconds * event.error / rate
    began_at, printed_began = event.began or (None, None)
    return Mark(
        round(event.step * per_step),
        seconds,
        event.ended_at,
        began_at=began_at,
        loss=event.loss,
        error=error,
        printed=event.printed,
        printed_began=printed_began,
    )
