"""Two clocks over the same iterations: whether they agree, and where they do not.

The log's own figures leave out what their author left out: data loading, evaluation, writing of
checkpoints. The arrival of the output and time stamps printed in it leave out nothing.
"""

import re
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from msgspec.structs import replace

from mrbench.measure.causes import (
    Explanation,
    Figures,
    Pair,
    explain,
    explain_total,
    in_bursts,
    jumps,
    set_clock,
)
from mrbench.measure.spans import Span
from mrbench.measure.totals import Total
from mrbench.model.clocks import Cause, ComparedClock, ComparedName, Disagreement
from mrbench.model.measurement import Measurement
from mrbench.text import four_digits, printable

TOLERANCE = 0.01  # of the log's seconds
NOTED = 0.02  # of the log's seconds over a total's iterations: more is a note
GROSS = 0.2  # of the shorter of the two: more is no number
LATENCY_S = 0.3  # a busy machine may read a line that much later than it was written
LineClock = Literal["arrival", "printed"]
NAMES: dict[LineClock, str] = {"arrival": "arrival times", "printed": "printed time stamps"}


class ClockComparison(NamedTuple):
    """Two clocks over the iterations that both time.

    agreement: the other's seconds by the log's; error: what rounding may have made of it. gross:
    they differ so much that one of them measures something else. bursts: the other is the arrival
    of lines that came many at once.
    """

    other: ComparedName | Literal["launch"]
    agreement: float | None = None
    error: float | None = None
    disagreement: Disagreement | None = None
    reason: str = ""
    gross: bool = False
    bursts: bool = False
    compared: ComparedClock | None = None


def compare(
    spans: Sequence[Span], other: LineClock, *, error_s: float, figures: Figures
) -> ClockComparison:
    """Compare the log's clock with another, "arrival" or "printed".

    error_s: what rounding may make of the difference of all seconds; not held against a clock.
    """
    every = [
        Pair(span, log_s, other_s)
        for span in spans
        if (log_s := span.by("log")) is not None
        and (other_s := span.arrival_s if other == "arrival" else span.printed_s) is not None
    ]
    jumped = jumps(every, other)
    pairs = [pair for pair in every if pair not in jumped] if jumped else every
    log_s, other_s = sum(p.log_s for p in pairs), sum(p.other_s for p in pairs)
    if log_s <= 0 or other_s <= 0:
        return ClockComparison(other)
    agreement, error = other_s / log_s, error_s / log_s
    bursts = other == "arrival" and in_bursts(pairs)
    compared = ComparedClock(
        clock=other,
        name=NAMES[other],
        first=pairs[0].span.first + 1,
        last=pairs[-1].span.last,
        log_seconds=log_s,
        seconds=other_s,
    )
    agreed = abs(agreement - 1) <= TOLERANCE + error
    if agreed and not jumped:
        return ClockComparison(other, agreement, error, bursts=bursts, compared=compared)
    # a line that waited in a buffer was printed after the lines of the buffer before
    unsure_s = max(p.other_s for p in pairs) if bursts else 0.0
    unsure_s += error_s + (LATENCY_S if other == "arrival" else 0.0)
    gross = abs(other_s - log_s) - unsure_s > GROSS * min(log_s, other_s)
    if bursts and not figures.own:
        gross = False  # what a known format's figures mean is established
    why = set_clock(jumped) if agreed else explain(pairs, other, figures)
    difference = f"by {NAMES[other]} the window took {agreement:.3f} times the log's own seconds"
    if gross:
        difference = (
            f"by the log's own figures the window took {four_digits(log_s)} s, by {NAMES[other]}"
            f" {four_digits(other_s)} s ({four_digits(agreement)} times that)"
        )
    reason = f"{difference}: {why.text}"
    told = jumped if agreed else pairs
    place = _disagreement(why, told, other, f"{reason}; {why.remedy}")
    return ClockComparison(other, agreement, error, place, reason, gross, bursts, compared)


def compare_total(total: Total, figures: Figures) -> ClockComparison:
    """Compare the log's own figures with a total that it prints, over all iterations of that."""
    agreement, error = total.seconds / total.log_s, total.error_s / total.log_s
    compared = ComparedClock(
        clock="total",
        name=f"its {total.name!r}",
        first=total.first + 1,
        last=total.last,
        log_seconds=total.log_s,
        seconds=total.seconds,
    )
    beyond_s = abs(total.seconds - total.log_s) - total.error_s - total.behind_s
    gross = beyond_s > GROSS * min(total.seconds, total.log_s)
    if not gross or (total.more and agreement > 1):
        reason = ""
        if beyond_s > NOTED * total.log_s and not (total.more and agreement > 1):
            reason = (
                f"by its {total.name!r} iterations {total.first + 1}-{total.last} took"
                f" {agreement:.3f} times the log's own seconds: its lines may be means of other"
                " iterations than thought"
            )
        return ClockComparison("total", agreement, error, reason=reason, compared=compared)
    why = explain_total(agreement, figures)
    length = total.last - total.first
    reason = (
        f"by the log's own figures iterations {total.first + 1}-{total.last} took"
        f" {four_digits(total.log_s)} s, by its {total.name!r} {four_digits(total.seconds)} s,"
        f" which is {four_digits(total.seconds / length)} s an iteration: {why.text}"
    )
    told = Disagreement(
        cause=why.cause,
        clock="total",
        first=total.first + 1,
        last=total.last,
        seconds=total.seconds - total.log_s,
        began_at=total.ended_at,
        ended_at=total.ended_at,
        text=f"{reason}; {why.remedy}",
        remedy=why.remedy,
    )
    return ClockComparison("total", agreement, error, told, reason, gross=True, compared=compared)


def _disagreement(
    why: Explanation, pairs: Sequence[Pair], other: LineClock, text: str
) -> Disagreement:
    place = why.where or [p.span for p in pairs]
    return Disagreement(
        cause=why.cause,
        clock=other,
        first=place[0].first + 1,
        last=place[-1].last,
        seconds=sum(p.excess_s for p in pairs if not why.where or p.span in why.where),
        began_at=place[0].began_at,
        ended_at=place[-1].ended_at,
        text=text,
        remedy=why.remedy,
    )


LOOKED_AT_BYTES = 1 << 20  # of the place; evaluations print a lot
QUOTED = 120  # characters of a line
_SIGNS = re.compile(
    rb"^[^\r\n]{0,200}?(?:(?P<evaluation>\bevaluat|\binference\b|\bvalidat|\bTest:|\bCOCOeval|"
    rb"Accumulating evaluation|\(val\))|(?P<checkpoint>\bsav(?:ing|ed) (?:\S+ ){0,3}?(?:check|"
    rb"model|snapshot|to\b)|checkpoint))[^\r\n]{0,200}",
    re.IGNORECASE | re.MULTILINE,
)

_EXPLAINABLE: tuple[Cause, ...] = ("evaluation_or_checkpoint", "partial_clock")
Read = Callable[[int, int], bytes]  # (first byte, byte behind the last) of the log


def with_evidence(measured: Measurement, read: Read) -> Measurement:
    """Add to a disagreement what the log prints at its place: an evaluation or a checkpoint."""
    disagreement = measured.disagreement
    if disagreement is None or disagreement.cause not in _EXPLAINABLE:
        return measured
    end = min(disagreement.ended_at, disagreement.began_at + LOOKED_AT_BYTES)
    sign = _SIGNS.search(read(disagreement.began_at, end))
    if sign is None:
        return measured
    kind = "an evaluation" if sign["evaluation"] else "a checkpoint"
    line = printable(sign[0].decode(errors="replace")).strip()
    evidence = f"; there the log tells of {kind}: {line[:QUOTED]}"
    text = f"{disagreement.text}{evidence}"
    warnings = tuple(text if one == disagreement.text else one for one in measured.warnings)
    reason = measured.reason + evidence if measured.status == "clocks_disagree" else measured.reason
    explained = replace(disagreement, text=text)
    return replace(measured, disagreement=explained, warnings=warnings, reason=reason)
