"""The work of an iteration, as the log counts it, beside what it is said to be.

A log that tells the work of each line shows batches that grow, are halved or are cut at an epoch's
end; it counts more than what recipe or user say, and where the two differ that is a note.
"""

import math
import statistics
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from mrbench.measure.spans import Process, Span
from mrbench.model.logformat import LogFormat
from mrbench.model.measurement import Measurement
from mrbench.model.work import Unit
from mrbench.text import numbers

ALIKE = 0.01  # of the work: a rate times a time is right to its digits only
_INPUTS = (
    "num_input_tokens_seen is taken for tokens; of images it counts the values of all pixels: then"
    " give --unit images"
)
FEW, MANY = 0.99, 1.5  # of --every: lost lines make the others wider
PLACES = 3  # are named of several changes


class Work(NamedTuple):
    """Work of one iteration of all devices, a mean where it changes; None if unknown.

    notes: what to know about it. each: of one iteration in each of the spans, where it changes.
    """

    per_iteration: float | None
    notes: tuple[str, ...] = ()
    each: Sequence[float] | None = None


def work_of(process: Process, given: int | None, unit: Unit, *, counts: Unit | None) -> Work:
    """Return the work of an iteration in a process's window.

    given: as recipe or user say, in `unit`. counts: the unit in which the log tells work.
    """
    skipped = _skipped(process)
    each = [
        span.work / span.count
        for span in process.spans
        if span.work is not None and 0 <= span.work < math.inf
    ]
    if not sum(each) or len(each) < len(process.spans):
        return Work(given, skipped)
    usual = statistics.median(each)
    if counts not in (None, unit):
        if given is None or usual <= 0:
            return Work(None, (*skipped, f"the log counts {counts}, not {unit}"))
        if counts == "tokens":
            of_one = _values_of_one(process.first_work or each[0], each, given)
            if of_one is None:  # images of several sizes
                return Work(given, skipped)
            each = [work / of_one for work in each]
        else:
            factor = given / usual  # e.g. tokens of a sample
            if round(factor) < 1 or abs(factor - round(factor)) > ALIKE * factor:
                text = f"the log tells of {_of(usual, counts)} an iteration, which {given} {unit}"
                return Work(None, (*skipped, f"{text} fit no whole number of times"))
            each = [work * round(factor) for work in each]
    changes = _changes(process.spans, each, unit)
    if given is not None and all(abs(work - given) <= ALIKE * given for work in each):
        return Work(given, skipped)
    total = sum(work * span.count for work, span in zip(each, process.spans, strict=True))
    mean = total / sum(span.count for span in process.spans)
    if not changes:  # of a rate times a time only its digits make a fraction
        mean = float(round(mean)) or mean
    differs: tuple[str, ...] = ()
    if given is not None and not changes:
        text = f"the log tells of {_of(mean, unit)} an iteration, not {given:,}; the log's count"
        differs = (f"{text} is used",)
    return Work(mean, (*skipped, *changes, *differs), each if changes else None)


def _values_of_one(first: float, each: Sequence[float], given: int) -> int | None:
    """Return how many values an image or sample has, if all have as many.

    transformers' Trainer counts values of the input, whatever they are: tokens, or those of pixels.
    first: those of an iteration when the training began, with the batch that was given.
    """
    of_one = first / given
    whole = of_one >= 1 and all((work / of_one).is_integer() for work in each)
    return round(of_one) if whole and of_one.is_integer() else None


def _of(work: float, unit: Unit) -> str:
    return f"{round(work):,} {unit}"


def _changes(spans: Sequence[Span], each: Sequence[float], unit: Unit) -> tuple[str, ...]:
    """Return where the work of an iteration changes within the window, in words."""
    places, before = [], each[0]
    for span, work in zip(spans, each, strict=True):
        if abs(work - before) > ALIKE * before:
            places.append((span.first, before, work))
            before = work
    if not places:
        return ()
    told = [f"from {before:,.0f} to {now:,.0f} after iteration {at}" for at, before, now in places]
    more = f", and {len(told) - PLACES} more times" if len(told) > PLACES else ""
    text = f"the {unit} of an iteration change within the window: {', '.join(told[:PLACES])}{more}"
    return (f"{text}; the throughput counts each as the log tells it",)


def _skipped(process: Process) -> tuple[str, ...]:
    if not process.skips:
        return ()
    text = f"{process.skips} of the window's iterations {numbers(process.begin or 0, process.end)}"
    return (f"{text} changed no weights (skipped for their loss scale), but are counted",)


def trainers_notes(measured: Measurement, log: LogFormat, *, assumed: bool) -> Iterator[str]:
    """Yield what to know of a measured log of transformers' Trainer. assumed: its unit, tokens."""
    if log.format != "hf-trainer":
        return
    if assumed:
        yield _INPUTS
    apart = measured.iterations / max(1, measured.intervals)
    if log.every and not FEW < apart / log.every < MANY:
        text = f"its lines are {apart:g} iterations apart, by their epochs"
        yield f"{text}, not {log.every} (--every)"
