"""How exact a printed number is, by its digits."""

import math


def step(text: bytes) -> float:
    """Return the worth of the last digit printed: 0.0001 for `0.2701`, 1 for `3`."""
    mantissa, _, exponent = text.lower().partition(b"e")
    if not mantissa[:1].isdigit():
        return 0.0
    decimals = len(mantissa.partition(b".")[2])
    return float(f"1e{int(exponent or 0) - decimals}")


def significant_step(value: float, digits: int) -> float:
    """Return the worth of the last of so many significant digits, printed or dropped as zeros."""
    if not 0 < value < math.inf:
        return 0.0
    return float(f"1e{math.floor(math.log10(value)) - digits + 1}")
