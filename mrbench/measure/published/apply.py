"""Applies a published rule to a log: their number, work over time, and what lies between them."""

import math
import statistics
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec.structs import replace

from mrbench.measure.published import effects, lines, stretches
from mrbench.measure.published.lines import Line
from mrbench.measure.published.reading import NEAR, RuledLog, read_log
from mrbench.measure.published.stretches import Stretch
from mrbench.model.logformat import LogFormat, Per
from mrbench.model.measurement import Measurement
from mrbench.model.published import ByRule, Effect, Lines, PublishedRule
from mrbench.text import counted

COARSE = 0.002  # of a number: more than its digits should leave open
NO_WORK = (
    "the log does not say how many {unit} an iteration has; if the number is of the whole job, give"
    " --work-per-iteration N and --unit {unit}"
)
GIVEN = "its publisher gives no number"
GROWN = 1.1  # times: the last quarter's usual iteration by the first's


def apply(
    rule: PublishedRule,
    name: str,
    path: Path,
    log: LogFormat | None,
    measured: Measurement,
    *,
    per: Per = "job",
    devices: int | None = None,
) -> ByRule:
    """Return what a rule makes of a log. log: its format, for a rule without `log`; None: unknown.

    measured: mrbench's own measurement of it; per: whether its throughput is of one device;
    devices: their number, if known. Raises MeasureError where the log cannot be read,
    RecipeError where the rule's pattern is wrong.
    """
    result = ByRule(rule=name, title=rule.title, unit=unit_of(rule))
    unsaid = _unsaid(rule)
    if unsaid or not isinstance(rule.lines, Lines):
        return replace(result, reason=unsaid)
    read = read_log(rule, path, log)
    if isinstance(read, str):
        return replace(result, reason=read)
    counted_lines = lines.chosen(read.printed, rule.lines)
    missing = _missing(rule.lines, read.printed) if rule.complete else ""
    if missing or not counted_lines:
        return replace(result, reason=missing or _none_of(rule.lines, read.printed))
    result = replace(
        result,
        lines=len(counted_lines),
        first=counted_lines[0].iteration,
        last=counted_lines[-1].iteration,
    )
    work = _work(rule, read, measured, _known_work(rule, measured, per, devices))
    if read.whole and (work is None or not math.isfinite(work)):
        return replace(result, reason=NO_WORK.format(unit=rule.unit))
    scale = work or 1.0  # without the whole log theirs is what the lines print, of whatever work
    if rule.pattern is None and rule.of == "rate":  # iterations per second so far
        counted_lines = [line._replace(value=line.value * scale) for line in counted_lines]
    inside = _inside(rule, read, counted_lines)
    notes = _notes(rule, read, counted_lines, inside)
    if measured.processes > 1:
        notes.append(
            f"{measured.processes} processes wrote this log; a rule takes the lines of all of them"
        )
    result = replace(result, notes=tuple(notes))
    if rule.statistic == "work_over_time" and not inside:
        return replace(result, reason=_none_of(rule.lines, read.printed))
    theirs = _Theirs(rule=rule, read=read, lines=counted_lines, inside=inside, work=scale)
    own = _own_rate(theirs, measured, 1 if per == rule.per else devices) if work else None
    return _compared(result, theirs, measured, own)


def _unsaid(rule: PublishedRule) -> str:
    """Return why a rule says too little to be applied to any log, or nothing."""
    missing = [key for key in ("lines", "of", "statistic") if getattr(rule, key) == "unknown"]
    if missing:
        return f"its publisher does not say {' and '.join(missing)}"
    if isinstance(rule.lines, Lines) and rule.lines.kind == "val" and rule.pattern is None:
        return "which lines are those of evaluations only a pattern can tell, and the rule has none"
    return ""


class _Theirs(msgspec.Struct, frozen=True, kw_only=True):
    """A rule on one log: the lines that count, their time, and the work of an iteration."""

    rule: PublishedRule
    read: RuledLog
    lines: Sequence[Line]
    inside: Sequence[Stretch]
    work: float

    def rate(self, left_out: set[int]) -> float:
        """Return the rule's statistic without some lines, in iterations per second; nan of none."""
        if self.rule.statistic == "work_over_time":
            return stretches.rate(each for each in self.inside if each.last not in left_out)
        kept = [line for line in self.lines if line.iteration not in left_out]
        if not kept:
            return math.nan
        value = lines.STATISTICS[self.rule.statistic](kept)
        if self.rule.of == "rate":
            return value / self.work
        return (self.done if self.rule.of == "clock" else 1) / value

    @property
    def done(self) -> int:
        """Iterations up to the last of the lines that count."""
        return self.lines[-1].iteration - self.read.counts_from + 1

    def in_unit(self, per_second: float) -> float:
        """Return iterations per second in the rule's unit; of a clock, the seconds of them all."""
        if self.rule.of == "rate":
            return per_second * self.work
        return (self.done if self.rule.of == "clock" else 1) / per_second


def _compared(result: ByRule, theirs: _Theirs, measured: Measurement, own: float | None) -> ByRule:
    """Add the rule's number, mrbench's own, work over time of the whole log, and the effects."""
    rule, whole = theirs.rule, theirs.read.whole
    number = theirs.rate(set())
    result = replace(
        result,
        number=theirs.in_unit(number),
        ours=None if own is None else theirs.in_unit(own),
        ours_first=None if own is None else measured.first,
        ours_last=None if own is None else measured.last,
        difference_to_ours=None if own is None else number / own - 1,
    )
    if not whole:
        return result
    # of a log that prints rates only the seconds are those of one unit, which no stamp tells
    stamped, seconds = effects.of_stamps([] if theirs.read.of_work else whole, rule)
    seconds = seconds or sum(each.seconds for each in whole)
    per_second = sum(each.iterations for each in whole) / seconds
    found: list[Effect] = []
    if rule.of == "clock":
        found += effects.of_timer(whole, theirs.lines[-1].value, rule)
    elif theirs.inside:
        if rule.statistic != "single":
            untimed = {line.iteration for line in theirs.lines if _is_untimed(line, whole)}
            found += effects.of_untimed(untimed, theirs.rate)
            found += effects.of_statistic(
                theirs.inside, lambda left_out: theirs.rate(untimed | left_out), rule
            )
        base = number if rule.statistic == "single" else stretches.rate(theirs.inside)
        found += effects.of_lines(theirs.inside, whole, base)
        found += stamped
    if own is not None and measured.first is not None and measured.last is not None:
        found += effects.of_window(per_second / own, measured.first, measured.last)
    return replace(
        result,
        whole_log=theirs.in_unit(per_second),
        difference=number / per_second - 1,
        effects=tuple(found),
    )


def _is_untimed(line: Line, whole: Sequence[Stretch]) -> bool:
    """Tell whether a line is of an iteration before or behind all that are timed."""
    return not whole[0].last - whole[0].iterations < line.iteration <= whole[-1].last


def _inside(rule: PublishedRule, read: RuledLog, counted_lines: Sequence[Line]) -> list[Stretch]:
    """Return the time of the lines that count; of a range's work over time, from first to last.

    Such a range is of iterations done, whatever number the log prints for the first one.
    """
    which = rule.lines
    if isinstance(which, Lines) and rule.statistic == "work_over_time" and which.first is not None:
        before = read.counts_from - 1
        first, last = which.first + before, int(which.last or 0) + before
        return [each for each in read.whole if first < each.last <= last]
    numbers = {line.iteration for line in counted_lines}
    return [each for each in read.whole if each.last in numbers]


def _known_work(
    rule: PublishedRule, measured: Measurement, per: Per, devices: int | None
) -> float | None:
    """Return what mrbench knows of an iteration's work, in the rule's unit; per, devices: apply."""
    work = measured.work_per_iteration
    if work is None or per != "job" or rule.unit != measured.unit or rule.per == "unknown":
        return None
    by = devices if rule.per == "device" else 1
    return work / by if by else None


def _work(
    rule: PublishedRule, read: RuledLog, measured: Measurement, of_log: float | None
) -> float | None:
    """Return the work of an iteration in the rule's unit, a line's rate by its seconds.

    The line whose two numbers have the most digits tells it best; where all are COARSE, the usual
    ones together. of_log: what mrbench knows of it counts where they agree, so that its number is
    the one that it prints. Where no line tells it, what is known of the log; None where nothing is,
    or the rule asks for the work of one device.
    """
    of_measured = rule.pattern is None and rule.of == "rate"  # whose unit is what is known of it
    if of_measured and rule.unit not in ("unknown", measured.unit):
        return None
    if rule.of != "rate" or read.of_work:
        return 1.0
    if not read.whole:
        return of_log
    timed = {each.last: each for each in read.whole}
    known = [
        (line, each)
        for line in read.printed
        if rule.pattern and (each := timed.get(line.iteration))
    ]
    if not known:
        return measured.work_per_iteration if rule.per == "job" else None
    works = [line.value * each.each_s for line, each in known]
    errors = [line.error / line.value + each.error_s / each.seconds for line, each in known]
    usual = statistics.median(works)
    error, best = min(zip(errors, works, strict=True))
    if error > COARSE:
        many = [(line, each) for line, each in known if each.kind == "usual"] or known
        done = sum(line.value * each.seconds for line, each in many)
        best = usual = done / sum(each.iterations for _, each in many)
    best = best if of_log is None else of_log
    return best if abs(best / usual - 1) < NEAR else usual


def _own_rate(theirs: _Theirs, measured: Measurement, devices: int | None) -> float | None:
    """Return mrbench's own number in iterations per second, or in units of work per second.

    devices: those that its throughput is to be divided by; None: nobody knows.
    """
    if measured.status != "ok":
        return None
    if theirs.read.of_work and theirs.rule.of == "rate":
        rate = measured.throughput
        return rate / devices if rate and devices and theirs.rule.per != "unknown" else None
    return 1 / measured.seconds_per_iteration if measured.seconds_per_iteration else None


def unit_of(rule: PublishedRule) -> str:
    """Return the unit of a rule's number, as `tokens/s per device`."""
    each = "" if rule.unit == "unknown" else rule.unit.removesuffix("s")
    if rule.of == "clock":
        return "s"
    if rule.of == "time":
        return "s per iteration"
    unit = f"{rule.unit if each else 'work'}/s"
    return f"{unit} per device" if rule.per == "device" else unit


def _none_of(which: Lines, printed: Sequence[Line]) -> str:
    first, last = printed[0].iteration, printed[-1].iteration
    of_log = f"the log has {counted(len(printed), 'line')}, of iterations {first} to {last}"
    if which.only is not None:
        return f"no line of iteration {which.only}: {of_log}"
    return f"none of the lines that the rule counts is there: {of_log}"


def _missing(which: Lines, printed: Sequence[Line]) -> str:
    """Return why a log is not whole, for a rule that asks for that, or nothing."""
    there = {line.iteration for line in printed}
    if which.first is not None and which.last is not None:
        wanted = range(which.first, int(which.last) + 1)
        absent = sum(1 for each in wanted if each not in there)
        if absent:
            each = f"unless iterations {which.first} to {int(which.last)} have a line each"
            return f"{GIVEN} {each}; {absent} of these {len(wanted)} have none"
    end = max(line.of for line in printed)
    if end and end not in there:
        ends = f"it ends at {max(there)} of {end}"
        return f"{GIVEN} unless the log reaches its last iteration; {ends}"
    return ""


def _notes(
    rule: PublishedRule, read: RuledLog, counted_lines: Sequence[Line], inside: Sequence[Stretch]
) -> list[str]:
    notes = [f"no work over time of the whole log: {read.untold}"] if read.untold else []
    if isinstance(rule.lines, Lines) and rule.lines.first is not None and rule.lines.last:
        asked = rule.lines.last - rule.lines.first
        timed = sum(each.iterations for each in inside)
        if rule.statistic == "work_over_time" and timed < asked:
            notes.append(f"the log times only {timed} of the {asked} iterations that count")
        elif rule.statistic != "work_over_time" and len(counted_lines) <= asked:
            notes.append(
                f"only {len(counted_lines)} of the {asked + 1} iterations that count have a line"
            )
    if rule.of == "rate" and rule.per == "unknown":
        notes.append("its publisher does not say whether the number is of one device or of all")
    coarse = counted_lines[-1].error / counted_lines[-1].value
    if rule.statistic == "single" and coarse > COARSE:
        notes.append(f"the digits that the log prints allow an error of {coarse:.1%}")
    if read.skipped:
        notes.append(
            f"the trainer skipped {counted(read.skipped, 'iteration')}; they count as work"
        )
    usual = [each.each_s for each in read.whole if each.kind == "usual"]
    quarter = len(usual) // 4
    if quarter > 1:
        times = statistics.median(usual[-quarter:]) / statistics.median(usual[:quarter])
        if not 1 / GROWN < times < GROWN:
            notes.append(
                f"an iteration of the last quarter takes {times:.3g} times one of the first: its"
                " work changes (batch, sequence length, attention window), so that iterations are"
                " not equal work, or the machine did"
            )
    return notes
