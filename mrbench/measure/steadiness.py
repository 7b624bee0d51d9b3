"""Whether a window was steady: pauses, steps and warm-ups, with their places.

A pause is one interval between log lines far beyond the others. A step is a speed that differs from
one iteration to the next; a warm-up is one that comes ever closer to its later value. Straight
trends are interval.drift's.

Steps and warm-ups are looked for by the largest cumulative sum of deviations from the mean (CUSUM:
Page, Biometrika 41 (1954) 100-115), which finds a change at an unknown place. Its yardstick is the
difference of neighbours, which a change of level hardly touches (von Neumann, Annals of
Mathematical Statistics 12 (1941) 367-395); autocorrelation that is left beside the best change
raises the threshold. tests/bench/unsteady.py shows how often it is wrong, and what it finds.
"""

import math
import statistics
from collections.abc import Sequence
from itertools import accumulate, combinations, pairwise
from typing import NamedTuple, TypeVar

from mrbench.model.steadiness import ChangeKind

T = TypeVar("T")
# (count, seconds): these count iterations took seconds; or, where the work of an iteration changes,
# so much work, by that of the mean iteration.
Times = Sequence[tuple[float, float]]

# Pauses: times the noise of an interval, of few intervals more, since their noise is hardly known.
PAUSE, OF_FEW = 8.0, 8
LEAST_FOR_PAUSES = 5  # intervals
LEAST_PAUSE = 0.01  # of the window's seconds; less is not worth a note
ALONE = 0.25  # of a pause: what a neighbour may have of it; more, and it is a slow stretch
MOST_PAUSES = 0.2  # of the intervals; more are how this training runs
DEVIATION = 1.4826  # standard deviations of a normal distribution by median absolute deviations
LONG, OUTSTANDING = 0.05, 5.0  # of one pause: share of the window, and times the next largest
LEAST_REGULAR = 3  # pauses that come by a schedule
ALIKE = 2.0  # of these the longest by the shortest, at most

# Changes: of the cumulative sum. By simulation 1 of 1,000 steady windows gives an alarm.
# Autocorrelation of the blocks beyond MILD raises it by WARY times the excess: 2 of 100 windows
# whose iterations are correlated by 0.9 give an alarm.
ALARM, MILD, WARY = 2.5, 0.2, 2.0
# The largest of so many differences of neighbours may be a stretch's two edges: it counts as the
# next one, times what makes the mean that of a normal distribution again.
DIFFERENCES, CUT = 9, 1.6
RANGE = 1.15  # of steady windows: the sums' range by their largest, where alarms begin
LEAST_FOR_CHANGES = 8  # intervals
BLOCKS = 20  # neighbours are joined into so many, so that the noise is not of single iterations
LEAST_CHANGE = 0.01  # of the throughput; less is not worth a note
PENALTY = 3.0  # for each parameter of a shape: the logarithm of BLOCKS (Schwarz's criterion)
DECAYS = tuple(0.02 * 1.35**i for i in range(11))  # time constants, as shares of the window
SETTLED = 0.01  # of the later speed: less is left of a warm-up that is over
LEAST_STEADY = 0.25  # of the window: a shorter steady part gives no number
NEGLIGIBLE = 1e-9  # of the mean: not noise of the times but of the arithmetic


class Change(NamedTuple):
    """A change of speed within a window.

    places: intervals before which the speed is another. change: of the throughput, the largest.
    steady: first interval of the longest steady part, and the one behind it; None if there is none.
    paces: seconds per iteration of each interval, as fitted.
    """

    kind: ChangeKind
    places: tuple[int, ...]
    change: float
    steady: tuple[int, int] | None
    paces: Sequence[float]


def find_pauses(
    times: Times, *, least: float = LEAST_PAUSE, resolution_s: float = 0.0
) -> tuple[int, ...]:
    """Return the intervals, counted from 0, that hold a pause.

    Seconds beyond the median pace are a pause where they exceed the noise (by the median absolute
    deviation) PAUSE times, a share of the window and what digits make (resolution_s), and the
    neighbours have no part in them.
    """
    if len(times) < LEAST_FOR_PAUSES or not _timed(times):
        return ()
    excess = _excess(times)
    roots = [math.sqrt(count) for count, _ in times]
    noise = DEVIATION * statistics.median(abs(x) / r for x, r in zip(excess, roots, strict=True))
    beyond = noise * PAUSE * (1 + OF_FEW / len(times))
    least_s = max(least * sum(seconds for _, seconds in times), 1.01 * resolution_s)
    pauses = tuple(
        i
        for i, (x, root) in enumerate(zip(excess, roots, strict=True))
        if x > max(least_s, beyond * root) and max(_around(excess, i)) <= ALONE * x
    )
    return pauses if len(pauses) <= MOST_PAUSES * len(times) else ()


def _timed(times: Times) -> bool:
    return all(count > 0 and 0 < seconds < math.inf for count, seconds in times)


def _excess(times: Times) -> list[float]:
    usual = statistics.median(seconds / count for count, seconds in times)
    return [seconds - count * usual for count, seconds in times]


def _around(values: Sequence[float], i: int) -> Sequence[float]:
    return [*values[max(0, i - 1) : i], *values[i + 1 : i + 2]]


def without(intervals: Sequence[T], pauses: Sequence[int]) -> Sequence[T]:
    """Return the other intervals."""
    left_out = set(pauses)
    return [one for i, one in enumerate(intervals) if i not in left_out]


def _bridged(times: Times, pauses: Sequence[int]) -> Times:
    """Return the times with each pause replaced by what its neighbours take."""
    bridged = list(times)
    for i in pauses:
        count, seconds = times[i]
        near = [times[j] for j in (i - 1, i + 1) if 0 <= j < len(times)]
        bridged[i] = (count, min(seconds, count * pace(near)))
    return bridged


def given_pauses(times: Times) -> tuple[int, ...]:
    """Return the pauses that an interval of this window takes as given, not as chance.

    One that is long and like nothing else in the window, or several that come by a schedule.
    """
    paused = find_pauses(times)
    if len(paused) != 1:
        return paused if are_regular(times, paused) else ()
    *_, next_largest, largest = sorted(_excess(times))
    long_s = LONG * sum(seconds for _, seconds in times)
    return paused if largest > max(long_s, OUTSTANDING * next_largest) else ()


def are_regular(times: Times, pauses: Sequence[int]) -> bool:
    """Return whether pauses come by a schedule: alike, at equal distances, all through the window.

    Distances may differ by as much as the intervals that hold the pauses are long.
    """
    if len(pauses) < LEAST_REGULAR:
        return False
    ends = list(accumulate(count for count, _ in times))
    longest = max(times[i][0] for i in pauses)
    distances = [ends[b] - ends[a] for a, b in pairwise(pauses)]
    edges = (ends[pauses[0]] - times[pauses[0]][0], ends[-1] - ends[pauses[-1]])
    excess = _excess(times)
    sizes = [excess[i] for i in pauses]
    return (
        max(distances) - min(distances) <= longest
        and max(edges) <= min(distances) + longest
        and max(sizes) <= ALIKE * min(sizes)
    )


def find_change(times: Times, *, resolution_s: float = 0.0) -> Change | None:
    """Return the change of speed in the times of a window beside its pauses, or None.

    resolution_s: the step in which an interval's seconds are known; what it could make is none.
    """
    if len(times) < LEAST_FOR_CHANGES or not _timed(times):
        return None
    times = _bridged(times, find_pauses(times, least=0.0))  # the shortest, too, would make a step
    blocks = _blocks(times)
    noise = _noise(blocks, resolution_s)
    if _largest_sum(blocks) <= ALARM * noise:
        return None
    split = _best_split(blocks)
    likely = min((*_shapes(blocks, (split,)), _stretch(blocks)), key=lambda shape: shape.misfit)
    wary = 1 + WARY * max(0.0, _autocorrelation(blocks, likely) - MILD)
    places = _steps(times, 0, len(times), ALARM * wary * noise)
    if not places:
        return None
    shape = min(
        _shapes(times, places),
        key=lambda one: one.misfit / noise**2 + PENALTY * one.parameters,
    )
    change = _described(times, shape)
    resolved = resolution_s / statistics.median(seconds for _, seconds in times)
    return change if abs(change.change) > max(LEAST_CHANGE, resolved) else None


class _Shape(NamedTuple):
    """A course fitted to times: the pace of each interval, in seconds per iteration."""

    kind: ChangeKind
    paces: Sequence[float]
    misfit: float  # seconds squared per iteration
    parameters: int
    places: tuple[int, ...] = ()


def _described(times: Times, shape: _Shape) -> Change:
    paces, places = shape.paces, shape.places
    ends = [0, *accumulate(count for count, _ in times)]
    steady: tuple[int, int] | None = None
    change = paces[0] / paces[-1] - 1
    if shape.kind == "step":
        change = max((paces[i - 1] / paces[i] - 1 for i in places), key=abs)
        parts = pairwise((0, *places, len(times)))
        steady = max(parts, key=lambda part: (ends[part[1]] - ends[part[0]], part))
        # an interval of its own holds the step
        places = tuple(place for place in places if place - 1 not in places)
    elif shape.kind != "trend":
        near = (i for i, pace in enumerate(paces) if abs(pace / paces[-1] - 1) <= SETTLED)
        begin = next(near)
        if ends[begin] <= (1 - LEAST_STEADY) * ends[-1]:
            places, steady = (begin,), (begin, len(times))
    return Change(shape.kind, places, change, steady, paces)


def _shapes(times: Times, places: tuple[int, ...]) -> list[_Shape]:
    """Fit a straight line, decays, and steps at these places."""
    ends = list(accumulate(count for count, _ in times))
    middles = [(end - count / 2) / ends[-1] for end, (count, _) in zip(ends, times, strict=True)]
    shapes = [_Shape("trend", line := _line(times, middles), _misfit(times, line), 2)]
    for tau in DECAYS:
        paces = _line(times, [math.exp(-at / tau) for at in middles])
        kind: ChangeKind = "warm-up" if paces[0] > paces[-1] else "slowing"
        shapes.append(_Shape(kind, paces, _misfit(times, paces), 3))
    return [*shapes, _stepped(times, places)]


def _stepped(times: Times, places: tuple[int, ...]) -> _Shape:
    paces: list[float] = []
    for begin, end in pairwise((0, *places, len(times))):
        paces += [pace(times[begin:end])] * (end - begin)
    return _Shape("step", paces, _misfit(times, paces), 1 + 2 * len(places), places)


def _stretch(blocks: Times) -> _Shape:
    """Fit the best stretch with a speed of its own."""
    pairs = combinations(range(1, len(blocks)), 2)
    return min((_stepped(blocks, pair) for pair in pairs), key=lambda shape: shape.misfit)


def _line(times: Times, at: Sequence[float]) -> list[float]:
    """Return the paces that are linear in `at`, by least squares."""
    iterations = sum(count for count, _ in times)
    mean = pace(times)
    middle = sum(count * x for (count, _), x in zip(times, at, strict=True)) / iterations
    square = sum(count * (x - middle) ** 2 for (count, _), x in zip(times, at, strict=True))
    product = sum(
        (x - middle) * (seconds - count * mean)
        for (count, seconds), x in zip(times, at, strict=True)
    )
    slope = product / square if square else 0.0
    return [mean + slope * (x - middle) for x in at]


def _misfit(times: Times, paces: Sequence[float]) -> float:
    pairs = zip(times, paces, strict=True)
    return sum((seconds - count * pace) ** 2 / count for (count, seconds), pace in pairs)


def _blocks(times: Times) -> list[tuple[float, float]]:
    """Join neighbours into BLOCKS of about as many iterations."""
    least = sum(count for count, _ in times) / BLOCKS
    blocks: list[tuple[float, float]] = []
    count, seconds, done = 0.0, 0.0, 0.0
    for i, (further, further_s) in enumerate(times):
        count, seconds, done = count + further, seconds + further_s, done + further
        if done >= least * (len(blocks) + 1) or i == len(times) - 1:
            blocks.append((count, seconds))
            count, seconds = 0.0, 0.0
    return blocks


def _noise(times: Times, resolution_s: float) -> float:
    """Return the standard deviation between neighbours, in seconds per root of iterations."""
    squares = sorted(
        (after / more - before / count) ** 2 / (1 / more + 1 / count)
        for (count, before), (more, after) in pairwise(times)
    )
    jumps = len(squares) // DIFFERENCES
    if jumps:
        squares[-jumps:] = [CUT * squares[-jumps - 1]] * jumps
    counts = statistics.fmean(count for count, _ in times)
    variance = sum(squares) / len(squares) + resolution_s**2 / 12 / counts
    return max(math.sqrt(variance), NEGLIGIBLE * pace(times))


def _sums(times: Times) -> list[float]:
    """Return the cumulative sums of deviations from the mean, in seconds; the last is left out."""
    mean = pace(times)
    return list(accumulate(seconds - count * mean for count, seconds in times))[:-1]


def _largest_sum(times: Times) -> float:
    """Return the largest cumulative sum, in seconds per root of iterations.

    Or their range, which shows what comes and goes (Kuiper, Proceedings of the Koninklijke
    Nederlandse Akademie van Wetenschappen A 63 (1960) 38-47), by RANGE.
    """
    sums = _sums(times)
    largest = max(*map(abs, sums), (max(sums) - min(sums)) / RANGE)
    return largest / math.sqrt(sum(count for count, _ in times))


def _best_split(times: Times) -> int:
    """Return the interval before which one step explains most."""
    ends = list(accumulate(count for count, _ in times))
    explained = [
        total**2 / (end * (ends[-1] - end))
        for total, end in zip(_sums(times), ends[:-1], strict=True)
    ]
    return 1 + max(range(len(explained)), key=explained.__getitem__)


def _steps(times: Times, begin: int, end: int, alarm: float) -> tuple[int, ...]:
    """Return where the speed changes between two intervals: split as long as an alarm is given."""
    part = times[begin:end]
    if len(part) < 2 or _largest_sum(part) <= alarm:  # noqa: PLR2004 - one cannot be split
        return ()
    place = begin + _best_split(part)
    before, after = _steps(times, begin, place, alarm), _steps(times, place, end, alarm)
    return (*before, place, *after)


def _autocorrelation(times: Times, shape: _Shape) -> float:
    """Return that of neighbours, beside a shape."""
    rest = [
        (seconds - count * pace) / math.sqrt(count)
        for (count, seconds), pace in zip(times, shape.paces, strict=True)
    ]
    square = sum(x * x for x in rest)
    return sum(a * b for a, b in pairwise(rest)) / square if square else 0.0


def pace(times: Times) -> float:
    """Return seconds per iteration."""
    return sum(seconds for _, seconds in times) / sum(count for count, _ in times)
