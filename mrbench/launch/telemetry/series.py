"""Values over the window: gauges by the samples in it, counters by how much they rose in it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from mrbench.launch.telemetry.reading import Sample, Values

Pick = Callable[[Values], float | None]
COVERED = 0.98  # of the window, before a counter's rise is told


@dataclass(frozen=True)
class Span:
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


def inside(samples: Sequence[Sample], span: Span) -> list[Sample]:
    """Return the samples of the window, or of one that has none the nearest."""
    found = [s for s in samples if span.began_s <= s.at_s <= span.ended_s]
    if found or not samples:
        return found
    return [min(samples, key=lambda s: max(span.began_s - s.at_s, s.at_s - span.ended_s))]


def gauge(samples: Sequence[Sample], span: Span, pick: Pick) -> dict[str, float] | None:
    """Return mean, p5 and p95 of a value; None where no sample of the window tells it."""
    values = [v for s in inside(samples, span) if (v := pick(s.values)) is not None]
    return spread(values) if values else None


def rate(samples: Sequence[Sample], span: Span, pick: Pick) -> dict[str, float] | None:
    """Return mean, p5 and p95 of how fast a counter rises, per second."""
    pieces = [(b - a, rise / (b - a)) for a, b, rise in _rises(samples, pick, span)]
    times = [span.overlap(a, b) for a, b, _ in _rises(samples, pick, span)]
    total_s = sum(times)
    if total_s < COVERED * span.seconds or not pieces:
        return None
    mean = sum(t * speed for t, (_, speed) in zip(times, pieces, strict=True)) / total_s
    return spread([speed for _, speed in pieces]) | {"mean": mean}


def rise(samples: Sequence[Sample], span: Span, pick: Pick) -> float | None:
    """Return how much a counter rose in the window, by straight lines between its samples."""
    found = rate(samples, span, pick)
    return None if found is None else found["mean"] * span.seconds


def integral(samples: Sequence[Sample], span: Span, pick: Pick) -> float | None:
    """Return a gauge's integral over the window, as if it went straight between samples."""
    known = [(s.at_s, v) for s in samples if (v := pick(s.values)) is not None]
    total = covered_s = 0.0
    for (a, one), (b, two) in pairwise(known):
        seconds = span.overlap(a, b)
        if seconds > 0:
            middle_s = (max(a, span.began_s) + min(b, span.ended_s)) / 2
            total += seconds * (one + (two - one) * (middle_s - a) / (b - a))
            covered_s += seconds
    return total if covered_s >= COVERED * span.seconds else None


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return mean, p5 and p95 of values, by straight lines between the sorted ones."""
    ordered = sorted(values)

    def quantile(part: float) -> float:
        at = part * (len(ordered) - 1)
        low = ordered[int(at)]
        return low + (at - int(at)) * (ordered[min(int(at) + 1, len(ordered) - 1)] - low)

    return {"mean": sum(values) / len(values), "p5": quantile(0.05), "p95": quantile(0.95)}


def _rises(
    samples: Sequence[Sample], pick: Pick, span: Span
) -> Iterator[tuple[float, float, float]]:
    """Yield begin, end and rise between samples that touch the window; not of one set back."""
    known = [(s.at_s, v) for s in samples if (v := pick(s.values)) is not None]
    for (a, one), (b, two) in pairwise(known):
        if span.overlap(a, b) > 0 and two >= one:
            yield a, b, two - one
