"""Student's t distribution for whole degrees of freedom, in closed form; no library needed."""

import math
from functools import cache

LEVEL = 0.95


def tail(ratio: float, freedom: int) -> float:
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
def quantile(freedom: int, outside: float = 1 - LEVEL) -> float:
    """Return the t that |t| exceeds with this probability: 12.71, 4.303, 3.182 ... 1.960.

    outside: 0.04 to 0.3, for which t lies between 1 and 16.
    """
    low, high = 1.0, 16.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if tail(middle, freedom) > outside else (low, middle)
    return (low + high) / 2
