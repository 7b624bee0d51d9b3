"""How wrong a window's seconds can be because a log prints few digits, for each kind of number."""

from collections.abc import Callable, Sequence

# seconds of the intervals in the window, iterations before it and up to its end -> seconds
Bound = Callable[[Sequence[float], int, int], float]


def running(step_s: float, skipped: int = 0) -> Bound:
    """Two printed means, each times its iterations, make the window."""
    return lambda _, before, last: step_s / 2 * (last + before - 2 * skipped)


def meaned(step_s: float) -> Bound:
    """Each interval's mean is rounded by itself."""
    return lambda _, before, last: step_s / 2 * (last - before)


def rated(step: float, images: int) -> Bound:
    """Each interval's images per second are rounded by themselves; images: of an interval."""

    def bound(intervals: Sequence[float], _before: int, _last: int) -> float:
        rates = [images / seconds for seconds in intervals]
        return sum(images / (rate - step / 2) - images / rate for rate in rates)

    return bound


def humanized(intervals: Sequence[float], _before: int, _last: int) -> float:
    """Three digits below a minute, whole seconds above."""
    return sum(0.5 if s > 59.9 else 0.05 if s >= 9.99 else 0.005 for s in intervals)


def keras_bar(intervals: Sequence[float], _before: int, _last: int) -> float:
    """Whole seconds; where a step takes less than one, 50 times whole milliseconds."""
    return sum(0.5 if s >= 49.9 else 50 * 0.5e-3 for s in intervals)


def exact(intervals: Sequence[float], _before: int, _last: int) -> float:
    """All digits of a double."""
    return 1e-9 * sum(intervals)
