"""Student's t and Fisher's F, for any degrees of freedom, whole or not; no library is needed."""

import math
from functools import lru_cache

OUTSIDE = 0.05  # of 95 % intervals
NEWTON_STEPS = 100  # a handful do; the bound is for what rounding keeps from settling
SETTLED = 1e-13
FRACTION_STEPS = 300  # it takes about the root of the degrees of freedom
TINY = 1e-300
CONVERGED = 1e-14


def t_tail(ratio: float, freedom: float) -> float:
    """Return the probability that |t| exceeds |ratio|.

    freedom: above zero, whole or not. By the incomplete beta function, 26.5.27 of Abramowitz and
    Stegun, Handbook of Mathematical Functions (1964).
    """
    square = ratio * ratio
    if square < freedom:  # near one, the complement is the exact one
        return 1 - _beta(square / (freedom + square), 0.5, freedom / 2)
    return _beta(freedom / (freedom + square), freedom / 2, 0.5)


@lru_cache(maxsize=4096)
def t_quantile(freedom: float, outside: float = OUTSIDE) -> float:
    """Return the t that |t| exceeds with this probability: 12.71, 4.303, 3.182 ... 1.960.

    freedom: above zero, whole or not; outside: between 0 and 1. Relative error below 1e-9.
    """
    scale = math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2))
    scale *= 2 / math.sqrt(math.pi * freedom)
    t = 0.0
    for _ in range(NEWTON_STEPS):  # the tail is convex: from below, no step leads past the answer
        density = scale * (1 + t * t / freedom) ** (-(freedom + 1) / 2)
        step = (t_tail(t, freedom) - outside) / density
        t += step
        if step <= SETTLED * t:
            break
    return t


def f_tail(ratio: float, above: float, below: float) -> float:
    """Return the probability that F with (above, below) degrees of freedom exceeds the ratio."""
    x = below / (below + above * ratio)
    return _beta(x, below / 2, above / 2)


def _beta(x: float, a: float, b: float) -> float:
    """Return the regularized incomplete beta function I_x(a, b).

    By the continued fraction 26.5.8 of Abramowitz and Stegun, Handbook of Mathematical Functions
    (1964), evaluated as Lentz does (Applied Optics 15 (1976) 668-671).
    """
    if x > (a + 1) / (a + b + 2):  # where the fraction converges slowly, the other tail's does not
        return 1 - _beta(1 - x, b, a)
    if x <= 0:
        return 0.0
    front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    front += a * math.log(x) + b * math.log1p(-x)
    upper, lower = 1.0, _safe(1 - (a + b) * x / (a + 1))
    lower = 1 / lower
    value = lower
    for m in range(1, FRACTION_STEPS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for part in (even, odd):
            lower = 1 / _safe(1 + part * lower)
            upper = _safe(1 + part / upper)
            value *= lower * upper
        if abs(lower * upper - 1) < CONVERGED:
            break
    return math.exp(front) * value / a


def _safe(value: float) -> float:
    return value if abs(value) > TINY else TINY
