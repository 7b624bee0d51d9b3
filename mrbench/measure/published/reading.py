"""What of a log a published rule needs: the lines that print numbers, and the time of them all."""

import statistics
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec.structs import replace

from mrbench.measure.log.blocks import read_blocks
from mrbench.measure.parsers import parse_samples, resolve_format
from mrbench.measure.published import lines, stretches
from mrbench.measure.published.lines import Line
from mrbench.measure.published.stretches import Stretch
from mrbench.model.logformat import LogFormat, Timing
from mrbench.model.published import Lines, PublishedRule

TIMINGS: dict[str, Timing] = {"rate": "rate", "time": "interval_mean", "clock": "cumulative"}
CORRECTED = ("running_mean", "cumulative")  # a sample of theirs is no number that the log prints
MOST = 0.9  # of the iterations: a log that times fewer is not timed as a whole
UNTIMED = "no line of the log tells how long its iterations took"
UNDETECTED = (
    "no line is of a format that mrbench knows, and the rule has no `log`; say there how its lines"
    " are timed, or with --as or --recipe"
)
OTHER_RATES = (
    "of the log mrbench reads rates alone, which are not the numbers that the rule takes; say in"
    " the rule's `log` how they are timed"
)
NEAR = 0.05  # two figures of one work


class RuledLog(msgspec.Struct, frozen=True, kw_only=True):
    """What was read of a log: the lines that print numbers, and the time between its lines."""

    printed: Sequence[Line]
    whole: Sequence[Stretch]
    counts_from: int
    of_work: bool  # the stretches' iterations are units of work, since the log prints rates only
    skipped: int  # iterations that the trainer skipped
    untold: str = ""  # why there are no stretches, so that nothing is known of the whole log


def log_of(rule: PublishedRule) -> LogFormat | None:
    """Return how to measure a log of this rule by its own words, None where they do not tell.

    Without the rule's `log` these are a last resort, for mrbench's own number: they tell neither of
    how many iterations the first line is, nor whether a line is of all since the one before.
    """
    if rule.log is not None or rule.pattern is None or rule.of not in TIMINGS:
        return rule.log
    if isinstance(rule.lines, Lines) and rule.lines.kind == "val":
        return None
    unit = rule.pattern_unit
    if unit == "min" or unit == "h":  # noqa: PLR1714 - mypy knows by == what is left
        return None
    return LogFormat(
        pattern=rule.pattern,
        step_pattern=rule.step_pattern,
        timing=TIMINGS[rule.of],
        unit=None if rule.of == "rate" else unit,
        per=rule.per if rule.of == "rate" and rule.per != "unknown" else None,
    )


def read_log(rule: PublishedRule, path: Path, log: LogFormat | None) -> RuledLog | str:
    """Read a log as a rule needs it, or return why it cannot be."""
    log = rule.log or log
    printed = lines.read(read_blocks(path), rule) if rule.pattern else []
    if rule.pattern and not printed:
        return "no line of the log matches the rule's pattern"
    own = log or log_of(rule)
    if own is None:
        return UNDETECTED
    own = resolve_format(own)
    counts_from = own.counts_from if log else min(1, printed[0].iteration)
    whole, untold = ([], UNDETECTED) if log is None else _whole(rule, path, log, printed)
    if untold and (not rule.pattern or rule.statistic == "work_over_time"):
        return untold
    if not rule.pattern:
        if own.timing in CORRECTED and rule.statistic != "work_over_time":
            return (
                f"the log prints a {own.timing}; to take it as it stands the rule needs a pattern"
            )
        rates = rule.of == "rate"
        printed = [Line(s.last, 1 / s.each_s if rates else s.each_s) for s in whole]
    return RuledLog(
        printed=printed,
        whole=whole,
        counts_from=counts_from,
        of_work=own.timing == "rate",
        skipped=lines.skipped(read_blocks(path)),
        untold=untold,
    )


def _whole(
    rule: PublishedRule, path: Path, log: LogFormat, printed: Sequence[Line]
) -> tuple[list[Stretch], str]:
    """Return the stretches of the whole log, or none and why nobody can tell its time."""
    counts_from = resolve_format(log).counts_from
    if rule.of == "clock" and log.pattern and log.timing == "cumulative":
        ticks = replace(
            rule,
            pattern=log.pattern,
            step_pattern=log.step_pattern,
            pattern_unit=log.unit or rule.pattern_unit,
        )
        whole = stretches.of_clock(lines.read(read_blocks(path), ticks), counts_from)
        return whole, "" if whole else UNTIMED
    samples = list(parse_samples(read_blocks(path), log, 0))
    whole = stretches.of_samples(samples, stretches.other_lines(read_blocks(path)), counts_from)
    if not whole:
        return [], UNTIMED
    done, timed = (sum(each.count for each in samples), sum(each.iterations for each in whole))
    if timed < MOST * (done - samples[0].count):  # what the first line is about may be unknown
        return [], f"its lines time only {timed} of the {done} iterations"
    if resolve_format(log).timing == "rate" and not _same_rates(rule, whole, printed):
        return [], OTHER_RATES
    return whole, ""


def _same_rates(rule: PublishedRule, whole: Sequence[Stretch], printed: Sequence[Line]) -> bool:
    """Tell whether the stretches of a log that prints only rates are of the rule's own rates."""
    if rule.of != "rate":
        return False
    by_last = {each.last: each for each in whole}
    ratios = [
        line.value * by_last[line.iteration].each_s for line in printed if line.iteration in by_last
    ]
    return not ratios or abs(statistics.median(ratios) - 1) < NEAR
