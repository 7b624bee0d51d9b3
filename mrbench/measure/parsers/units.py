"""What stands around a printed value in its line: its unit, which no recipe need repeat."""

import math
import re
from typing import NamedTuple

from mrbench.measure.parsers.base import RATES, TextFormat
from mrbench.model.finding import Problem

_TIME = rb"(?:(?P<ms>ms|msecs?|millisec(?:ond)?s?)|(?P<us>us|\xc2\xb5s|usecs?|microsec(?:ond)?s?))"
_BEHIND = re.compile(
    rb"[\"']?[ \t]?(?:(?P<rate>it|iter|iters|iterations|batch|batches|steps?)/s(?:ec)?\b|"
    rb"(?P<time>s(?:ec)?/(?:it|iter|iteration|batch|step)\b)|" + _TIME + rb"(?![\w%]))"
)
_PER = rb"(?:(?: ?/ ?| per |_per_)(?:it|iter|iteration|batch|step)s?)"
_COLON = rb"[)\]]?[\"']?[ \t]?[:=]?[ \t]{0,9}[\"']?(?:[\d.]{1,20}/)?$"
_BEFORE = re.compile(
    rb"(?:(?:[(\[]|_)" + _TIME + _PER + rb"?|"
    rb"\b" + _TIME.replace(b"ms>", b"ms2>").replace(b"us>", b"us2>") + _PER + rb")" + _COLON
)
# Units that no value is turned from; `min` before a number or a colon is the least of something.
_OTHER = re.compile(
    rb"[ \t]?(?:min|mins|minutes?|hours?|h|ns|nanosec(?:ond)?s?)(?![\w%:=]|[ \t]{1,9}[-\d])"
)
_OTHER_BEFORE = re.compile(
    rb"(?:[(\[](?:min|minutes?|hours?|ns)|_(?:ns|minutes|hours|nanosec(?:ond)?s))" + _COLON
)
NEAR = 32  # bytes before and behind a value


class Meaning(NamedTuple):
    """What to make of a value: `seconds` of one unit of it, or it is a rate (inverse).

    untold: why it cannot be what the recipe says.
    """

    seconds: float
    inverse: bool = False
    untold: Problem | None = None


def meaning(block: bytes, start: int, end: int, rule: TextFormat, line_end: int) -> Meaning:
    """Return what a value at start..end means, by its neighbours and the recipe.

    Iterations per second stand where tqdm prints seconds per iteration if they are longer: each
    line says which. What the recipe says of the unit counts more than the line.
    """
    rate = rule.timing in RATES
    behind = _BEHIND.match(block, end, min(line_end, end + NEAR))
    if behind and behind["rate"] and rule.timing != "iterations_per_second":
        if rule.timing in ("interval_mean", "running_mean"):
            return Meaning(1.0, inverse=True)
        return Meaning(1.0, untold=_CONTRADICTED)
    if rate:
        slow = behind is not None and behind["time"] and rule.timing == "iterations_per_second"
        return Meaning(1.0, inverse=bool(slow))
    if rule.unit_s is not None:
        return Meaning(rule.unit_s, inverse=rule.inverse)
    shown = behind if behind and (behind["ms"] or behind["us"]) else None
    shown = shown or _BEFORE.search(block, max(0, start - NEAR), start)
    if shown is None:
        other = _OTHER.match(block, end, min(line_end, end + NEAR))
        other = other or _OTHER_BEFORE.search(block, max(0, start - NEAR), start)
        comma = EITHER_COMMA if _EITHER_COMMA.fullmatch(block, start, end) else None
        return Meaning(1.0, untold=comma if other is None else _UNKNOWN_UNIT)
    groups = shown.groupdict()
    return Meaning(1e-3 if groups["ms"] or groups.get("ms2") else 1e-6)


def apply(value: float, error: float, what: Meaning) -> tuple[float, float]:
    """Return a value and the bound of its error as the recipe's timing wants them."""
    if not what.inverse:
        return value * what.seconds, error * what.seconds
    if not value > 0:
        return math.nan, 0.0
    return 1 / value, error / value**2


# 2,412 may be 2.412 s, but 412,000 or 2,412 ms are thousands
_EITHER_COMMA = re.compile(rb"\d{1,2},\d{3}")
HAS_COMMA = re.compile(rb"\d{1,9},\d{1,9}")
EITHER_COMMA = Problem(
    "the commas of its times may stand for decimal points or between thousands",
    "replace those between digits by points, and parse the result; or state log.unit",
)
_CONTRADICTED = Problem(
    "the log prints iterations per second where the recipe's log.timing says another kind of value",
    "say log.timing: iterations_per_second",
)
_UNKNOWN_UNIT = Problem(
    "the log prints its time in minutes, hours or nanoseconds, which only log.unit can confirm",
    "state log.unit if it is one of s, ms, us, min, h; or leave value out of log.pattern and give"
    " log.clock: arrival",
)
