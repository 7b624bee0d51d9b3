"""Values over the window: gauges by the samples in it, counters by how much they rose in it."""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import msgspec

from mrbench.model.telemetry import Sample, Statistics

Pick = Callable[[Sample], float | None]
COVERED = 0.98  # of the window, before a counter's rise is known


class Span(msgspec.Struct, frozen=True):
    """The window, in seconds of the monotonic clock."""

    began_s: float
    ended_s: float

    @property
    def seconds(self) -> float:
        """Return how long it was."""
        return self.ended_s - self.began_s

    def overlap(self, began_s: float, ended_s: float) -> float:
        """Return the seconds that it shares with another span."""
        return max(0.0, min(self.ended_s, ended_s) - max(self.began_s, began_s))

    def shifted(self, seconds: float) -> "Span":
        """Return the same span by a clock that is ahead by so many seconds."""
        return Span(self.began_s + seconds, self.ended_s + seconds)

    def has(self, at_s: float) -> bool:
        """Return whether a time lies in it."""
        return self.began_s <= at_s <= self.ended_s


def inside(samples: Sequence[Sample], span: Span) -> list[Sample]:
    """Return the samples of the window, or of one that has none the nearest."""
    within = [s for s in samples if span.has(s.at_s)]
    if within or not samples:
        return within
    return [min(samples, key=lambda s: max(span.began_s - s.at_s, s.at_s - span.ended_s))]


def gauge(samples: Sequence[Sample], span: Span, pick: Pick) -> Statistics | None:
    """Return the statistics of a value; None if no sample of the window has it."""
    values = [v for s in inside(samples, span) if (v := pick(s)) is not None]
    return statistics(values) if values else None


def rate(samples: Sequence[Sample], span: Span, pick: Pick) -> Statistics | None:
    """Return the statistics of how fast a counter rises, per second."""
    rises = list(_rises(samples, pick, span))
    times = [span.overlap(a, b) for a, b, _ in rises]
    total_s = sum(times)
    if total_s < COVERED * span.seconds or not rises:
        return None
    speeds = [rise / (b - a) for a, b, rise in rises]
    mean = sum(t * speed for t, speed in zip(times, speeds, strict=True)) / total_s
    return msgspec.structs.replace(statistics(speeds), mean=mean)


def rise(samples: Sequence[Sample], span: Span, pick: Pick) -> float | None:
    """Return how much a counter rose in the window, by straight lines between its samples."""
    speed = rate(samples, span, pick)
    return None if speed is None else speed.mean * span.seconds


def integral(samples: Sequence[Sample], span: Span, pick: Pick) -> float | None:
    """Return a gauge's integral over the window, as if it went straight between samples."""
    known = [(s.at_s, v) for s in samples if (v := pick(s)) is not None]
    total = covered_s = 0.0
    for (a, one), (b, two) in pairwise(known):
        seconds = span.overlap(a, b)
        if seconds > 0:
            middle_s = (max(a, span.began_s) + min(b, span.ended_s)) / 2
            total += seconds * (one + (two - one) * (middle_s - a) / (b - a))
            covered_s += seconds
    return total if covered_s >= COVERED * span.seconds else None


def statistics(values: Sequence[float]) -> Statistics:
    """Return mean, p5 and p95 of values, by straight lines between the sorted ones."""
    ordered = sorted(values)

    def quantile(part: float) -> float:
        at = part * (len(ordered) - 1)
        low = ordered[int(at)]
        return low + (at - int(at)) * (ordered[min(int(at) + 1, len(ordered) - 1)] - low)

    return Statistics(mean=sum(values) / len(values), p5=quantile(0.05), p95=quantile(0.95))


def _rises(
    samples: Sequence[Sample], pick: Pick, span: Span
) -> Iterator[tuple[float, float, float]]:
    """Yield begin, end and rise between samples that touch the window; not of one set back."""
    known = [(s.at_s, v) for s in samples if (v := pick(s)) is not None]
    for (a, one), (b, two) in pairwise(known):
        if span.overlap(a, b) > 0 and two >= one:
            yield a, b, two - one
