"""Which clock leads, which one checks it, and what the leading one can resolve."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from mrbench.measure.coverage import LEAST_COVERED
from mrbench.measure.spans import Process, Span
from mrbench.model.recipe import Clock
from mrbench.model.run import LeadingClock

COARSEST = 0.01  # of the window's seconds: a printed clock with longer steps measures nothing


@dataclass(frozen=True, kw_only=True)
class Lead:
    """The leading clock's seconds over the iterations that it times.

    times: (iterations, seconds) of each interval. resolution_s and one_clock are those of
    interval.within_run. error_s: bound of the error of `seconds` by rounding, log_error_s that of
    the log's own figures. second: the clock that checks it, or None.
    """

    clock: LeadingClock
    second: LeadingClock | None
    times: Sequence[tuple[int, float]]
    resolution_s: float
    one_clock: bool
    error_s: float
    log_error_s: float

    @property
    def seconds(self) -> float:
        """Return the seconds of all intervals."""
        return sum(seconds for _, seconds in self.times)

    @property
    def iterations(self) -> int:
        """Return the iterations of all intervals."""
        return sum(count for count, _ in self.times)


def choose(process: Process, clock: Clock, *, stamped: bool) -> tuple[Lead, list[str]]:
    """Choose the clocks; the texts say where another leads than the recipe wants.

    clock: the one that the recipe wants. stamped: whether arrival times are at hand at all.
    """
    arrival, printed = _usable(process, "arrival"), _usable(process, "printed")
    printed = printed and process.step_s <= COARSEST * _seconds(process.spans, "printed")
    leading: LeadingClock = clock
    warnings = []
    if clock == "arrival" and not arrival:
        leading = "log"
        lack = "tell nothing of the window" if stamped else "are missing"
        warnings.append(f"the arrival times {lack}; the log's own rounded seconds are used instead")
    if leading == "log" and process.untimed:
        if _seconds(process.spans, "arrival") > 0:
            leading = "arrival"
            warnings.append("the log does not tell its seconds; arrival times are used instead")
        elif printed:
            leading = "printed"
            text = f"its time stamps, {process.step_s:g} s apart at least, are used instead"
            warnings.append(f"the log does not tell its seconds; {text}")
    return _lead(process, leading, _second(leading, arrival=arrival, printed=printed)), warnings


def _second(leading: LeadingClock, *, arrival: bool, printed: bool) -> LeadingClock | None:
    if leading == "log":
        return "arrival" if arrival else "printed" if printed else None
    return "log"


def _usable(process: Process, clock: LeadingClock) -> bool:
    timed = sum(s.count for s in process.spans if s.by(clock) is not None)
    enough = timed >= LEAST_COVERED * process.iterations
    return enough and _seconds(process.spans, clock) > 0


def _seconds(spans: Sequence[Span], clock: LeadingClock) -> float:
    return sum(s for span in spans if (s := span.by(clock)) is not None)


def _lead(process: Process, clock: LeadingClock, second: LeadingClock | None) -> Lead:
    times = [
        (span.count, seconds) for span in process.spans if (seconds := span.by(clock)) is not None
    ]
    running = process.end_edge_s is not None
    errors = [process.begin_edge_s, process.end_edge_s or 0.0]
    if not running:
        errors = [span.rounding_s for span in process.spans]
    log_error_s = sum(filter(math.isfinite, errors))  # figures beyond all bounds tell no seconds
    error_s = {"log": log_error_s, "arrival": 0.0, "printed": process.step_s}[clock]
    one_clock = running or clock != "log"
    return Lead(
        clock=clock,
        second=second,
        times=times,
        # of independent roundings each is half a step at most
        resolution_s=error_s if one_clock else 2 * error_s / max(1, len(times)),
        one_clock=one_clock,
        error_s=error_s,
        log_error_s=log_error_s,
    )
