"""The lines that a rule counts, each with the number that it prints; and their statistic."""

import math
import re
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from mrbench.errors import RecipeError
from mrbench.measure.log import patience
from mrbench.measure.log.blocks import Block
from mrbench.measure.parsers.base import blank_colours, last_digit, number, plain
from mrbench.measure.parsers.pattern import UNITS
from mrbench.model.published import Lines, PublishedRule

KEY = "rule.pattern"
MOST_DIGITS = 12  # of an iteration's number
_EPOCH = attrgetter("epoch")
SKIPPED = re.compile(rb"number of skipped iterations:[ \t]{0,9}([1-9]\d{0,6})")


class Line(NamedTuple):
    """What one line of a log prints: iteration and epoch as printed, value in seconds or a rate.

    error: the bound of the value's error by its digits. of: how many iterations the training is to
    have, 0 where the line does not say.
    """

    iteration: int
    value: float
    epoch: int = 0
    error: float = 0.0
    of: int = 0


def read(blocks: Iterable[Block], rule: PublishedRule) -> list[Line]:
    """Return the lines that the rule's pattern matches, in their order.

    With a step_pattern, an iteration is that of the last line before them that it matches.
    Raises RecipeError for a pattern that is no expression or lacks a group, MeasureError for one
    that takes too long.
    """
    expressions = compiled(rule)
    lines = []
    step: Mapping[str, bytes] = {}
    for _, block in blocks:
        text = blank_colours(block).replace(b"\r", b"\n")
        found = [m for each in expressions for m in patience.matches(each, text, key=KEY)]
        for match in sorted(found, key=re.Match.start):
            groups = {name: group for name, group in match.groupdict().items() if group is not None}
            if "value" in match.re.groupindex:
                lines.append(_line({**step, **groups}, rule))
            else:
                step = groups
    return deduped([line for line in lines if line is not None], rule.dedupe)


def skipped(blocks: Iterable[Block]) -> int:
    """Return how many iterations a log of Megatron's says were skipped: their work is none."""
    return sum(int(match[1]) for _, block in blocks for match in SKIPPED.finditer(block))


def compiled(rule: PublishedRule) -> list[re.Pattern[bytes]]:
    """Return a rule's patterns. Raises RecipeError, with its key, for one that lacks a group."""
    if rule.pattern is None:
        return []
    if rule.step_pattern is None:
        return [patience.compiled(rule.pattern, ("iteration", "value"), key="pattern")]
    step = patience.compiled(rule.step_pattern, ("iteration",), key="step_pattern")
    if "value" in step.groupindex:
        raise RecipeError("has the group 'value'", "leave it to `pattern`", key="step_pattern")
    return [step, patience.compiled(rule.pattern, ("value",), key="pattern")]


def _line(groups: Mapping[str, bytes], rule: PublishedRule) -> Line | None:
    """Return what a match's groups print; None where its numbers are none."""
    first, second = (number(plain(groups.get(name) or b"")) for name in ("value", "second"))
    value = _of_pair(first, second, rule.value) if groups.get("second") else first
    others = (groups.get(name) or b"0" for name in ("epoch", "iterations"))
    iteration, epoch, of = map(plain, (groups.get("iteration") or b"", *others))
    numbered = all(part.isdigit() and len(part) <= MOST_DIGITS for part in (iteration, epoch, of))
    if not (0 < value < math.inf and numbered):
        return None  # nan, too
    unit = 1.0 if rule.of == "rate" else UNITS[rule.pattern_unit]
    error = unit * last_digit(plain(groups["value"])) / 2
    return Line(int(iteration), value * unit, int(epoch), error, int(of))


def _of_pair(first: float, second: float, which: str) -> float:
    values: Mapping[str, float] = {
        "first": first,
        "second": second,
        "average": (first + second) / 2,
        "max": max(first, second),
    }
    return values[which]


def deduped(lines: Sequence[Line], keep: str | None) -> list[Line]:
    """Return one line of each iteration: the first or last that was printed; None: all."""
    if keep is None:
        return list(lines)
    by_iteration: dict[tuple[int, int], Line] = {}
    for line in lines:
        key = line.epoch, line.iteration
        if keep == "last" or key not in by_iteration:
            by_iteration[key] = line
    return list(by_iteration.values())


def chosen(lines: Sequence[Line], which: Lines) -> list[Line]:
    """Return the lines that a rule counts."""
    if which.only is not None:
        return [line for line in lines if line.iteration == which.only]
    if which.first is not None and which.last is not None:
        return [line for line in lines if which.first <= line.iteration <= which.last]
    if which.skip_first_per_epoch is not None:
        skip = which.skip_first_per_epoch
        return [line for _, epoch in groupby(lines, _EPOCH) for line in list(epoch)[skip:]]
    begin = which.skip_first or int(len(lines) * (which.skip_fraction or 0.0))
    if which.last is True:
        begin = max(0, len(lines) - 1)
    return list(lines[begin : None if which.count is None else begin + which.count])


def _mean_of_epoch_means(lines: Sequence[Line]) -> float:
    means = [_mean(list(epoch)) for _, epoch in groupby(lines, _EPOCH)]
    return statistics.fmean(means)


def _mean(lines: Sequence[Line]) -> float:
    return statistics.fmean(line.value for line in lines)


# work_over_time is no statistic of printed numbers: the caller makes it of the time between lines.
STATISTICS: Mapping[str, Callable[[Sequence[Line]], float]] = {
    "mean": _mean,
    "median": lambda lines: statistics.median(line.value for line in lines),
    "single": lambda lines: lines[-1].value,
    "max": lambda lines: max(line.value for line in lines),
    "mean_of_epoch_means": _mean_of_epoch_means,
}
