"""Student's t and Fisher's F distributions for whole degrees of freedom; no library needed."""

import math
from functools import cache

LEVEL = 0.95
FRACTION_STEPS = 300  # it takes about the root of the degrees of freedom
TINY = 1e-300
CONVERGED = 1e-14


def t_tail(ratio: float, freedom: int) -> float:
    """Return the probability that |t| exceeds |ratio|.

    The finite series 26.7.3 and 26.7.4 of Abramowitz and Stegun, Handbook of Mathematical
    Functions (1964); absolute error about 1e-15.
    """
    angle = math.atan(abs(ratio) / math.sqrt(freedom))
    square = math.cos(angle) ** 2
    odd = freedom % 2
    term = math.cos(angle) if odd else 1.0
    total = 0.0
    for i in range(2 + odd, freedom + 1, 2):
        total += term
        term *= square * (i - 1) / i
    inside = math.sin(angle) * total
    return max(0.0, 1 - (2 / math.pi * (angle + inside) if odd else inside))


@cache
def t_quantile(freedom: int, outside: float = 1 - LEVEL) -> float:
    """Return the t that |t| exceeds with this probability: 12.71, 4.303, 3.182 ... 1.960.

    outside: 0.04 to 0.3, for which t lies between 1 and 16.
    """
    low, high = 1.0, 16.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if t_tail(middle, freedom) > outside else (low, middle)
    return (low + high) / 2


def f_tail(ratio: float, above: int, below: int) -> float:
    """Return the probability that F with (above, below) degrees of freedom exceeds the ratio."""
    if ratio <= 0:
        return 1.0
    x = below / (below + above * ratio)
    return _beta(x, below / 2, above / 2)


@cache
def f_critical(above: int, below: int, level: float) -> float:
    """Return the ratio that F exceeds with that probability; relative error below 1e-9."""
    low, high = 0.0, 1.0
    while f_tail(high, above, below) > level:
        low, high = high, 2 * high
    while high - low > 1e-9 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if f_tail(middle, above, below) > level else (low, middle)
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
