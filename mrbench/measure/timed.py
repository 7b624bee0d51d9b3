"""Which stretches of time the number covers: those that its clock counts, by the arrival of lines.

A log's own seconds leave out evaluation and checkpoints, and what happens between epochs may stand
between two marks. What a machine spent meanwhile is no part of the images that were counted.
"""

import statistics
from collections.abc import Sequence

from mrbench.measure.causes import Pair, in_bursts
from mrbench.measure.clocks import LATENCY_S
from mrbench.measure.spans import ArrivalClock, Span
from mrbench.model.measurement import LeadingClock, TimedStretch

LEFT_OUT_S = 0.5  # more than a busy machine reads a line late
LEFT_OUT = 0.05  # of a span's seconds


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
