"""Reads telemetry.jsonl: the header, and the samples around the measured window."""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec

from mrbench.errors import MrbenchError
from mrbench.files import check_format, decode
from mrbench.model.telemetry import (
    FORMAT,
    Count,
    Ending,
    Header,
    Line,
    Statistics,
    TelemetryProblem,
    TelemetrySample,
)

MARGIN_S = 6.5  # around the window: who is on the GPUs is looked at every five seconds


class Telemetry(msgspec.Struct, frozen=True, kw_only=True):
    """One machine's telemetry; samples: those in the window and a few before and after it.

    problems: what the program noted until the window's end. ending: its last line, None if it was
    killed. ended_s: the time of the file's last line.
    """

    header: Header
    samples: tuple[TelemetrySample, ...]
    problems: tuple[str, ...]
    ending: Ending | None
    ended_s: float


class _Outline(msgspec.Struct, frozen=True):
    """What tells the kinds of lines apart."""

    monotonic_ns: Count
    format: Count | None = None
    problem: Any = None  # of any kind yet
    ended: Any = None


def read_telemetry(path: Path, began_s: float, ended_s: float) -> Telemetry:
    """Read what concerns the window, in seconds of this file's monotonic clock.

    Raises MrbenchError, which says why there is nothing, or which line is damaged.
    """
    header: Header | None = None
    samples: list[TelemetrySample] = []
    problems: list[str] = []
    ending: Ending | None = None
    last_s = 0.0
    for at_s, line in _lines(path, began_s - MARGIN_S, ended_s + MARGIN_S):
        last_s = at_s
        match line:
            case Header():
                header = line
            case TelemetrySample():
                samples.append(line)
            case TelemetryProblem() if at_s <= ended_s:
                problems.append(line.problem)
            case Ending():
                ending = line
    if header is None:
        raise MrbenchError("the telemetry program ended before it began")
    return Telemetry(
        header=header,
        samples=tuple(samples),
        problems=tuple(problems),
        ending=ending,
        ended_s=last_s,
    )


def ahead_s(header: Header, path: Path) -> float | None:
    """Return how far another machine's monotonic clock is ahead of a header's; None if unknown."""
    try:
        with path.open("rb") as file:
            other = decode(file.readline(), Header, str(path), line=1)
    except (OSError, MrbenchError):
        return None
    return (header.epoch_ns - other.epoch_ns) / 1e9


def _lines(path: Path, began_s: float, ended_s: float) -> Iterator[tuple[float, Line | None]]:
    """Yield each line's time, and the line itself unless it is a sample outside of these times."""
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(file, 1):
                if raw.endswith(b"\n"):  # else cut short: it was killed, or the disk was full
                    yield _line(raw, str(path), number, began_s, ended_s)
    except FileNotFoundError as exc:
        text = "there is no telemetry: the program could not start, or the job ran elsewhere"
        raise MrbenchError(text) from exc
    except OSError as exc:
        raise MrbenchError(f"cannot be read ({exc.strerror})", file=path) from exc


def _line(
    raw: bytes, path: str, number: int, began_s: float, ended_s: float
) -> tuple[float, Line | None]:
    outline = decode(raw, _Outline, path, line=number)
    at_s = outline.monotonic_ns / 1e9
    if number == 1:
        if outline.format is not None:
            check_format(outline.format, "telemetry", range(FORMAT + 1), path)
        return at_s, decode(raw, Header, path, line=number)
    if outline.ended is not None:
        return at_s, decode(raw, Ending, path, line=number)
    if outline.problem is not None:
        return at_s, decode(raw, TelemetryProblem, path, line=number)
    inside = began_s <= at_s <= ended_s
    return at_s, decode(raw, TelemetrySample, path, line=number) if inside else None


Pick = Callable[[TelemetrySample], float | None]
COVERED = 0.98  # of the window, before a counter's rise is known


Stretch = tuple[float, float]


class Span(msgspec.Struct, frozen=True):
    """The window, or the stretches of it that count, in seconds of the monotonic clock."""

    stretches: tuple[Stretch, ...]

    @property
    def began_s(self) -> float:
        """Return when it began."""
        return self.stretches[0][0]

    @property
    def ended_s(self) -> float:
        """Return when it ended."""
        return self.stretches[-1][1]

    @property
    def seconds(self) -> float:
        """Return how long it was."""
        return sum(end - begin for begin, end in self.stretches)

    def shared(self, began_s: float, ended_s: float) -> list[Stretch]:
        """Return the stretches that it shares with others."""
        both = [(max(b, began_s), min(e, ended_s)) for b, e in self.stretches]
        return [(b, e) for b, e in both if e > b]

    def overlap(self, began_s: float, ended_s: float) -> float:
        """Return the seconds that it shares with others."""
        return sum(end - begin for begin, end in self.shared(began_s, ended_s))

    def shifted(self, seconds: float) -> "Span":
        """Return the same span by a clock that is ahead by so many seconds."""
        return Span(tuple((b + seconds, e + seconds) for b, e in self.stretches))

    def has(self, at_s: float) -> bool:
        """Return whether a time lies in it."""
        return any(begin <= at_s <= end for begin, end in self.stretches)


def inside(samples: Sequence[TelemetrySample], span: Span) -> list[TelemetrySample]:
    """Return the samples of the window, or of one that has none the nearest."""
    within = [s for s in samples if span.has(s.at_s)]
    if within or not samples:
        return within
    return [min(samples, key=lambda s: max(span.began_s - s.at_s, s.at_s - span.ended_s))]


def gauge(samples: Sequence[TelemetrySample], span: Span, pick: Pick) -> Statistics | None:
    """Return the statistics of a value; None if no sample of the window has it."""
    values = [v for s in inside(samples, span) if (v := pick(s)) is not None]
    return statistics(values) if values else None


def rate(samples: Sequence[TelemetrySample], span: Span, pick: Pick) -> Statistics | None:
    """Return the statistics of how fast a counter rises, per second."""
    rises = list(_rises(samples, pick, span))
    times = [span.overlap(a, b) for a, b, _ in rises]
    total_s = sum(times)
    if total_s < COVERED * span.seconds or not rises:
        return None
    speeds = [rise / (b - a) for a, b, rise in rises]
    mean = sum(t * speed for t, speed in zip(times, speeds, strict=True)) / total_s
    return msgspec.structs.replace(statistics(speeds), mean=mean)


def rise(samples: Sequence[TelemetrySample], span: Span, pick: Pick) -> float | None:
    """Return how much a counter rose in the window, by straight lines between its samples."""
    speed = rate(samples, span, pick)
    return None if speed is None else speed.mean * span.seconds


def integral(samples: Sequence[TelemetrySample], span: Span, pick: Pick) -> float | None:
    """Return a gauge's integral over the window, as if it went straight between samples."""
    known = [(s.at_s, v) for s in samples if (v := pick(s)) is not None]
    total = covered_s = 0.0
    for (a, one), (b, two) in pairwise(known):
        for begin, end in span.shared(a, b):
            middle_s = (begin + end) / 2
            total += (end - begin) * (one + (two - one) * (middle_s - a) / (b - a))
            covered_s += end - begin
    return total if covered_s >= COVERED * span.seconds else None


def statistics(values: Sequence[float]) -> Statistics:
    """Return mean, highest, p5 and p95 of values, by straight lines between the sorted ones."""
    ordered = sorted(values)

    def quantile(part: float) -> float:
        at = part * (len(ordered) - 1)
        low = ordered[int(at)]
        return low + (at - int(at)) * (ordered[min(int(at) + 1, len(ordered) - 1)] - low)

    return Statistics(
        mean=sum(values) / len(values), p5=quantile(0.05), p95=quantile(0.95), max=ordered[-1]
    )


def _rises(
    samples: Sequence[TelemetrySample], pick: Pick, span: Span
) -> Iterator[tuple[float, float, float]]:
    """Yield begin, end and rise between samples that touch the window; not of one set back."""
    known = [(s.at_s, v) for s in samples if (v := pick(s)) is not None]
    for (a, one), (b, two) in pairwise(known):
        if span.overlap(a, b) > 0 and two >= one:
            yield a, b, two - one
