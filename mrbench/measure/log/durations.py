"""Durations as logs print them, in seconds."""

import math
import re

_WORDS = re.compile(rb"(\d[\d.e+-]{0,20}) (day|hour|minute|second)")
_SECONDS = {b"day": 86400, b"hour": 3600, b"minute": 60, b"second": 1}
_CLOCK = (1, 60, 3600)


def read_words(text: bytes) -> tuple[float, bool]:
    """Return the seconds of `1 hour 2 minutes` or `46.1 seconds`, and whether it has larger units.

    nan for no time. From a minute on tensorpack cuts the fraction off.
    """
    parts = _WORDS.findall(text)
    try:
        seconds = sum(float(n) * _SECONDS[unit] for n, unit in parts) if parts else math.nan
    except ValueError:
        return math.nan, False
    return seconds, any(unit != b"second" for _, unit in parts)


def read_clock(text: bytes) -> float:
    """Return the seconds of `2:11`, `0:02:11` or `1 day, 0:02:11`."""
    days, _, time = text.rpartition(b", ")
    parts = [int(part) for part in reversed(time.split(b":"))]
    seconds = sum(part * unit for part, unit in zip(parts, _CLOCK, strict=False))
    return float(86400 * int(days.split()[0] if days else 0) + seconds)
