"""Time stamps as logs print them (stub until the parsers are merged)."""

from mrbench.outcome import Printed


def elapsed(begin: Printed, end: Printed) -> float | None:
    """Return seconds from one stamp to the next."""
    seconds = end.seconds - begin.seconds
    return seconds if seconds >= 0 else None
