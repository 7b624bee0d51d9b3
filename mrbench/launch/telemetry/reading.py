"""Reads telemetry.jsonl: the header, and the samples around the measured window."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from mrbench.errors import MrbenchError
from mrbench.jsonfile import decode
from mrbench.model.telemetry import FORMAT, Count, Ending, Header, Line, Problem, Sample

MARGIN_S = 6.5  # around the window: who is on the GPUs is looked at every five seconds


class Telemetry(msgspec.Struct, frozen=True, kw_only=True):
    """One machine's telemetry; samples: those in the window and a few before and after it.

    problems: what the program noted until the window's end. ending: its last line, None if it was
    killed. ended_s: the time of the file's last line.
    """

    header: Header
    samples: tuple[Sample, ...]
    problems: tuple[str, ...]
    ending: Ending | None
    ended_s: float


class _Outline(msgspec.Struct, frozen=True):
    """What tells the kinds of lines apart."""

    monotonic_ns: Count
    format: Count | None = None
    problem: Any = None  # of any kind yet
    ended: Any = None


def read(path: Path, began_s: float, ended_s: float) -> Telemetry:
    """Read what concerns the window, in seconds of this file's monotonic clock.

    Raises MrbenchError, which says why there is nothing, or which line is damaged.
    """
    header: Header | None = None
    samples: list[Sample] = []
    problems: list[str] = []
    ending: Ending | None = None
    last_s = 0.0
    for at_s, line in _lines(path, began_s - MARGIN_S, ended_s + MARGIN_S):
        last_s = at_s
        match line:
            case Header():
                header = line
            case Sample():
                samples.append(line)
            case Problem() if at_s <= ended_s:
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
        raise MrbenchError(
            "there is no telemetry: the program could not start, or the job ran elsewhere"
        ) from exc
    except OSError as exc:
        raise MrbenchError(f"cannot be read ({exc.strerror})", file=path) from exc


def _line(
    raw: bytes, path: str, number: int, began_s: float, ended_s: float
) -> tuple[float, Line | None]:
    outline = decode(raw, _Outline, path, line=number)
    at_s = outline.monotonic_ns / 1e9
    if number == 1:
        if outline.format is not None and outline.format > FORMAT:
            raise MrbenchError(
                f"written by a newer mrbench (telemetry format {outline.format};"
                f" this one reads up to {FORMAT})",
                "upgrade mrbench",
                file=path,
            )
        return at_s, decode(raw, Header, path, line=number)
    if outline.ended is not None:
        return at_s, decode(raw, Ending, path, line=number)
    if outline.problem is not None:
        return at_s, decode(raw, Problem, path, line=number)
    inside = began_s <= at_s <= ended_s
    return at_s, decode(raw, Sample, path, line=number) if inside else None
