"""What stands around a printed value in its line, or in its column's name: its unit.

No recipe need repeat it. A unit that is there counts, or the value is unknown for a reason; it is
never passed over.
"""

import math
import re
from typing import NamedTuple

from mrbench.measure.parsers.base import RATES, TextFormat
from mrbench.model.finding import Problem
from mrbench.model.work import Unit, rate_name

_PREFIXES = {"k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "B": 1e9, "T": 1e12}
_NOUN = (
    rb"(?i:(?P<tokens>tok(?:en)?s?)|(?P<images>im(?:age|g)s?)|(?P<sequences>seq(?:uence)?s?)|"
    rb"(?P<samples>(?:sample|example)s?)|(?P<steps>its?|iter(?:ation)?s?|batch(?:es)?|steps?))"
)
_PER = rb"(?: ?/ ?| per |_per_)"
_DEVICE = (
    rb"(?: ?/ ?|[ _]?per[ _])(?i:gpu|device|dev|chip|tpu|npu|rank|accelerator)s?(?![A-Za-z0-9])"
)
_SECONDS = rb"s(?:ecs?|econds?)?"
_ELSE = rb"min(?:ute)?s?|h(?:(?:ou)?rs?)?|days?|ms"
# `ktok/s`, `K samples per sec`, `k/s`, `frames/gpu/min`
_RATE = (
    rb"(?:(?:(?P<prefix>[kKMGBT])[ \t]?)?"
    + _NOUN
    + rb"|(?P<lone>[kKMGT])(?:[ \t][A-Za-z]{1,15})?|(?P<other>[A-Za-z]{1,15})?)"
    + rb"(?P<inner>"
    + _DEVICE
    + rb")?"
    + _PER
    + rb"(?:"
    + _SECONDS
    + rb"|(?P<over>"
    + _ELSE
    + rb"))(?![A-Za-z0-9%])"
)
_TIME = rb"(?:(?P<ms>ms|msecs?|millisec(?:ond)?s?)|(?P<us>us|\xc2\xb5s|usecs?|microsec(?:ond)?s?))"
_EACH = _PER + rb"(?:it|iter|iteration|batch|step)s?\b"
_ITEM = _PER + rb"(?i:tok(?:en)?|im(?:age|g)|(?:ex|s)ample|seq(?:uence)?)s?\b"
_NEXT = rb"(?![\w%:=]|[ \t]{1,9}[-\d])"  # else it is the name of what comes next
_RATE_BEHIND = re.compile(rb"[\"']?[ \t]?" + _RATE + rb"(?![\"']?[ \t]{0,9}[:=])")
_NUMBER_NEXT = re.compile(rb"[ \t]{1,9}[-\d]")
_TIME_BEHIND = re.compile(
    rb"[\"']?[ \t]?(?:(?P<item>(?:"
    + _SECONDS
    + rb"|ms|us)"
    + _ITEM
    + rb")|(?P<slow>s(?:ec)?"
    + _EACH
    + rb")|"
    + _TIME
    + rb"(?![\w%]))"
)
_WEAK_BEHIND = re.compile(
    rb"[ \t]?(?:(?P<s>"
    + _SECONDS
    + rb")(?!/)|(?P<else>mins?|minutes?|hours?|h|ns|nanosec(?:ond)?s?))"
    + _NEXT
    + rb"|(?P<minutes>m)(?![\w%])"
)
_PREFIX_BEHIND = re.compile(rb"(?P<prefix>[kKMGBT])(?![\w%])|[ \t](?P<lone>[kKMG])" + _NEXT)
_CUT_BEHIND = re.compile(rb"[eE][-+]?\d|[mh]\d|(?P<clock>:\d\d)|(?P<comma>,\d{3}(?!\d))")
_DEVICE_BEHIND = re.compile(
    rb"[\"']?[ \t]?[A-Za-z]{0,15}(?:" + _PER + _SECONDS + rb"\b)?[)\]]?" + _DEVICE
)
_COLON = rb"[)\]]?[\"']?[ \t]?[:=]?[ \t]{0,9}[\"']?(?:[\d.]{1,20}/)?$"
_BEFORE = re.compile(
    rb"(?:(?<![A-Za-z0-9])(?<![\d.][ \t])(?<![\d.][ \t][kKMGBT][ \t])"
    + _RATE
    + rb"(?:[)\]]?"
    + _DEVICE
    + rb")?|(?:[(\[]|_)"
    + _TIME
    + _PER
    + rb"?(?:it|iter|iteration|batch|step)?s?|\b"
    + _TIME.replace(b"ms>", b"ms2>").replace(b"us>", b"us2>")
    + _EACH
    + rb"|[(\[](?P<s>"
    + _SECONDS
    + rb")|(?:[(\[]|_)(?P<else>mins?|minutes?|hours?|hrs?|h|ns|nanosec(?:ond)?s?))"
    + _COLON
)
# With a colon it is no unit of the number before it: `loss 4.98 tok/sec: 98600`
_RATE_NAMED = re.compile(rb"(?<![A-Za-z0-9])" + _RATE + rb"[)\]]?[\"']?[ \t]?[:=][ \t]{0,9}[\"']?$")
_DEVICE_BEFORE = re.compile(_DEVICE + _COLON)
_NO_WORK = re.compile(rb"(?i)(?:[kmgtp]?i?b|[kmgtp]?bytes?|[gtp]?flops?|epochs?)")
_WORK_BEHIND = re.compile(
    rb"[\"']?(?:(?P<prefix>[kKMGBT])(?![\w%])|[ \t]?(?:(?P<lone>[kKMGBT])[ \t]?)?"
    + _NOUN
    + rb"(?![\w/]|[\"']?[ \t]{0,9}[:=]|[ \t]{1,9}[-\d]))"
)
_WORK_BEFORE = re.compile(rb"(?<![A-Za-z0-9])" + _NOUN + rb"[\"']?[ \t]?[:=][ \t]{0,9}[\"']?$")
NEAR = 32  # bytes before and behind a value


class Meaning(NamedTuple):
    """What to make of a value: `seconds` of one unit of it, or it is a rate (inverse).

    scale: of a rate, e.g. 1000. untold: why it cannot be what the recipe says.
    """

    seconds: float
    inverse: bool = False
    untold: Problem | None = None
    scale: float = 1.0


def meaning(
    block: bytes, start: int, end: int, rule: TextFormat, line_end: int, *, closed: bool = True
) -> Meaning:
    """Return what a value at start..end means, by its neighbours and the recipe.

    Iterations per second stand where tqdm prints seconds per iteration if they are longer: each
    line says which. Minutes, hours and nanoseconds are what the recipe says they are. closed: the
    recipe's pattern goes on behind the value.
    """
    left, right = max(0, start - NEAR), min(line_end, end + NEAR)
    cut = _CUT_BEHIND.match(block, end, right)
    if cut and _is_cut(cut, block, start, end, closed=closed):
        return Meaning(1.0, untold=_CUT)
    shown = _RATE_BEHIND.match(block, end, right)
    if shown and _names_the_next(shown, block, rule):
        shown = None
    shown = shown or _TIME_BEHIND.match(block, end, right)
    shown = shown or _BEFORE.search(block, left, start)
    shown = shown or _RATE_NAMED.search(block, left, start)
    shown = shown or _PREFIX_BEHIND.match(block, end, right)
    shown = shown or _WEAK_BEHIND.match(block, end, right)
    if rule.timing == "rate" and rule.per is None and _of_one_device(block, start, end, shown):
        return Meaning(1.0, untold=_ONE_DEVICE)
    comma = _EITHER_COMMA.fullmatch(block, start, end)
    # of a small unit it stands between thousands
    large = shown is None or shown.re is _WEAK_BEHIND
    if comma and large and rule.unit_s is None and rule.timing not in RATES:
        return Meaning(1.0, untold=EITHER_COMMA)
    return _meant(shown, rule) if shown else Meaning(rule.unit_s or 1.0, inverse=rule.inverse)


def _meant(shown: re.Match[bytes], rule: TextFormat) -> Meaning:
    groups = {name: text for name, text in shown.groupdict().items() if text is not None}
    if shown.re is _PREFIX_BEHIND:
        return _prefixed(groups, rule)
    rate = shown.re in (_RATE_BEHIND, _RATE_NAMED) or (
        shown.re is _BEFORE and not groups.keys() & {*_UNITS_S, "else"}
    )
    return _rate(groups, rule) if rate else _time(groups, rule)


_UNITS_S = {"ms": 1e-3, "ms2": 1e-3, "us": 1e-6, "us2": 1e-6, "s": 1.0}


def of_column(name: str, rule: TextFormat) -> Meaning:
    """Return what the values of a result file's column mean, by its name and the recipe."""
    label = f"{name}:".encode()
    return meaning(label, len(label), len(label), rule, len(label))


def of_work(block: bytes, start: int, end: int, unit: Unit | None) -> Problem | None:
    """Return why the work at start..end cannot be counted in the workload's unit, or None."""
    shown = _WORK_BEHIND.match(block, end, end + NEAR)
    if shown and (shown["prefix"] or shown["lone"]):
        return _COARSE_WORK
    shown = shown or _WORK_BEFORE.search(block, max(0, start - NEAR), start)
    noun = next((n for n in _NOUNS if shown[n]), None) if shown else None
    return None if noun is None or _fits(noun, unit) else _other_noun(noun, unit)


def of_work_column(name: str, unit: Unit | None) -> Problem | None:
    """Return why a column's work cannot be counted in the workload's unit, or None."""
    label = f"{name}:".encode()
    return of_work(label, len(label), len(label), unit)


def of_wait(block: bytes, start: int, end: int, usual: float) -> float:
    """Return the seconds of one unit of a wait for data; usual: of the value's, if none stands."""
    shown = (
        _TIME_BEHIND.match(block, end, end + NEAR)
        or _BEFORE.search(block, max(0, start - NEAR), start)
        or _WEAK_BEHIND.match(block, end, end + NEAR)
    )
    groups = shown.groupdict() if shown else {}
    return next((seconds for name, seconds in _UNITS_S.items() if groups.get(name)), usual)


def apply(value: float, error: float, what: Meaning) -> tuple[float, float]:
    """Return a value and the bound of its error as the recipe's timing wants them."""
    factor = what.seconds * what.scale
    value, error = value * factor, error * factor
    if not what.inverse:
        return value, error
    if not value > 0:
        return math.nan, 0.0
    return 1 / value, error / value**2


def _is_cut(cut: re.Match[bytes], block: bytes, start: int, end: int, *, closed: bool) -> bool:
    """Return whether a number goes on behind what was taken for it: 1.5e-3, 1:30, 1m30s, 1,234."""
    if cut["comma"]:  # in `12,100,345` commas stand between columns
        columns = closed or block[start - 1 : start] == b","
        return not columns and block[start:end].isdigit()
    return cut["clock"] is None or block[start:end].isdigit()


def _names_the_next(shown: re.Match[bytes], block: bytes, rule: TextFormat) -> bool:
    """Return whether a rate's unit behind a time is the name of a number that follows."""
    if rule.timing in RATES or shown["steps"]:
        return False
    return _NUMBER_NEXT.match(block, shown.end()) is not None


def _of_one_device(block: bytes, start: int, end: int, shown: re.Match[bytes] | None) -> bool:
    groups = shown.groupdict() if shown else {}
    if groups.get("inner") or _DEVICE_BEHIND.match(block, end, end + NEAR):
        return True
    return _DEVICE_BEFORE.search(block, max(0, start - NEAR), start) is not None


def _scale(groups: dict[str, bytes]) -> float:
    letter = groups.get("prefix") or groups.get("lone") or b""
    return _PREFIXES.get(letter.decode(), 1.0)


def _rate(groups: dict[str, bytes], rule: TextFormat) -> Meaning:
    """Return what to make of a value whose unit is a rate's."""
    problem = _no_rate(groups, rule)
    if problem:
        return Meaning(1.0, untold=problem)
    inverse = "steps" in groups and rule.timing != "iterations_per_second"
    return Meaning(1.0, inverse=inverse, scale=_scale(groups))


def _no_rate(groups: dict[str, bytes], rule: TextFormat) -> Problem | None:
    """Return why a rate is not what the recipe says, or None."""
    if "over" in groups:
        return _OTHER_PACE
    if "steps" in groups:
        means = ("interval_mean", "running_mean", "iterations_per_second")
        return None if rule.timing in means else _CONTRADICTED
    if rule.timing != "rate":
        return _WORK_RATE
    noun = next((noun for noun in _NOUNS if noun in groups), None)
    if noun is not None and not _fits(noun, rule.work_unit):
        return _other_noun(noun, rule.work_unit)
    return _WORK_OF_NOTHING if _NO_WORK.fullmatch(groups.get("other", b"")) else None


def _prefixed(groups: dict[str, bytes], rule: TextFormat) -> Meaning:
    """Return what to make of a value with nothing but `k` or `M` behind it."""
    if rule.timing in RATES or rule.inverse:
        return Meaning(1.0, inverse=rule.inverse, scale=_scale(groups))
    return Meaning(1.0, untold=_NO_TIME)


def _time(groups: dict[str, bytes], rule: TextFormat) -> Meaning:
    """Return what to make of a value whose unit is a time's."""
    rate = rule.timing in RATES or rule.inverse
    if "slow" in groups and rate and rule.timing != "rate":
        return Meaning(1.0, inverse=rule.timing == "iterations_per_second")
    if "item" in groups or rate:
        return Meaning(1.0, untold=_PER_ITEM if "item" in groups else _TIME_NOT_RATE)
    if "else" in groups or "minutes" in groups:
        return Meaning(rule.unit_s or 1.0, untold=None if rule.unit_s else _UNKNOWN_UNIT)
    shown = next((seconds for name, seconds in _UNITS_S.items() if name in groups), 1.0)
    differs = rule.unit_s is not None and rule.unit_s != shown
    return Meaning(shown, untold=_OTHER_UNIT if differs else None)


_NOUNS: tuple[Unit, ...] = ("tokens", "images", "sequences", "samples", "steps")


def _fits(noun: Unit, unit: Unit | None) -> bool:
    """Return whether a log may call the workload's unit so: images and sequences are samples."""
    if unit is None or noun == unit:
        return True
    return "samples" in (noun, unit) and {noun, unit} <= {"samples", "images", "sequences"}


def _other_noun(noun: Unit, unit: Unit | None) -> Problem:
    own = unit or "images"
    return Problem(
        f"the log counts {noun} ({rate_name(noun)}) where workload.unit is {own}",
        f"state workload.unit: {noun}, with per_device in {noun} (mrbench parse: --unit {noun})",
    )


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
_OTHER_UNIT = Problem(
    "the log prints its time in another unit than log.unit says",
    "leave log.unit out, or correct it",
)
_WORK_RATE = Problem(
    "the log prints work per second where log.timing says another kind of value",
    "say log.timing: rate",
)
_TIME_NOT_RATE = Problem(
    "the log prints a time where the recipe says that it is a rate (log.timing, log.unit)",
    "say log.timing: interval_mean, interval_total or cumulative, and leave log.unit it/s out",
)
_PER_ITEM = Problem(
    "the log prints the time of one token, image or sample, not of an iteration (log.timing)",
    "let log.pattern find another figure, or leave value out and give log.clock: arrival",
)
_OTHER_PACE = Problem(
    "the log prints a rate per minute, hour, day or millisecond, not per second",
    "let log.pattern find another figure, or leave value out and give log.clock: arrival",
)
_WORK_OF_NOTHING = Problem(
    "the log prints bytes, operations or epochs per second, which are no work of the workload's"
    " unit (workload.unit)",
    "let log.pattern find another figure, or leave value out and give log.clock: arrival",
)
_ONE_DEVICE = Problem(
    "the log prints the rate of one device, and the recipe does not say whose rate it is",
    "state log.per: device, or log.per: job if it is that of all devices",
)
_NO_TIME = Problem(
    "behind its times the log prints k, M, G, B or T, which is no unit of time",
    "let log.pattern find another figure, or leave value out and give log.clock: arrival",
)
_CUT = Problem(
    "the log's number goes on behind what the group value takes of it (1.5e-3, 1,234, 1:30)",
    "let the group value of log.pattern take all of it; of h:mm:ss leave it out and give"
    " log.clock: arrival",
)
_COARSE_WORK = Problem(
    "the log prints its work in thousands or more (1.2M), too coarse to count an iteration's",
    "leave work and total_work out of log.pattern, and state workload.per_device",
)
