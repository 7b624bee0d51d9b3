"""Fisher's F distribution: whether one variance is larger than another by more than chance."""

import math
from functools import cache

STEPS = 300  # of the continued fraction; it takes about the root of the degrees of freedom
TINY = 1e-300
ENOUGH = 1e-14


def tail(ratio: float, above: int, below: int) -> float:
    """Return the probability that F with (above, below) degrees of freedom exceeds the ratio."""
    if ratio <= 0:
        return 1.0
    x = below / (below + above * ratio)
    return _beta(x, below / 2, above / 2)


@cache
def critical(above: int, below: int, level: float) -> float:
    """Return the ratio that F exceeds with that probability; relative error below 1e-9."""
    low, high = 0.0, 1.0
    while tail(high, above, below) > level:
        low, high = high, 2 * high
    while high - low > 1e-9 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if tail(middle, above, below) > level else (low, middle)
    return high


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
    for m in range(1, STEPS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for part in (even, odd):
            lower = 1 / _safe(1 + part * lower)
            upper = _safe(1 + part / upper)
            value *= lower * upper
        if abs(lower * upper - 1) < ENOUGH:
            break
    return math.exp(front) * value / a


def _safe(value: float) -> float:
    return value if abs(value) > TINY else TINY
