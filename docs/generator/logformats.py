"""The page of log formats, made from the parsers' registry."""

from importlib import import_module
from typing import TYPE_CHECKING

from mrbench.measure import parsers
from mrbench.model.logformat import LogFormat
from pages import cell

if TYPE_CHECKING:
    from mrbench.measure.parsers.base import TextFormat

INTRO = """\
# Log formats

The formats that `log.format` in a recipe and `mrbench parse --format` accept. mrbench recognises
them by their lines; [Logs you already have](../logs.md) shows how to parse one. A log of another
format needs a [pattern](../recipe.md#describe-the-log).

Memory: whether the log prints the most GPU memory that the framework had allocated, in MiB (bytes
of its allocator by 2^20), if the training has a GPU.

| format | the printed number | iterations count from | memory | to know |
|---|---|---|---|---|
"""
TIMINGS = {
    "interval_mean": "seconds per iteration, mean since the last line",
    "running_mean": "seconds per iteration, mean since the start",
    "rate": "units of work per second since the last line",
    "iterations_per_second": "iterations per second since the last line",
    "interval_total": "seconds since the last line",
    "cumulative": "seconds since the training began",
}


def page() -> str:
    """Return the page."""
    rows = [_row(name) for name in parsers.FORMAT_NAMES]
    modules: dict[str, list[str]] = {}
    for name, (module, _) in {**parsers.FORMATS, **parsers.PARSERS}.items():
        modules.setdefault(module, []).append(name)
    lines = [INTRO + "\n".join(rows)]
    for module, names in sorted(modules.items(), key=lambda item: item[1]):
        doc = import_module(f"{parsers.__name__}.{module}").__doc__ or ""
        lines += ["", f"## {', '.join(names)}", "", doc.strip()]
    return "\n".join(lines) + "\n"


def _row(name: str) -> str:
    if name not in parsers.FORMATS:
        clock = "; the arrival clock leads" if name in parsers.ROUGH else ""
        needs = "needs `--every N`" if name in parsers.UNSPACED else ""
        return f"| `{name}` | times of steps or epochs{clock} | | | {needs} |"
    module, constant = parsers.FORMATS[name]
    rule: TextFormat = getattr(import_module(f"{parsers.__name__}.{module}"), constant)
    what = TIMINGS[rule.timing]
    if rule.smoothing == 1:
        what = "seconds of the last iteration alone"
    elif rule.smoothing:
        what = f"seconds per iteration, mean of the last {rule.smoothing} iterations"
    elif rule.smoothing == 0:
        what = "seconds per iteration, mean of the last N iterations, N as the log states it"
    if rule.per == "device":
        what += ", of one device"
    if rule.skipped:
        what += f", without the first {rule.skipped}"
    warning = parsers.warning_of(LogFormat(format=name))
    memory = "yes" if rule.allocated_mib else ""
    return f"| `{name}` | {what} | {rule.counts_from} | {memory} | {cell(warning)} |"
