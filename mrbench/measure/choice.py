"""Which clock leads, which checks it, and which stretches of time the number then covers.

A log's own seconds leave out evaluation and checkpoints, and what happens between epochs may stand
between two marks. What a machine spent meanwhile is no part of the images that were counted.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from mrbench.measure.causes import (
    MUCH,
    Figures,
    Pair,
    in_bursts,
    jumps,
    longest_burst_s,
    set_clock,
)
from mrbench.measure.clocks import (
    LATENCY_S,
    NAMES,
    TOLERANCE,
    ClockComparison,
    LineClock,
    compare,
    compare_total,
)
from mrbench.measure.shortfall import COARSEST, LEAST_COVERED
from mrbench.measure.spans import ArrivalClock, Process, Span, amounts
from mrbench.model.clocks import ComparedClock, ComparedName, Disagreement
from mrbench.model.finding import Problem
from mrbench.model.logformat import Clock
from mrbench.model.measurement import LeadingClock, TimedStretch
from mrbench.text import four_digits, numbers, to_digits

# Of the log's seconds: so near another clock shows what its figures mean. The mean of many single
# batches comes nearer to an epoch's total, but that of all batches is the total itself.
ESTABLISHED, TOTALLED = 0.01, 0.002
MOST_UNSURE = 0.1  # of the log's seconds: a coarser clock confirms nothing
ANOTHER_UNIT = 100  # times the log's seconds: even coarse time stamps show that much
FAR_BELOW = 0.05  # of the other lines' time: no step is that much faster
FEW_LINES = 4  # show nothing usual
CONFIRMED = 0.05  # of the log's seconds: so near a third clock is, the second is the one that errs
LEFT_OUT_S = 0.5  # more than a busy machine reads a line late
LEFT_OUT = 0.05  # of a span's seconds

_NAMES: Mapping[ComparedName | Literal["launch"], str] = {
    "arrival": "arrival times",
    "printed": "printed time stamps",
    "total": "totals",
}


class Lead(msgspec.Struct, frozen=True, kw_only=True):
    """The leading clock's seconds over the iterations that it times.

    spans and times: each interval, and its iterations and seconds. resolution_s and one_clock are
    those of interval.within_run. error_s: bound of the error of `seconds` by rounding, or by a
    buffer.
    """

    clock: LeadingClock
    spans: Sequence[Span]
    times: Sequence[tuple[int, float]]
    resolution_s: float
    one_clock: bool
    error_s: float

    @property
    def seconds(self) -> float:
        """Return the seconds of all intervals."""
        return sum(seconds for _, seconds in self.times)

    @property
    def iterations(self) -> int:
        """Return the iterations of all intervals."""
        return sum(count for count, _ in self.times)


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """The clock that leads, how another checks it, and what to know about that.

    check: None without a second clock. refuted: that check, or another one, if the two differ so
    much that neither can be a number. unsure: why the log's figures, which lead, may be no such.
    totalled: the log's figures are all of a total that it prints.
    """

    lead: Lead
    check: ClockComparison | None
    refuted: ClockComparison | None
    unsure: Problem | None
    compared: Sequence[ComparedClock]
    warnings: Sequence[str]
    totalled: bool


def choose(
    process: Process,
    clock: Clock,
    figures: Figures,
    *,
    stamped: bool,
    passed_s: float | None = None,
) -> Choice:
    """Compare all clocks at hand, and choose the one that leads.

    clock: the recipe's. stamped: whether there are any arrival times. passed_s: seconds from the
    launch to the window's last line. A clock that another refutes does not lead, unless a third one
    agrees with it; none may tell more seconds than passed.
    """
    checks = {other: _check(process, other, figures) for other in _usable_clocks(process)}
    total = _total(process, figures)
    everything = [*checks.values(), *([total] if total else [])]
    if "printed" not in checks and _usable(process, "printed"):
        coarse = _check(process, "printed", figures)
        # no pause makes a log claim more time than passed
        if coarse.agreement and not 1 / MUCH < coarse.agreement < ANOTHER_UNIT:
            everything.append(coarse)
    leading, warnings = _leading(process, clock, checks, stamped=stamped)
    refuted = None
    unsure = process.unsure or (_far_below(process) if leading == "log" else None)
    if any(map(_establishes, everything)):
        unsure = None
    if unsure and checks and leading == "log":
        leading = "arrival" if "arrival" in checks else "printed"
        warnings.append(f"{unsure.text}; the {_NAMES[leading]} are used instead")
        unsure = None
        checks = {}  # which cannot be held against figures of no known meaning
    elif unsure and leading != "log":
        checks = {}
    if leading != "log":
        check = checks.get(leading)
        refuted = check if check and check.gross else None
    else:
        check = _best_check(checks)
        gross = next((each for each in everything if each.gross), None)
        confirmed = next((each for each in everything if _confirms(each)), None)
        if gross and confirmed and gross.disagreement:
            text = f"the {_NAMES[confirmed.other]} agree with the log's figures"
            warnings.append(f"{gross.disagreement.text}; {text}")
        else:
            refuted = gross
    if total and total.reason and not total.gross and leading == "log":
        warnings.append(total.reason)
    jumped = _jumps(process) if leading == "printed" else []
    if jumped:
        warnings.append(f"{set_clock(jumped).text}, which are left out")
    lead = _lead(process, leading, without=[pair.span for pair in jumped])
    return Choice(
        lead=lead,
        check=check,
        refuted=refuted or _too_long(process, lead, passed_s, figures),  # less is known of why
        unsure=unsure if leading == "log" else None,
        compared=[each.compared for each in everything if each.compared],
        warnings=warnings,
        totalled=total is not None and _establishes(total),
    )


def _too_long(
    process: Process, lead: Lead, passed_s: float | None, figures: Figures
) -> ClockComparison | None:
    """Return that the leading clock tells more seconds than passed since the launch, or None.

    However late its lines arrived, and however few at a time, a window cannot take longer.
    """
    if passed_s is None or lead.clock == "arrival":
        return None
    spans, seconds = process.spans, lead.seconds
    if seconds - lead.error_s - LATENCY_S <= (1 + TOLERANCE) * passed_s:
        return None
    who = "the log's own figures" if lead.clock == "log" else NAMES[lead.clock]
    reason = (
        f"by {who} the window took {four_digits(seconds)} s, but from the launch to its last line"
        f" only {four_digits(passed_s)} s passed: they are of another unit or kind than thought, or"
        " of another run"
    )
    remedy = figures.correct("log.unit or log.timing, or the pattern or column of the value")
    told = Disagreement(
        cause="wrong_timing",
        clock="launch",
        first=spans[0].first + 1,
        last=spans[-1].last,
        seconds=passed_s - seconds,
        began_at=spans[0].began_at,
        ended_at=spans[-1].ended_at,
        text=f"{reason}; {remedy}",
        remedy=remedy,
    )
    return ClockComparison("launch", disagreement=told, reason=reason, gross=True)


def _total(process: Process, figures: Figures) -> ClockComparison | None:
    """Compare the total that covers most of the window, if there is any."""
    totals = process.tally.totals
    if process.begin is None or not totals:
        return None
    begin, end = process.begin, process.end
    return compare_total(max(totals, key=lambda t: min(t.last, end) - max(t.first, begin)), figures)


def _usable_clocks(process: Process) -> list[LineClock]:
    clocks: list[LineClock] = ["arrival"] if _usable(process, "arrival") else []
    printed_s = _seconds(process.spans, "printed")
    if _usable(process, "printed") and process.step_s <= COARSEST * printed_s:
        clocks.append("printed")
    return clocks


def _check(process: Process, other: LineClock, figures: Figures) -> ClockComparison:
    step_s = process.step_s if other == "printed" else 0.0
    return compare(process.spans, other, error_s=_log_error_s(process) + step_s, figures=figures)


def _best_check(checks: Mapping[LineClock, ClockComparison]) -> ClockComparison | None:
    """Return the check that tells most of the log's clock: one that confirms it, and no bursts."""
    ranked = sorted(checks.values(), key=lambda each: (not _confirms(each), each.bursts))
    return ranked[0] if ranked else None


def _establishes(check: ClockComparison) -> bool:
    """Return whether a clock shows what the log's figures mean, whatever rounding excuses."""
    if check.agreement is None or check.bursts:
        return False
    return abs(check.agreement - 1) <= (TOTALLED if check.other == "total" else ESTABLISHED)


def _confirms(check: ClockComparison) -> bool:
    if check.agreement is None or check.bursts or (check.error or 0.0) > MOST_UNSURE:
        return False
    return abs(check.agreement - 1) <= CONFIRMED + (check.error or 0.0)


def _leading(
    process: Process,
    clock: Clock,
    checks: Mapping[LineClock, ClockComparison],
    *,
    stamped: bool,
) -> tuple[LeadingClock, list[str]]:
    """Return the clock that leads, and why it is not the recipe's."""
    warnings = []
    leading: LeadingClock = clock
    if clock == "arrival" and "arrival" not in checks:
        leading = "log"
        lack = "tell nothing of the window" if stamped else "are missing"
        if not process.untimed:  # else what is used instead is told below
            text = f"the arrival times {lack}; the log's own rounded seconds are used instead"
            warnings.append(text)
    bursts = "arrival" in checks and checks["arrival"].bursts
    if clock == "arrival" and bursts and not process.untimed:
        leading = "log"
        warnings.append("its lines came in bursts; the log's own seconds are used instead")
    if leading == "log" and process.untimed:
        why = process.unknown.text if process.unknown else "the log does not tell its seconds"
        if _seconds(process.spans, "arrival") > 0:
            leading = "arrival"
            warnings.append(f"{why}; arrival times are used instead")
        elif "printed" in checks:
            leading = "printed"
            text = f"its time stamps, {process.step_s:g} s apart at least, are used instead"
            warnings.append(f"{why}; {text}")
    return leading, warnings


def _usable(process: Process, clock: LeadingClock) -> bool:
    timed = sum(s.count for s in process.spans if s.by(clock) is not None)
    enough = timed >= LEAST_COVERED * process.iterations
    return enough and _seconds(process.spans, clock) > 0


def _seconds(spans: Sequence[Span], clock: LeadingClock) -> float:
    return sum(s for span in spans if (s := span.by(clock)) is not None)


def _log_error_s(process: Process) -> float:
    """Return what printing with few digits may make of the log's own seconds."""
    if process.end_edge_s is not None:
        errors = [process.begin_edge_s, process.end_edge_s]
    else:
        errors = [span.rounding_s for span in process.spans]
    return sum(filter(math.isfinite, errors))  # infinite figures give no seconds


def _far_below(process: Process) -> Problem | None:
    """Return why a line's figure cannot be the time of its iterations: it is far below the others'.

    That is how long a call took which returned before its work was done (asynchronous dispatch).
    """
    known = [span for span in process.spans if math.isfinite(span.log_s)]
    done = amounts(known)  # a small batch takes little time
    most = [(s.log_s + s.rounding_s) / work for s, work in zip(known, done, strict=True)]
    if len(known) < FEW_LINES or min(most) >= FAR_BELOW * statistics.median(most):
        return None
    low = known[most.index(min(most))]
    usual_s = statistics.median(span.log_s / span.count for span in known)
    text = (
        f"by the log an iteration took {to_digits(low.log_s / low.count, 3)} s at"
        f" {numbers(low.first + 1, low.last)} and {to_digits(usual_s, 3)} s as a rule: a call that"
        " returned before its work was done (asynchronous dispatch), or a line that tells of less"
    )
    remedy = "choose another window (--window), give a log with time stamps, or let mrbench run the"
    return Problem(text, f"{remedy} training: it times the lines as they arrive")


def _jumps(process: Process) -> list[Pair]:
    """Return where the clock of the time stamps was set, by the pace of the other intervals."""
    stamped = [(span, span.printed_s) for span in process.spans if span.printed_s is not None]
    usual = statistics.median(seconds / span.count for span, seconds in stamped)
    return jumps([Pair(span, usual * span.count, seconds) for span, seconds in stamped], "printed")


def _lead(process: Process, clock: LeadingClock, *, without: Sequence[Span] = ()) -> Lead:
    spans = [span for span in process.spans if span not in without]
    timed = [(span, seconds) for span in spans if (seconds := span.by(clock)) is not None]
    times = [(span.count, seconds) for span, seconds in timed]
    error_s = {
        "log": _log_error_s(process),
        "arrival": longest_burst_s(process.spans),
        "printed": process.step_s,
    }[clock]
    one_clock = process.end_edge_s is not None or clock != "log"
    return Lead(
        clock=clock,
        spans=[span for span, _ in timed],
        times=times,
        # of independent roundings each is half a step at most
        resolution_s=error_s if one_clock else 2 * error_s / max(1, len(times)),
        one_clock=one_clock,
        error_s=error_s,
    )


def timed_stretches(
    spans: Sequence[Span], stamps: ArrivalClock, clock: LeadingClock
) -> tuple[TimedStretch, ...] | None:
    """Return the stretches that the leading clock counts; None where these are the whole window.

    Where in a span the time went that the clock leaves out cannot be told: all of it is left out.
    Nor can it where lines arrive in bursts.
    """
    pairs = [
        Pair(span, log_s, span.arrival_s)
        for span in spans
        if (log_s := span.by("log")) is not None and span.arrival_s is not None
    ]
    known = sum(p.log_s for p in pairs) > 0 and sum(p.other_s for p in pairs) > 0
    if clock != "arrival" and known and in_bursts(pairs):
        return None
    # what a clock leaves out of every span alike cannot be parted from the rest
    ratios = [s.arrival_s / c for s in spans if s.arrival_s is not None and (c := s.by(clock))]
    usual = max(1.0, statistics.median(ratios)) if ratios else 1.0
    found: list[TimedStretch] = []
    joined = True  # with the span before
    for span in spans:
        seconds = span.by(clock)
        if seconds is None or not _counts_all(span, usual * seconds):
            joined = False
            continue
        until_s = stamps.at(span.ended_at)
        since_s = stamps.at(span.began_at) if span.began_at else until_s - seconds
        last = found[-1] if found else None
        if last and joined and since_s - last.ended_s < LATENCY_S:
            since_s, count = last.began_s, last.iterations + span.count
            found.pop()
        else:
            count = span.count
        found.append(TimedStretch(began_s=since_s, ended_s=until_s, iterations=count))
        joined = True
    whole = len(found) == 1 and found[0].iterations == sum(span.count for span in spans)
    return None if whole or not found else tuple(found)


def _counts_all(span: Span, seconds: float) -> bool:
    """Tell whether a clock counts all of a span's time, by the arrival of its lines."""
    return span.arrival_s is None or span.arrival_s - seconds <= max(LEFT_OUT_S, LEFT_OUT * seconds)
