"""A run's throughput over its iterations, read from its log: all of it, not the window alone."""

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from mrbench.errors import MrbenchError
from mrbench.measure.log.blocks import Stamps, read_blocks, read_stamps
from mrbench.measure.parsers import parse_samples, work_unit
from mrbench.measure.spans import Span, split_processes
from mrbench.model.inputs import Window
from mrbench.model.measurement import LeadingClock, Measurement
from mrbench.model.plan import Plan
from mrbench.model.record import RunRecord
from mrbench.record.archive import Opened
from mrbench.record.formats import read_plan
from mrbench.text import shorten

EVERYTHING = Window(first=0, last=1 << 40)
MOST = 1 << 18  # marks of a log that are looked at; a training that is measured prints thousands
CLOCKS: tuple[LeadingClock, ...] = ("log", "arrival", "printed")


class Piece(NamedTuple):
    """The iterations after `first` up to `last`, between two marks of the log.

    throughput: None if no clock has it. data_share: of their seconds, spent waiting for
    data. at_s: when they were done, in seconds since the log's first byte arrived; None if unknown.
    """

    first: int
    last: int
    throughput: float | None
    data_share: float | None
    at_s: float | None


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """A run's pieces, in order; problem: why there are none. clock: whose seconds they are by.

    start_s: when the log's first byte arrived, by the monotonic clock. window: the iterations that
    were measured, first and last as the axis has them; None where nothing was measured.
    """

    pieces: Sequence[Piece] = ()
    clock: str = ""
    start_s: float | None = None
    window: tuple[int, int] | None = None
    problem: str = ""

    def at(self, iteration: int) -> float | None:
        """Return when the iteration was done, of the last process that did it; None if unknown."""
        known = [p.at_s for p in self.pieces if p.last == iteration and p.at_s is not None]
        return known[-1] if known else None


def read_curve(run: Opened, record: RunRecord) -> Curve:
    """Read a run's log and arrival times; what cannot be read is its `problem`."""
    try:
        plan = read_plan(run.folder.plan)
        stamps, problem = _stamps(run, plan)
        try:
            spans = _spans(run, plan, stamps)
        except MrbenchError as exc:
            if stamps is None:
                raise
            stamps, problem = None, _plain(exc, run)
            spans = _spans(run, plan, None)
    except (MrbenchError, OSError, ValueError) as exc:
        return Curve(problem=_plain(exc, run))
    measured = record.measurement
    order = [measured.clock, *CLOCKS] if measured else list(CLOCKS)
    start_s = stamps.times_ns[0] / 1e9 if stamps and stamps.times_ns else None
    pieces = [_piece(span, plan, order, stamps, start_s) for span in spans]
    if not pieces:
        problem = problem or "its log shows no iteration"
    elif all(piece.throughput is None for piece in pieces):
        problem = problem or "the plan states no work per iteration, or the log no seconds"
    return Curve(
        pieces=pieces, clock=order[0], start_s=start_s, window=_window(measured), problem=problem
    )


def _window(measured: Measurement | None) -> tuple[int, int] | None:
    if measured is None or measured.first is None or measured.last is None:
        return None
    return (measured.first - 1, measured.last) if measured.first <= measured.last else None


def _stamps(run: Opened, plan: Plan) -> tuple[Stamps | None, str]:
    _, stamps = run.folder.measured(plan.log)
    if not stamps.exists():
        return None, ""
    try:
        return read_stamps(stamps), ""
    except MrbenchError as exc:
        return None, _plain(exc, run)


def _spans(run: Opened, plan: Plan, stamps: Stamps | None) -> list[Span]:
    log, _ = run.folder.measured(plan.log)
    samples = parse_samples(read_blocks(log), plan.log, plan.rated_work or 0)
    few = itertools.islice(samples, MOST)
    processes = split_processes(few, EVERYTHING, stamps, most=MOST)
    return [span for process in processes for span in process.spans]


def _piece(
    span: Span,
    plan: Plan,
    order: Sequence[LeadingClock],
    stamps: Stamps | None,
    start_s: float | None,
) -> Piece:
    seconds = next((s for clock in order if (s := span.by(clock)) is not None and s > 0), None)
    work: float = span.count * (plan.work_per_iteration or 0)
    if span.work is not None and work_unit(plan.log) in (None, plan.unit):
        work = span.work  # as the log counts it
    share = None
    if span.data_s is not None and math.isfinite(span.data_s) and span.log_s > 0:
        share = min(1.0, span.data_s / span.log_s)
    at_s = None
    if stamps is not None and start_s is not None:
        at_s = stamps.at(span.ended_at) - start_s
    rate = work / seconds if seconds and work else None
    return Piece(span.first, span.last, rate, share, at_s)


def _plain(exc: Exception, run: Opened) -> str:
    text = exc.seen_from(run.folder.path) if isinstance(exc, MrbenchError) else str(exc)
    return shorten(text, 300)
