"""Turns the steps of processes into iteration samples, by what their numbers mean."""

import math
from collections.abc import Iterable, Iterator

from mrbench.measure.parsers.base import RATES, Mark, Options, TextFormat, to_sample
from mrbench.measure.parsers.smoothed import from_smoothed
from mrbench.measure.parsers.steps import Step, to_steps
from mrbench.model.finding import Problem
from mrbench.model.logformat import Timing
from mrbench.model.measurement import IterationSample


def to_samples(
    marks: Iterable[Mark], rule: TextFormat, options: Options
) -> Iterator[IterationSample]:
    """Turn marks into samples by what their numbers mean."""
    log, work = options.log, options.work_per_iteration
    every = log.every or rule.every
    if rule.timing == "running_mean":
        return _from_running_means(to_steps(marks, every=every, mean_ranks=True), rule)
    if rule.smoothing is not None or log.smoothing:
        steps = to_steps(marks, every=every)
        if rule.timing in RATES:
            steps = _as_seconds(steps, work if rule.timing == "rate" else 1)
        return from_smoothed(steps, rule, log.smoothing)
    if rule.timing == "cumulative":
        return _from_sums(to_steps(marks, every=every), rule)
    steps = to_steps(marks, every=every)
    return from_intervals(steps, rule.timing, work, overlaps=rule.overlaps)


def from_intervals(
    steps: Iterable[Step], timing: Timing, images: int = 1, *, overlaps: bool = False
) -> Iterator[IterationSample]:
    """Take each number as the time since the line before it, in one epoch if each begins anew.

    Of a longer stretch than the printing interval a line is missing: the number tells of the last
    interval only. Where lines come at irregular steps, none is missing.
    """
    last, begins = 0, False
    for mark, first, start, interval, irregular, _ in steps:
        begins = begins or first
        base = (start or 0) if first else last
        if overlaps and not first and mark.iteration - base < interval:
            continue
        count = mark.iteration - max(base, mark.floor)
        if count < mark.iteration - base == interval:
            count = interval  # lines come regularly over epochs' ends
        if interval and (first or not irregular):
            count = min(count, interval)
        last = mark.iteration
        if count <= 0:
            continue
        seconds, rounding_s, data_s = mark.value, mark.error, mark.data
        if timing == "interval_mean":
            seconds, rounding_s = count * seconds, count * rounding_s
            data_s = None if data_s is None else count * data_s
        elif timing in RATES:
            each = (mark.work or images or 1) if timing == "rate" else 1
            seconds, rounding_s = _from_rate(mark, count * each)
        yield to_sample(
            mark,
            count,
            seconds,
            rounding_s=rounding_s,
            data_s=data_s,
            begins=begins,
        )
        begins = False


def _from_rate(mark: Mark, images: float) -> tuple[float, float]:
    """Return the seconds of a rate, and the bound of their error."""
    if not mark.value > 0:
        return math.nan, 0.0
    seconds = images / mark.value
    least = mark.value - mark.error
    return seconds, images / least - seconds if least > 0 else seconds


def _as_seconds(steps: Iterable[Step], each: int) -> Iterator[Step]:
    """Turn rates into seconds per iteration. each: work of one iteration; 0 if unknown."""
    for step in steps:
        seconds, error = _from_rate(step.mark, each or 1)
        yield step._replace(mark=step.mark._replace(value=seconds, error=error))


def _from_sums(steps: Iterable[Step], rule: TextFormat) -> Iterator[IterationSample]:
    """Each number is the seconds since the training began, which some logs count anew in an epoch.

    Where a process did not begin at iteration 1, the seconds up to its first line are unknown. Some
    set their clock to 0 once the first iterations are done (`skipped`, `zeroed`), or do not let it
    run until then; a clock that falls elsewhere has been set to 0 nobody knows where.
    """
    last, total, edge_s, waited, floor = 0, 0.0, 0.0, None, 0
    told, stuck, every = 0, None, 1
    for mark, first, start, interval, _, _ in steps:
        unknown = None
        begins = first or (mark.floor > floor and mark.value < total)
        if begins:
            base = max(start or 0, mark.floor)
            known = mark.iteration - base <= max(1, interval)
            last = base if known else mark.iteration - (interval or 1)
            total, edge_s, waited = (0.0 if known else math.nan), 0.0, None
            unknown = None if known else BEGAN_LATER
        if rule.skipped and last <= rule.skipped < mark.iteration:
            last, total, edge_s, waited, unknown = rule.skipped, 0.0, 0.0, None, None
        elif rule.zeroed and mark.value < total:
            total, edge_s, waited = 0.0, 0.0, None
        elif mark.value < total or mark.value == total == 0:
            unknown = LEFT_OUT
        floor = mark.floor
        if mark.value == total > 0:
            stuck, every = mark, max(1, interval)
            continue  # its digits do not resolve an interval; the next is longer
        told += 1
        data_s = None if None in (waited, mark.data) else (mark.data or 0.0) - (waited or 0.0)
        if mark.iteration > last:
            yield to_sample(
                mark,
                mark.iteration - last,
                math.nan if unknown else mark.value - total,
                rounding_s=edge_s + mark.error,
                edge_s=mark.error,
                data_s=data_s,
                unknown=unknown,
                begins=first,
            )
        last, total, edge_s, waited = mark.iteration, mark.value, mark.error, mark.data
    if stuck is None or told > 1:
        return
    for iteration in range(last + every, stuck.iteration + 1, every):
        same = stuck._replace(iteration=iteration)
        yield to_sample(same, every, math.nan, rounding_s=0.0, unknown=UNRESOLVED)


def from_bars(steps: Iterable[Step], *, restarts: bool = False) -> Iterator[IterationSample]:
    """Take each number as the seconds since the process began, those between bars left out.

    restarts: as the seconds since its epoch began.
    """
    base, floor, total_s, edge_s = 0, 0, 0.0, 0.0
    for mark, first, start, _, _, _ in steps:
        if first or (restarts and mark.floor != floor):
            base, total_s, edge_s = start or 0, 0.0, 0.0
        base, floor = max(base, mark.floor), mark.floor
        yield to_sample(
            mark,
            mark.iteration - base,
            mark.value - total_s,
            rounding_s=edge_s + mark.error,
            edge_s=mark.error,
            begins=first,
        )
        base, total_s, edge_s = mark.iteration, mark.value, mark.error


UNRESOLVED = Problem(
    "the log's clock shows the same time in all lines",
    "print more digits (a TensorBoard value has seven, too few for the seconds since 1970), or let"
    " mrbench run the training",
)
LEFT_OUT = Problem(
    "the log's clock does not run over all of the window: it was set to 0 there, or began later",
    "choose a later window, or state after how many iterations that was (log.skipped)",
)
ALL_ZERO = Problem(
    "the log prints 0 as the time of an iteration",
    "print more digits, give a log with time stamps, or let mrbench run the training",
)
BEGAN_LATER = Problem(
    "the seconds up to the log's first line are unknown: the training began before it",
    "choose a window behind it, or give a log with its beginning",
)


def _from_running_means(steps: Iterable[Step], rule: TextFormat) -> Iterator[IterationSample]:
    """Each number is the mean since the process's iteration `skipped` + 1.

    Undone by iterations x mean, from mark to mark. Marks within the skipped iterations are a
    running mean of their own (Detectron resets its timer once). Where a process did not begin at
    iteration 1 and does not say where, its seconds are unknown: nan. A mean that restarts is one
    since the beginning of its epoch, wherever the process began.
    """
    base = origin = dropped = 0
    total = edge_s = 0.0
    begins = False
    waited: float | None = 0.0
    start_known = True
    for mark, first, start, interval, _, _ in steps:
        begins = begins or first
        if first:
            base = origin = start or 0
            start_known = start is not None or mark.iteration <= max(1, interval)
            base = base if start_known else max(base, mark.iteration - (interval or 1))
            dropped, total, edge_s, waited = 0, 0.0, 0.0, 0.0
        if rule.restarts and (first or mark.floor > origin):
            base = origin = mark.floor
            start_known, dropped, total, edge_s, waited = True, 0, 0.0, 0.0, 0.0
            if first and 0 < 2 * interval < mark.iteration - origin:  # the log begins here
                base, total = mark.iteration - interval, math.nan
        n = mark.iteration - origin
        if n > rule.skipped > dropped:
            dropped, total, edge_s, waited = rule.skipped, 0.0, 0.0, 0.0
            base = max(base, origin + dropped)
        over, before_s = n - dropped, edge_s
        elapsed, edge_s = mark.value * over, mark.error * over
        wait = None if mark.data is None else mark.data * over
        count = mark.iteration - base
        if start_known and abs(elapsed - total) <= before_s + edge_s:
            edge_s = before_s
            if mark.value == 0 and count > 0:
                yield to_sample(
                    mark, count, math.nan, rounding_s=0.0, unknown=ALL_ZERO, begins=begins
                )
                base, begins = mark.iteration, False
            continue  # far into a mean its digits do not resolve an interval; the next is longer
        if count > 0:
            data_s = None if mark.data is None or count > rule.data_over else mark.data * count
            if not rule.data_over and None not in (wait, waited) and start_known:
                data_s = (wait or 0.0) - (waited or 0.0)
            yield to_sample(
                mark,
                count,
                elapsed - total if start_known else math.nan,
                unknown=BEGAN_LATER if math.isnan(total) else None,
                rounding_s=before_s + edge_s,
                edge_s=edge_s,
                data_s=data_s,
                begins=begins,
            )
            begins = False
        base, total, waited = mark.iteration, elapsed, wait
