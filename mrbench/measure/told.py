"""The work of an iteration, as the log counts or states it, beside what it is said to be.

A log that tells the work of each line shows batches that grow, are halved or are cut at an epoch's
end; it counts more than what recipe or user say, and where the two differ that is a note.
"""

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from mrbench.measure.log.blocks import read_blocks
from mrbench.measure.log.stated import read_stated
from mrbench.measure.parsers import COMMON, STATES
from mrbench.measure.spans import Process, Span
from mrbench.model.logformat import LogFormat
from mrbench.model.measurement import Measurement
from mrbench.model.work import Unit, with_new_names
from mrbench.text import counted, numbers

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


def stated_facts(path: Path, log: LogFormat) -> dict[str, str]:
    """Return what the log states of its workload, if a recipe or its format knows where."""
    states = {**STATES.get(log.format or "", {}), **log.states}
    if not states or not path.is_file():  # a pipe can be read but once
        return {}
    return {n: f.value for n, f in read_stated(read_blocks(path), states, log.means).items()}


def is_foreign(path: Path, log: LogFormat, facts: Mapping[str, str]) -> bool:
    """Return whether a log of a common format states nothing of what its recipe says it does."""
    if log.format not in COMMON or not log.states or not path.is_file():
        return False
    return facts.keys().isdisjoint(with_new_names(log.states))


def contradictions(facts: Mapping[str, str], measured: Measurement) -> Iterator[str]:
    """Yield what the log states of its batch that the work of an iteration is not."""
    work = measured.work_per_iteration
    known = {name: int(value) for name, value in facts.items() if value.isdecimal()}
    a_step, each = known.get("samples_per_step"), known.get("per_device")
    whole = known.get("samples_per_iteration")
    if work is None or measured.unit == "tokens":
        return
    if a_step is not None and a_step != work:
        yield (
            f"the log states {a_step} {measured.unit} per optimizer step, and {work} per iteration:"
            " gradients of several iterations are added up, or of a part of one"
        )
    if whole is not None and whole != work and "work_per_iteration" in facts:
        yield f"the log states {whole} {measured.unit} per iteration, and {work} are counted"
    if each is not None and each != work and "gpus" not in facts:
        devices = counted(work // each, "device") if work % each == 0 else "no number of devices"
        yield (
            f"of {measured.unit} the log states {each} per device, so {work} per iteration would"
            f" be of {devices}"
        )


def stated_work(facts: Mapping[str, str], log: LogFormat, unit: Unit) -> int | None:
    """Return the work per iteration that the log itself states, if a recipe knows where.

    One device's samples are that only where an iteration is one batch of them: not of tokens, nor
    where the log states how many batches an optimizer step has.
    """
    work = facts.get("work_per_iteration")
    if work is None and unit != "tokens":
        work = facts.get("samples_per_iteration")
    batches = unit == "tokens" or "accumulation" in log.states
    if work is None and not batches and facts.keys() >= {"per_device", "gpus"}:
        factors = facts["per_device"], facts["gpus"]
        return int(factors[0]) * int(factors[1]) if all(map(str.isdecimal, factors)) else None
    return int(work) if work and work.isdecimal() else None
