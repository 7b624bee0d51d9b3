"""What is to be said of a window that was not steady: each disturbance with its place and weight.

The number itself stays what it is, total work by total seconds; beside it stands what it would be
without the disturbance. What moves the throughput by less than 1 % is not mentioned.
"""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from mrbench.measure import steadiness
from mrbench.measure.interval import LEAST_DRIFT
from mrbench.measure.spans import Span
from mrbench.measure.steadiness import Times, pace, without
from mrbench.model.measurement import Measurement
from mrbench.model.steadiness import Pause, Pauses, Unsteady
from mrbench.model.work import rate_name
from mrbench.text import first_few, numbers, to_digits

PLACES = 3  # are named of several pauses
FEW_DIGITS = 4


class Course(NamedTuple):
    """A window's intervals in order, by the clock that leads.

    times: iterations and seconds of each. shares: the same, or where the work of an iteration
    changes, in place of the iterations their work, by that of the mean iteration; so what follows
    from them is of throughput. work: of the mean iteration; None if unknown. changes: whether some
    iterations' work is another. of_one: the seconds are those of one unit of work, by its rate; how
    many an iteration has is unknown.
    """

    spans: Sequence[Span]
    times: Times
    shares: Times
    work: float | None
    changes: bool = False
    of_one: bool = False

    def throughput(self, part: Times) -> float | None:
        """Return that of some of the shares; None where it follows from their seconds."""
        if self.of_one:
            return 1 / pace(part)
        return self.work / pace(part) if self.changes and self.work else None


def pauses(course: Course, indices: Sequence[int]) -> Pauses | None:
    """Return the pauses in these of the intervals, or None."""
    if not indices:
        return None
    spans, shares = course.spans, course.shares
    usual = pace(without(shares, indices))
    each = tuple(
        Pause(
            first=spans[i].first + 1,
            last=spans[i].last,
            seconds=None if course.of_one else shares[i][1] - shares[i][0] * usual,
        )
        for i in indices
    )
    return Pauses(
        each=each,
        seconds_per_iteration_without=pace(without(course.times, indices)),
        throughput_without=course.throughput(without(shares, indices)),
    )


def unsteady(course: Course, paused: Sequence[int], *, resolution_s: float) -> Unsteady | None:
    """Return the change of speed within a window beside its pauses, or None."""
    spans = course.spans
    change = steadiness.find_change(course.shares, resolution_s=resolution_s)
    if change is None:
        return None
    at = tuple(spans[i].first for i in change.places)
    if change.steady is None:
        return Unsteady(kind=change.kind, at=at, change=change.change)
    begin, end = change.steady
    part = [i for i in range(begin, end) if i not in paused] or range(begin, end)
    return Unsteady(
        kind=change.kind,
        at=at,
        change=change.change,
        first=spans[begin].first + 1,
        last=spans[end - 1].last,
        seconds_per_iteration=pace([course.times[i] for i in part]),
        throughput=course.throughput([course.shares[i] for i in part]),
    )


def of(measured: Measurement) -> Iterator[str]:
    """Yield a note for each disturbance, as people read it, and for clocks that differ."""
    if measured.disagreement:
        yield measured.disagreement.text
    if measured.pauses:
        yield _paused(measured.pauses, measured)
    found, trend = measured.unsteady, measured.drift
    if found and found.kind != "trend":
        yield _changed(found, measured)
    elif trend and abs(trend.change) >= LEAST_DRIFT and (trend.beyond_noise or found):
        yield (
            f"not steady: throughput {'rose' if trend.change > 0 else 'fell'} by"
            f" {abs(trend.change):.1%} from the window's first quarter to its last, beyond noise;"
            " another window would give another number"
        )


def _paused(found: Pauses, measured: Measurement) -> str:
    each = found.each
    places = first_few([numbers(pause.first, pause.last) for pause in each], PLACES)
    known = [pause.seconds for pause in each if pause.seconds is not None]
    length = f"{to_digits(sum(known), 3)} s" if known else ""
    what = f"a pause of {length}" if length else "a pause"
    if len(each) > 1:
        what = f"{len(each)} pauses, {length} together," if length else f"{len(each)} pauses"
    one = len(each) == 1 and each[0].first == each[0].last
    without_it = f"without {'it' if len(each) == 1 else 'them'}"
    return (
        f"{what} in iteration{'s' * (not one)} {places}; {without_it}"
        f" {speed(found.throughput_without, found.seconds_per_iteration_without, measured)}"
    )


def _changed(found: Unsteady, measured: Measurement) -> str:
    size = f"{'rose' if found.change > 0 else 'fell'} by {abs(found.change):.1%}"
    *first, last = map(str, found.at) if found.at else [""]
    places = f"{', '.join(first)} and {last}" if first else last
    if found.kind == "step":
        text = f"throughput {size} after iteration {places}"
        if len(found.at) > 1:
            text = f"throughput changed after iterations {places}, by {found.change:+.1%} at most"
    elif not found.at:
        text = f"throughput {size}, ever less, and has not settled at the window's end"
    elif found.kind == "warm-up":
        text = f"a warm-up reaches to iteration {places}: throughput {size}"
    else:
        text = f"throughput {size} up to iteration {places}"
    if found.seconds_per_iteration is None:
        return f"not steady: {text}; choose another window"
    alone = speed(found.throughput, found.seconds_per_iteration, measured)
    return f"not steady: {text}; iterations {found.first}-{found.last} alone: {alone}"


def speed(throughput: float | None, seconds_per_iteration: float, measured: Measurement) -> str:
    """Return `57.93 img/s`, or seconds where nobody knows the work of an iteration.

    throughput: None where it follows from the seconds.
    """
    value, unit = seconds_per_iteration, "s per iteration"
    if throughput is None and measured.work_per_iteration is not None:
        throughput = measured.work_per_iteration / seconds_per_iteration
    if throughput is not None:
        value, unit = throughput, rate_name(measured.unit)
    digits = max(0, FEW_DIGITS - 1 - math.floor(math.log10(value)))
    return f"{value:.{digits}f} {unit}"
