"""The slow part of a window's interval times: their level, trend, and how much they wander.

Iterations that follow one another are alike, so the noise of single intervals says too little about
the noise of their mean. What moves the mean is slow, and slow movements can be read off directly:
the times are projected on slow cosines, and the mean square of these projections estimates the
variance per iteration that the mean of many iterations shows, autocorrelation included. That is
the equal-weighted cosine estimate of Lazarus, Lewis, Stock and Watson, "HAR inference:
recommendations for practice", Journal of Business & Economic Statistics 36 (2018) 541-559, with
which Student's t with as many degrees of freedom as cosines gives honest intervals and tests. Two
things are changed: a straight line takes the place of the first cosine, so that a trend is not
taken for noise, and each interval weighs as its count of iterations, so that counts may differ.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate
from operator import mul
from typing import NamedTuple

Times = Sequence[tuple[int, float]]  # (count, seconds): these count iterations took seconds
LEAST_INTERVALS = 4  # one for the mean, one for the trend, two for the noise
NEGLIGIBLE = 1e-9  # of the mean: not noise of the times but of the arithmetic
# 5 cosines in 400 iterations leave an autocorrelation of 0.9 harmless; more make the interval
# narrower (by 20 % at most) and less honest. The number grows as Lazarus et al. advise.
COSINES = 5
ITERATIONS = 400
MOST_COSINES = 20


class Slow(NamedTuple):
    """What is slow in the times.

    mean_s: seconds per iteration over all. line: projection on the trend; noise: the standard
    deviation that a projection has by chance, of `cosines` of them; both in seconds per iteration
    times the root of iterations, so noise / sqrt(iterations) is the mean's standard error.
    """

    iterations: int
    mean_s: float
    line: float
    noise: float
    cosines: int


def slow(times: Times) -> Slow | None:
    """Return what is slow in the times, or None: too few intervals, or seconds that are no time."""
    counts = tuple(count for count, _ in times)
    total = sum(seconds for _, seconds in times)
    if len(counts) < LEAST_INTERVALS or min(counts) < 1 or not 0 < total < math.inf:
        return None
    mean = total / sum(counts)
    excess = [(seconds - count * mean) / math.sqrt(count) for count, seconds in times]
    line, *others = (_product(excess, axis) for axis in _axes(counts))
    floor = NEGLIGIBLE * mean * math.sqrt(sum(counts))
    noise = math.sqrt(_product(others, others) / len(others))
    return Slow(
        iterations=sum(counts),
        mean_s=mean,
        line=line if abs(line) > floor else 0.0,
        noise=noise if noise > floor else 0.0,
        cosines=len(others),
    )


@lru_cache(maxsize=16)
def _axes(counts: tuple[int, ...]) -> list[list[float]]:
    """Return a line and slow cosines over the intervals: orthonormal, without a constant."""
    iterations = sum(counts)
    wished = round(COSINES * (iterations / ITERATIONS) ** (2 / 3))
    cosines = min(max(wished, 2), MOST_COSINES, len(counts) - 2)
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
