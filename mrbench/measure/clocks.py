"""Two clocks over the same iterations: whether they agree, where they do not, and why that may be.

The log's own figures leave out what their author left out: data loading, evaluation, writing of
checkpoints. The arrival of the output and time stamps printed in it leave out nothing.
"""

import re
import statistics
from collections.abc import Callable, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from mrbench.measure.spans import Span
from mrbench.model.run import Cause, Disagreement, LeadingClock, Measurement
from mrbench.text import printable

TOLERANCE = 0.01  # of the log's seconds
BURST = 0.2  # of the log's seconds: output that came so fast had waited in a buffer
BURSTS = 0.25  # of the spans
CONCENTRATED = 0.7  # of all that is too much: in few spans it is an event, else a habit
FEW = 0.2  # of the spans
UNITS = {1000.0: "milliseconds", 60.0: "minutes", 1e-3: "seconds where milliseconds are meant"}
UNIT_MARGIN = 0.1
HOUR_S = 3600.0
NAMES: dict[LeadingClock, str] = {"arrival": "arrival times", "printed": "printed time stamps"}


class ClockComparison(NamedTuple):
    """Two clocks over the iterations that both time.

    agreement: the other's seconds by the log's; error: what rounding may have made of it.
    """

    agreement: float | None
    error: float | None
    disagreement: Disagreement | None


class _Pair(NamedTuple):
    span: Span
    log_s: float
    other_s: float

    @property
    def excess_s(self) -> float:
        return self.other_s - self.log_s


def compare(spans: Sequence[Span], other: LeadingClock, *, error_s: float) -> ClockComparison:
    """Compare the log's clock with another, "arrival" or "printed".

    error_s: what rounding may make of the difference of all seconds; not held against a clock.
    """
    pairs = [
        _Pair(span, log_s, other_s)
        for span in spans
        if (log_s := span.by("log")) is not None and (other_s := span.by(other)) is not None
    ]
    log_s, other_s = sum(p.log_s for p in pairs), sum(p.other_s for p in pairs)
    if log_s <= 0 or other_s <= 0:
        return ClockComparison(None, None, None)
    agreement, error = other_s / log_s, error_s / log_s
    if abs(agreement - 1) <= TOLERANCE + error:
        return ClockComparison(agreement, error, None)
    cause, where, why = _cause(pairs, agreement, other)
    text = (
        f"by {NAMES[other]} the window took {agreement:.3f} times the log's own seconds: {why};"
        f" {_REMEDIES[cause]}"
    )
    place = where or [p.span for p in pairs]
    return ClockComparison(
        agreement,
        error,
        Disagreement(
            cause=cause,
            clock=other,
            first=place[0].first + 1,
            last=place[-1].last,
            seconds=sum(p.excess_s for p in pairs if not where or p.span in where),
            began_at=place[0].began_at,
            ended_at=place[-1].ended_at,
            text=text,
        ),
    )


_REMEDIES: dict[Cause, str] = {
    "buffered_output": "make the training print at once (PYTHONUNBUFFERED=1, or launch.terminal)",
    "clock_set": "trust the log's own seconds, or run again",
    "changed_format": "look whether log.timing, every and counts_from still fit this log",
    "evaluation_or_checkpoint": "keep it out of the window (guards), or choose another window",
    "partial_clock": "let the arrival clock lead (log.clock: arrival) if it should count",
}


def _cause(pairs: Sequence[_Pair], agreement: float, other: str) -> tuple[Cause, list[Span], str]:
    """Return the likely cause, the spans that show it (none: all of them), and the evidence."""
    for factor, unit in UNITS.items():
        if abs(agreement / factor - 1) <= UNIT_MARGIN:
            return "changed_format", [], f"the log's figures seem to be {unit}"
    if other == "printed":
        jumps = [p for p in pairs if abs(p.excess_s) >= HOUR_S / 2 and _whole_hours(p.excess_s)]
        if jumps:
            text = f"the clock was set by {jumps[0].excess_s / HOUR_S:+.0f} h {_at(jumps)}"
            return "clock_set", [p.span for p in jumps], text
    ratios = [p.other_s / p.log_s for p in pairs if p.log_s > 0]
    if other == "arrival" and sum(r < BURST for r in ratios) >= BURSTS * len(ratios):
        return "buffered_output", [], "its output came in bursts, many lines at once"
    outliers = _outliers(pairs)
    if outliers and agreement > 1:
        extra_s = sum(p.excess_s for p in outliers)
        text = (
            f"{extra_s:.1f} s more than the log tells {_at(outliers)},"
            " where it may have evaluated or saved a checkpoint"
        )
        return "evaluation_or_checkpoint", [p.span for p in outliers], text
    typical = statistics.median(ratios)
    if typical > 1:
        text = "everywhere alike, so the log's clock leaves out a part of every iteration"
        return "partial_clock", [], f"{text}, such as data loading or the time between epochs"
    text = "its lines may come more often than thought, or tell of something else than a mean"
    return "changed_format", [], text


def _whole_hours(seconds: float) -> bool:
    return abs(seconds / HOUR_S - round(seconds / HOUR_S)) <= UNIT_MARGIN


def _outliers(pairs: Sequence[_Pair]) -> list[_Pair]:
    """Return the few spans with most of the excess, in order; none if all spans share it."""
    usual = statistics.median(p.excess_s / p.span.count for p in pairs)
    above = {i: p.excess_s - max(usual, 0.0) * p.span.count for i, p in enumerate(pairs)}
    total = sum(p.excess_s for p in pairs)
    few = sorted(above, key=lambda i: -above[i])[: max(1, round(FEW * len(pairs)))]
    chosen: list[int] = []
    for i in few:
        if above[i] <= 0 or sum(above[j] for j in chosen) >= CONCENTRATED * total:
            break
        chosen.append(i)
    if len(pairs) > 1 and sum(above[j] for j in chosen) >= CONCENTRATED * total:
        return [pairs[i] for i in sorted(chosen)]
    return []


def _at(pairs: Sequence[_Pair]) -> str:
    places = [f"{p.span.first + 1}-{p.span.last}" for p in pairs[:3]]
    more = f" and {len(pairs) - 3} more" if len(pairs) > 3 else ""  # noqa: PLR2004 - named above
    return f"in iterations {', '.join(places)}{more}"


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
    text = f"{disagreement.text}; there the log tells of {kind}: {line[:QUOTED]}"
    warnings = tuple(text if one == disagreement.text else one for one in measured.warnings)
    explained = replace(disagreement, text=text)
    return replace(measured, disagreement=explained, warnings=warnings)
