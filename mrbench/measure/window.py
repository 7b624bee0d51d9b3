"""Throughput over a window of iterations: total images over total seconds, by two clocks.

The seconds of the samples inside the window are added up; rates and running means are never meaned.
Where the marks do not fall on the window's edges the nearest ones count. Of several processes in
one log the last that covers the window counts. Only what concerns the window is kept.
"""

from collections.abc import Iterable

from msgspec.structs import replace

from mrbench.measure import clocks, coverage
from mrbench.measure.interval import drift, within_run
from mrbench.measure.leading import Lead, choose
from mrbench.measure.spans import Process, Stamps, split
from mrbench.model.recipe import Clock, Window
from mrbench.model.run import IterationSample, LeadingClock, Measurement

LEAST_DRIFT = 0.01  # of the throughput; less is not worth a warning


def measure(
    samples: Iterable[IterationSample],
    window: Window,
    images_per_iteration: int | None,
    *,
    stamps: Stamps | None = None,
    clock: Clock = "log",
) -> Measurement:
    """Measure a log's samples; without a trustworthy number the status and reason say why.

    clock: which one leads; another checks it. Without images per iteration only the seconds per
    iteration are known.
    """
    answer: Measurement | None = None
    processes = 0
    for process in split(samples, window, stamps):
        processes += 1
        found = _conclude(process, window, images_per_iteration, clock, stamps)
        answer = found if answer is None else _chosen(answer, found)
    if answer is None:
        return Measurement(
            status="no_iterations",
            images_per_iteration=images_per_iteration,
            clock=clock,
            reason="no line tells of an iteration; is it the right log, and the right format?",
        )
    answer = replace(answer, processes=processes)
    if processes > 1:
        text = f"{processes} processes wrote this log; the last one that covers the window counts"
        return replace(answer, warnings=(*answer.warnings, text))
    return answer


def _chosen(earlier: Measurement, later: Measurement) -> Measurement:
    """One that does not cover the window displaces neither one that does nor a longer one."""
    if later.status != "incomplete_window":
        return later
    keeps = earlier.status != "incomplete_window" or earlier.iterations > later.iterations
    return earlier if keeps else later


def _conclude(
    process: Process,
    window: Window,
    images_per_iteration: int | None,
    clock: Clock,
    stamps: Stamps | None,
) -> Measurement:
    measured = Measurement(
        status="ok",
        first=None if process.begin is None else process.begin + 1,
        last=process.end or None,
        iterations=process.iterations,
        intervals=len(process.spans),
        images_per_iteration=images_per_iteration,
        clock=clock,
        log_seconds=_sum(process, "log"),
        arrival_seconds=_sum(process, "arrival"),
        printed_seconds=_sum(process, "printed"),
        began=process.earliest,
    )
    problem = coverage.problem(process, window, clock)
    if problem:
        status, reason = problem
        return replace(measured, status=status, reason=reason, log_seconds=None)
    lead, warnings = choose(process, clock, stamped=stamps is not None)
    measured = replace(_checked(measured, process, lead), clock=lead.clock)
    if lead.seconds <= 0:
        reason = "the log's own seconds are unknown in the window, and no arrival times are at hand"
        return replace(measured, status="incomplete_window", reason=reason)
    measured = _with_rate(measured, process, lead)
    if stamps is not None:
        began_s, ended_s = _when(process, stamps, lead.seconds)
        measured = replace(measured, began_s=began_s, ended_s=ended_s)
    texts = (*coverage.edges(process, window), *warnings, *_doubts(measured))
    return replace(measured, warnings=texts)


def _sum(process: Process, clock: LeadingClock) -> float | None:
    """Return the seconds by a clock; None where there are none, or the log lacks some."""
    known = [s for span in process.spans if (s := span.by(clock)) is not None]
    whole = clock != "log" or len(known) == len(process.spans)
    return sum(known) if known and whole else None


def _checked(measured: Measurement, process: Process, lead: Lead) -> Measurement:
    """Let another clock check the one that leads."""
    other = lead.second
    if other is None:
        return measured
    found = clocks.compare(
        process.spans,
        lead.clock if other == "log" else other,
        error_s=lead.log_error_s + (process.step_s if other == "printed" else 0.0),
    )
    return replace(
        measured,
        second_clock=None if found.agreement is None else other,
        agreement=found.agreement,
        agreement_error=found.error,
        disagreement=found.disagreement,
    )


def _with_rate(measured: Measurement, process: Process, lead: Lead) -> Measurement:
    """Add the number, and how sure it is."""
    images = measured.images_per_iteration
    timed = lead.iterations
    steps = {"resolution_s": lead.resolution_s, "one_clock": lead.one_clock}
    moved = drift(lead.times, **steps)  # type: ignore[arg-type]  # one value of each type
    sure = within_run(lead.times, images or 1, **steps)  # type: ignore[arg-type]  # the same
    waiting = [(s.data_s, s.log_s) for s in process.spans if s.data_s is not None]
    total = sum(log_s for _, log_s in waiting)
    losses = [span.loss for span in process.spans if span.loss is not None]
    quarter = len(losses) // 4
    return replace(
        measured,
        images_per_second=None if images is None else timed * images / lead.seconds,
        seconds_per_iteration=lead.seconds / timed,
        interval=sure,
        drift=moved,
        rounding=lead.error_s / lead.seconds,
        data_share=min(1.0, sum(data for data, _ in waiting) / total) if total > 0 else None,
        loss_first=sum(losses[:quarter]) / quarter if quarter else None,
        loss_last=sum(losses[-quarter:]) / quarter if quarter else None,
    )


def _when(process: Process, stamps: Stamps, seconds: float) -> tuple[float, float]:
    """Return when the window began and ended; what no mark begins is as long as it took."""
    first, last = process.spans[0], process.spans[-1]
    ended_s = stamps.at(last.ended_at)
    return stamps.at(first.began_at) if first.began_at else ended_s - seconds, ended_s


def _doubts(measured: Measurement) -> Iterable[str]:
    if measured.disagreement:
        yield measured.disagreement.text
    moved = measured.drift
    if moved and moved.beyond_noise and abs(moved.change) >= LEAST_DRIFT:
        yield (
            f"throughput {'rose' if moved.change > 0 else 'fell'} by {abs(moved.change):.1%} from"
            f" the window's first quarter to its last, beyond noise (p = {moved.p_value:.1g});"
            " another window would give another number"
        )
