"""How sure the throughput of one run is: the 95 % interval within its window, and drift.

What varies from run to run (another seed, another start, another temperature of the machine) is a
question of its own, which only repeats answer: see measure/repeats.py.

Iterations that follow one another are alike, so the noise of single intervals says too little about
the noise of their mean. What moves the mean is slow, and slow movements can be read off directly:
the times are projected on slow cosines, and the mean square of these projections estimates the
variance per iteration that the mean of many iterations shows, autocorrelation included. That is
the equal-weighted cosine estimate of Lazarus, Lewis, Stock and Watson, "HAR inference:
recommendations for practice", Journal of Business & Economic Statistics 36 (2018) 541-559, with
which Student's t with as many degrees of freedom as cosines gives honest intervals and tests. Two
things are changed: a straight line takes the place of the first cosine, so that a trend is not
taken for noise, and each interval weighs as its count of iterations, so that counts may differ. It
may as well weigh as the work of its iterations, where that changes: all is of throughput then.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate
from operator import mul
from typing import NamedTuple

from mrbench.measure.steadiness import Times, find_change, given_pauses, pace, without
from mrbench.measure.student import t_quantile, t_tail
from mrbench.model.measurement import Interval
from mrbench.model.steadiness import Drift

LEAST_INTERVALS = 4  # one for the mean, one for the trend, two for the noise
LEAST_DRIFT = 0.01  # of the throughput; less is not worth a note
NEGLIGIBLE = 1e-9  # of the mean: not noise of the times but of the arithmetic
# 5 cosines in 400 iterations leave an autocorrelation of 0.9 harmless; more make the interval
# narrower (by 20 % at most) and less honest. The number grows as Lazarus et al. advise.
COSINES = 5
ITERATIONS = 400
MOST_COSINES = 20
NORMAL = 1.96  # quantile, two-sided
FITTED = 1.08  # a decay that is taken out takes that much of the noise with it
FEW_STALLS = 3.0  # their number is as good as unknown


class LongRunEstimate(NamedTuple):
    """The mean, trend and noise of iteration times at low frequency.

    mean_s: seconds per iteration over all. trend: the projection on a straight line; noise: the
    long-run standard deviation, from the projections on `cosines` slow cosines; both in seconds
    per iteration times the root of iterations, so noise / sqrt(iterations) is the mean's standard
    error.
    """

    iterations: float
    mean_s: float
    trend: float
    noise: float
    cosines: int


def estimate_long_run(times: Times) -> LongRunEstimate | None:
    """Estimate the long-run noise; None for too few intervals or seconds that are no time."""
    counts = tuple(count for count, _ in times)
    total = sum(seconds for _, seconds in times)
    if len(counts) < LEAST_INTERVALS or min(counts) <= 0 or not 0 < total < math.inf:
        return None
    mean = total / sum(counts)
    excess = [(seconds - count * mean) / math.sqrt(count) for count, seconds in times]
    trend, *others = (_product(excess, axis) for axis in _axes(counts))
    floor = NEGLIGIBLE * mean * math.sqrt(sum(counts))
    noise = math.sqrt(_product(others, others) / len(others))
    return LongRunEstimate(
        iterations=sum(counts),
        mean_s=mean,
        trend=trend if abs(trend) > floor else 0.0,
        noise=noise if noise > floor else 0.0,
        cosines=len(others),
    )


@lru_cache(maxsize=16)
def _axes(counts: tuple[float, ...]) -> list[list[float]]:
    """Return a line and slow cosines over the intervals: orthonormal, without a constant."""
    iterations = sum(counts)
    by_length = round(COSINES * (iterations / ITERATIONS) ** (2 / 3))
    cosines = min(max(by_length, 2), MOST_COSINES, len(counts) - 2)
    ends = accumulate(counts)
    middles = [(end - count / 2) / iterations for end, count in zip(ends, counts, strict=True)]
    roots = [math.sqrt(count) for count in counts]
    shapes = [[1.0] * len(counts), middles]
    shapes += [[math.cos(math.pi * j * at) for at in middles] for j in range(2, cosines + 2)]
    axes: list[list[float]] = []
    for shape in shapes:  # Gram and Schmidt's way
        rest = list(map(mul, roots, shape))
        for axis in axes:
            share = _product(rest, axis)
            rest = [value - share * part for value, part in zip(rest, axis, strict=True)]
        length = math.sqrt(_product(rest, rest))
        axes.append([value / length for value in rest])
    return axes[1:]


def _product(one: Sequence[float], other: Sequence[float]) -> float:
    total: float = sum(map(mul, one, other))
    return total


def within_run(
    times: Times,
    work_per_iteration: float = 1.0,
    *,
    resolution_s: float = 0.0,
    one_clock: bool = False,
) -> Interval | None:
    """Return the interval for the throughput of a window from its interval times.

    times: (iterations, seconds) of each interval in order. None for fewer than four intervals, for
    seconds that are missing, or where rounding leaves nothing of them. resolution_s: the step in
    which an interval's seconds are known; with one_clock they are differences of one clock, or
    running sum, that has this step, so that all errors but those at the window's two ends cancel.

    What is covered is the mean over this window that the run would show if only its noise were
    drawn anew. Trends, warm-ups, and pauses that are given (steadiness.given_pauses) stay as they
    were. tests/bench/coverage.py shows how often: about 95 of 100 times for windows of 400
    iterations with autocorrelation up to 0.9, and 94 or more with stalls by chance of which 4 are
    to be expected. What is slower or rarer a window does not show. Of a wander of the clock with a
    time constant of an eighth of the window 81 of 100 intervals cover, of one as long as the window
    31. Stalls of which 2 are to be expected are covered by 85, a long pause that comes by
    chance by 60 or fewer. And with autocorrelation 0.9 a window of 40 iterations covers 83 to 85.

    estimate_long_run gives the noise of the mean. Rare long stalls make the mean's distribution
    lopsided, and the t interval then is too short on the slow side (90 of 100). There the limit of
    Byar takes its place, for the n equal stalls with the variance and skewness of the times
    (Breslow and Day, Statistical Methods in Cancer Research II, 1987; the gamma interval for
    unequal weights is Fay's and Feuer's, Statistics in Medicine 16 (1997) 791-801), with t for the
    normal quantile where the stalls are so few that their number is as good as unknown.
    """
    paused = given_pauses(times)
    beside_pauses = without(times, paused)
    calm = _beside_changes(beside_pauses, resolution_s)
    estimate = estimate_long_run(calm)
    if estimate is None:
        return None
    t = t_quantile(estimate.cosines)
    iterations, total_s = sum(count for count, _ in times), sum(seconds for _, seconds in times)
    error_s = estimate.noise * math.sqrt(iterations)
    if calm is not beside_pauses:
        error_s *= FITTED
    excess = [seconds - count * estimate.mean_s for count, seconds in calm]
    # where there are lines enough, Byar's limit has the uncertainty of few stalls in it already
    least = NORMAL if estimate.cosines >= COSINES else t
    slow_s, fast_s = max(t, _stalls(excess, t, least)) * error_s, t * error_s
    rounding = _rounding(excess, resolution_s, one_clock=one_clock) / total_s
    if rounding >= 1:
        return None
    rate = work_per_iteration * iterations / total_s
    # the exponential: however wide this side is, it needs no seconds below zero
    high_factor = math.exp(fast_s / total_s) / (1 - rounding)
    low_factor = 1 + slow_s / total_s + rounding
    return Interval(throughput=rate, low=rate / low_factor, high=rate * high_factor)


def _beside_changes(times: Times, resolution_s: float) -> Times:
    """Return the times without a warm-up or its like; a straight trend is taken out elsewhere.

    Steps stay in: slow wander looks like steps, and its width must not be taken away.
    """
    change = find_change(times, resolution_s=resolution_s)
    if change is None or change.kind not in {"warm-up", "slowing"}:
        return times
    mean = pace(times)
    return [
        (count, seconds - count * (fitted - mean))
        for (count, seconds), fitted in zip(times, change.paces, strict=True)
    ]


def _stalls(excess: Sequence[float], t: float, least: float) -> float:
    """Return by how many standard errors rare stalls may have been missed.

    t: quantile where they are so few that their number is as good as unknown; least: of many.
    """
    skew = sum(x**3 for x in excess)
    if skew <= 0:
        return t
    root = skew / math.sqrt(sum(x**2 for x in excess)) ** 3
    stalls = 1 / root**2
    quantile = least + (t - least) * min(1.0, FEW_STALLS / stalls)
    more = stalls + 1
    limit = more * (1 - 1 / (9 * more) + quantile / (3 * math.sqrt(more))) ** 3
    return (limit - stalls) * root


def _rounding(excess: Sequence[float], step: float, *, one_clock: bool) -> float:
    """Return a bound for the error of the summed seconds that comes from rounding.

    Rounded alone, like times are all wrong by as much as half a step. Noise of more than a step
    makes the errors independent, and then they are in the times' own noise: the part that is left
    falls off as in Widrow, Kollar and Liu, "Statistical theory of quantization", IEEE Transactions
    on Instrumentation and Measurement 45 (1996) 353-361.
    """
    if step <= 0 or one_clock:
        return step
    variance = sum(x**2 for x in excess) / (len(excess) - 1)
    noise = max(0.0, variance - step**2 / 4) / step**2  # rounding alone can make a quarter
    return len(excess) * step / 2 * math.exp(-2 * math.pi**2 * noise)


def drift(times: Times, *, resolution_s: float = 0.0, one_clock: bool = False) -> Drift | None:
    """Test for a straight trend in a window's interval times, or return None: nothing to compare.

    At least four intervals are needed, and some time in the first and in the last quarter.
    Arguments as for interval.within_run. The trend's projection is compared with those on slow
    cosines (see estimate_long_run), which autocorrelation blows up as much: Student's t. That is
    the series test of trends of Sun, Journal of Econometrics 164 (2011) 345-366. A change that the
    steps of the clock could make counts as none.
    """
    estimate = estimate_long_run(times)
    if estimate is None:
        return None
    quarter = len(times) // 4
    begin, end = pace(times[:quarter]), pace(times[-quarter:])
    if not (begin > 0 and end > 0):
        return None
    change = begin / end - 1
    per_interval = abs(end - begin) * estimate.iterations / len(times)
    steps = 2 / quarter if one_clock else 1
    if not estimate.trend or per_interval <= steps * resolution_s:
        return Drift(change=change, p_value=1.0)
    ratio = estimate.trend / estimate.noise if estimate.noise else float("inf")
    return Drift(change=change, p_value=t_tail(ratio, estimate.cosines))
