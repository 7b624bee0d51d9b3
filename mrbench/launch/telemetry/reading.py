"""Reads telemetry.jsonl: the header, and the samples around the measured window."""

import dataclasses
import json
from pathlib import Path
from typing import Any

Values = dict[str, Any]
MARGIN_S = 6.5  # around the window: who is on the GPUs is looked at every five seconds
FORMAT = 1


@dataclasses.dataclass(frozen=True)
class Sample:
    """What was seen at a time of the monotonic clock."""

    at_s: float
    values: Values


@dataclasses.dataclass(kw_only=True)
class Telemetry:
    """A run's telemetry; samples: those in the window and a few before and after it.

    problems: what the program noted until the window's end. ended_s: the time of its last line, and
    ended, what that says of its end, or None where it was killed.
    """

    header: Values
    samples: list[Sample]
    problems: list[str]
    ended: Values | None
    ended_s: float


def read(path: Path, began_s: float, ended_s: float) -> Telemetry | str:
    """Read what concerns the window; or say why there is nothing."""
    told = Telemetry(header={}, samples=[], problems=[], ended=None, ended_s=0.0)
    try:
        with path.open("rb") as file:
            for line in file:
                if line.endswith(b"\n"):  # else cut short: it was killed, or the disk was full
                    _take(told, json.loads(line), began_s, ended_s)
    except FileNotFoundError:
        return "there is no telemetry: the program could not start, or the job ran elsewhere"
    except OSError as exc:
        return f"{path}: cannot be read ({exc.strerror})"
    except (ValueError, KeyError, TypeError) as exc:
        return f"{path}: holds something else than telemetry ({exc})"
    if told.header.get("format") != FORMAT:
        return "the telemetry program ended before it began"
    return told


def later_s(header: Values, path: Path) -> float | None:
    """Return how far another machine's monotonic clock is ahead of a header's; None if unknown."""
    try:
        with path.open("rb") as file:
            other = json.loads(file.readline())
        return (_since_epoch_ns(header) - _since_epoch_ns(other)) / 1e9
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _since_epoch_ns(header: Values) -> int:
    """Return the time of day when the monotonic clock was zero."""
    zero_ns: int = header["realtime_ns"] - header["monotonic_ns"]
    return zero_ns


def _take(told: Telemetry, values: Values, began_s: float, ended_s: float) -> None:
    told.ended_s = at_s = values["monotonic_ns"] / 1e9
    if not told.header:
        told.header = values
    elif "ended" in values:
        told.ended = values
    elif "problem" in values:
        if at_s <= ended_s:
            told.problems.append(values["problem"])
    elif began_s - MARGIN_S <= at_s <= ended_s + MARGIN_S:
        if not {"host", "tree"} <= values.keys():
            raise KeyError("a sample without host or tree")
        told.samples.append(Sample(at_s, values))
