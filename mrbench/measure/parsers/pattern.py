"""A format made of a recipe's own pattern, whose one expression has all groups."""

import re

from msgspec.structs import replace

from mrbench.errors import RecipeError
from mrbench.measure.log.patience import compiled
from mrbench.measure.parsers.base import RATES, TextFormat
from mrbench.model.logformat import LogFormat, Timing
from mrbench.model.work import Unit

UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "min": 60.0, "h": 3600.0}
SMOOTHED = ("interval_mean", *RATES)
SEE = "see the documentation of recipes"
_NUMBERED = ("iteration", "epoch", "per_epoch")


def from_pattern(log: LogFormat, unit: Unit | None = None) -> TextFormat:
    """Make a format of a recipe's own pattern, for work in that unit. Raises RecipeError.

    It runs over a megabyte of lines at a time, `^` and `$` meaning a line's: a pattern that crosses
    lines, or backtracks without bound (`(a+)+`, `.*` before the first literal), costs accordingly.
    """
    expression = _expression(log)
    groups = expression.groupindex
    missing = {"iteration", "value"} - set(groups)
    if "epoch" in groups and ("per_epoch" in groups or log.every):
        missing.discard("iteration")  # each line is about a whole epoch
    if missing == {"value"} and log.clock == "arrival":
        missing, log = set(), replace(log, timing="interval_mean", smoothing=None)
    if missing or log.timing is None:
        requirement = f"the group {min(missing)!r}" if missing else "`timing` beside it"
        if missing == {"value"}:
            requirement += ", or log.clock: arrival"
        raise RecipeError(f"log.pattern needs {requirement}", SEE)
    _check_keys(log, tells_work="work" in groups or "total_work" in groups)

    def of(name: str) -> re.Pattern[bytes] | None:
        return expression if name in groups else None

    return replace(
        _stated(log, log.timing, unit),
        number=expression,
        value=expression,
        loss=of("loss"),
        data=of("data"),
        work=of("work"),
        total_work=of("total_work"),
        paired=log.step_pattern is not None,
    )


def of_columns(log: LogFormat, unit: Unit | None = None) -> TextFormat:
    """Make a format of a recipe's columns, whose rows are no text. Raises RecipeError."""
    columns = log.columns
    if columns is None or (columns.value is None and columns.loss is None):
        raise RecipeError("log.columns needs `value`, or `loss` where only its rows count", SEE)
    if columns.value is None:
        log = replace(log, timing="interval_mean", smoothing=None, unit=None, per=None)
    if log.timing is None:
        raise RecipeError("log.columns needs `timing` beside it", SEE)
    _check_keys(log, tells_work=bool(columns.work or columns.total_work))
    return _stated(log, log.timing, unit)


def _stated(log: LogFormat, timing: Timing, unit: Unit | None) -> TextFormat:
    """Return what a recipe states of its values, wherever they stand."""
    return TextFormat(
        number=_NEVER,
        value=_NEVER,
        timing=timing,
        every=log.every,
        counts_from=log.counts_from,
        skipped=log.skipped,
        smoothing=log.smoothing,
        unit_s=UNITS.get(log.unit, 1.0) if log.unit else None,
        inverse=log.unit == "it/s",
        per=log.per,
        work_unit=unit,
        recounts=log.restarts,
    )


_NEVER = re.compile(rb"(?!)")


def _expression(log: LogFormat) -> re.Pattern[bytes]:
    pattern = compiled(log.pattern or "", key="log.pattern")
    if log.step_pattern is None:
        return pattern
    step = compiled(log.step_pattern, ("iteration",), key="log.step_pattern")
    twice = sorted(set(step.groupindex) & set(pattern.groupindex))
    twice += [name for name in _NUMBERED if name in pattern.groupindex and name not in twice]
    if twice:
        text = f"log.pattern has the group {twice[0]!r}, which belongs to log.step_pattern alone"
        raise RecipeError(text, "take it out of log.pattern")
    return compiled(f"(?:{log.step_pattern})|(?:{log.pattern})", key="log.step_pattern")


def _check_keys(log: LogFormat, *, tells_work: bool) -> None:
    """Refuse keys that say nothing of this kind of value. Raises RecipeError."""
    if log.smoothing and log.timing not in SMOOTHED:
        text = f"log.smoothing is for log.timing {', '.join(SMOOTHED)}, not {log.timing}"
        raise RecipeError(text, "leave it out")
    if log.per and log.timing != "rate":
        raise RecipeError(f"log.per is for log.timing rate, not {log.timing}", "leave it out")
    if log.per == "device" and tells_work:
        text = "the work that a line tells is of all devices, and the rate of one (log.per)"
        raise RecipeError(text, "leave out work and total_work, or log.per")
    if log.unit == "it/s" and log.timing not in ("interval_mean", "running_mean"):
        text = f"log.unit it/s is for log.timing interval_mean and running_mean, not {log.timing}"
        remedy = "leave it out"
        if log.timing in RATES:
            remedy = "say log.timing: iterations_per_second, and leave log.unit out"
        raise RecipeError(text, remedy)
