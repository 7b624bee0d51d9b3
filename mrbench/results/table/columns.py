"""The columns of the table: what each is called, what stands in its cells, and what that means."""

import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from msgspec import UNSET

from mrbench.model.measurement import Interval
from mrbench.model.mfu import percent
from mrbench.model.suite import Suite
from mrbench.model.table import TableRow
from mrbench.results import byrule, pareto
from mrbench.results.selection import n_of_m
from mrbench.text import four_digits, one_line

LONGEST_REASON = 50
OUT_OF_MEMORY = "out of memory"  # a result, as a number is; what was said of it stands below
GIB = 1 << 30
PEAK = "the highest sample of the window, of the run with the most"
P95 = " (p95)"
ONLY_P95 = "(p95): the value that 95 % of the window lies below; older records have no peak."
INTERVAL = (
    "\u00b1, or low to high: 95 % interval; of a single run (n = 1) within that run, which says"
    " nothing about the next run; of several for the mean of the next runs."
)


@dataclass(frozen=True)
class Column:
    """One column: its header, its cell, the keys of a row that it is made of (CSV, JSON, sorting).

    meaning: printed below the table where a row has one of `keys`. In header and meaning {unit},
    {one} and {rate} stand for what the table's throughputs count. on_cpu: whether it tells anything
    of what trained on CPUs.
    """

    header: str
    cell: Callable[[Suite, TableRow], str]
    keys: tuple[str, ...]
    right: bool = False
    default: bool = True
    meaning: str = ""
    on_cpu: bool = True


def value(row: TableRow, key: str) -> object:
    """Return a row's value by its key in JSON, metrics.NAME of a metric; None where it has none."""
    key, _, name = key.partition(".")
    content = getattr(row, key)
    if name:
        metric = content.get(name)
        return metric and metric.value
    return None if content is UNSET else content


def with_interval(row: TableRow, *, per_gpu: bool = False) -> str:
    """Return `59.1 ± 0.4` or `33 (14 to 154)`, or the number alone if it has no interval.

    per_gpu: of one GPU.
    """
    rate, low, high = row.throughput, row.low_throughput, row.high_throughput
    if per_gpu:
        rate, low = row.throughput_per_device, row.low_throughput_per_device
        high = row.high_throughput_per_device
    if rate is None:
        return "-"
    if low is None or high is None:
        return f"{rate:.2f} ({row.aggregation})" if row.aggregation else f"{rate:.2f}"
    return str(Interval(throughput=rate, low=low, high=high))


def shortened(reason: str) -> str:
    """Return a reason in one line that fits a cell; the whole one is then printed below."""
    return textwrap.shorten(one_line(reason), LONGEST_REASON, placeholder=" ...")


def _implementation(_: Suite, row: TableRow) -> str:
    marked = f"{row.name} {pareto.MARK}" if row.pareto else row.name
    return f"{marked} [{row.footnote_number}]" if row.footnote else marked


def _low_to_high(_: Suite, row: TableRow) -> str:
    low, high = row.low_throughput, row.high_throughput
    return "-" if low is None or high is None else f"{four_digits(low)} to {four_digits(high)}"


def _between_runs(_: Suite, row: TableRow) -> str:
    deviation = row.deviation_throughput
    if deviation is None or row.throughput is None:
        return "-"
    return f"{deviation / row.throughput:.1%}"


def _scaling(_: Suite, row: TableRow) -> str:
    if not row.scaling_efficiency:
        return "-"
    text = f"{row.scaling_efficiency:.1%}"
    low, high = row.low_scaling_efficiency, row.high_scaling_efficiency
    return text if low is None or high is None else f"{text} ({100 * low:.1f} to {high:.1%})"


def _published(_: Suite, row: TableRow) -> str:
    published = row.published_throughput
    return f"{published:g}" if published else "-"


def _by_rule(_: Suite, row: TableRow) -> str:
    if row.by_rule is None:
        return "none" if row.by_rule_reason else "-"
    text = byrule.amount(row.by_rule, row.by_rule_unit or "")
    return text if row.by_rule_difference is None else f"{text} ({row.by_rule_difference:+.1%})"


def _ratio(_: Suite, row: TableRow) -> str:
    if row.ratio:
        return f"{row.ratio:.2f}"
    if row.published_throughput and row.throughput:
        return "other hardware" if row.pinned else "other commit"
    return "-"


def _relative(_: Suite, row: TableRow) -> str:
    ratio, low, high = row.relative, row.low_relative, row.high_relative
    if not isinstance(ratio, float):
        return row.relative_reason or "-"
    if not isinstance(low, float) or not isinstance(high, float):
        return "1" if ratio == 1 else f"{ratio:.3f}"
    return str(Interval(throughput=ratio, low=low, high=high))


def _status(_: Suite, row: TableRow) -> str:
    if row.status == "out_of_memory":
        return OUT_OF_MEMORY
    if row.validity == "invalid":
        return f"invalid: {shortened(row.reason)}"
    text = row.validity.removesuffix(" with notes")
    if row.notes:
        text += f", {len(row.notes)} note{'s' if len(row.notes) > 1 else ''}"
    if row.failed_repeats:
        text += f", {row.failed_repeats} of {row.failed_repeats + row.repeats} left out"
    return text


def _gib(*keys: str) -> Callable[[Suite, TableRow], str]:
    """Return what writes the first of these that is known, in GiB: a peak, or else the p95."""

    def cell(_: Suite, row: TableRow) -> str:
        for key, mark in zip(keys, ("", P95), strict=False):
            content = value(row, key)
            if isinstance(content, int):
                return f"{content / GIB:.2f}{mark}"
        return "-"

    return cell


def _mfu(_: Suite, row: TableRow) -> str:
    printed = "" if row.mfu_printed is None else f" (log: {percent(row.mfu_printed)})"
    return "-" + printed if row.mfu is None else f"{percent(row.mfu)}{printed}"


def _plain(key: str) -> Callable[[Suite, TableRow], str]:
    def cell(_: Suite, row: TableRow) -> str:
        content = value(row, key)
        return "-" if content is None or content == "" else str(content)

    return cell


COLUMNS: Mapping[str, Column] = {
    "implementation": Column(
        "Implementation", _implementation, ("name", "implementation", "footnote_number", "footnote")
    ),
    "title": Column("Title", _plain("title"), ("title",), default=False),
    "framework": Column("Framework", _plain("framework"), ("framework",)),
    "commit": Column("Commit", lambda _, row: row.commit[:12], ("commit",), default=False),
    "gpus": Column("Devices", _plain("gpus"), ("gpus",), right=True, default=False),
    "hardware": Column("Hardware", _plain("hardware"), ("hardware",), default=False),
    "window": Column("Window", _plain("window"), ("window",), default=False),
    "throughput": Column(
        "Throughput ({rate})",
        lambda _, row: with_interval(row),
        ("throughput", "low_throughput", "high_throughput"),
        right=True,
    ),
    "interval": Column(
        "95 % interval",
        _low_to_high,
        ("low_throughput", "high_throughput"),
        right=True,
        default=False,
        meaning="95 % interval: {unit} per second, low to high.",
    ),
    "per_gpu": Column(
        "Per device ({rate})",
        lambda _, row: with_interval(row, per_gpu=True),
        (
            "throughput_per_device",
            "low_throughput_per_device",
            "high_throughput_per_device",
        ),
        right=True,
        default=False,
        meaning="Per device: {unit} per second by the number of GPUs, or of CPUs' processes.",
    ),
    "n": Column(
        "n", lambda _, row: n_of_m(row), ("repeats", "ledger_runs", "ledger_missing"), right=True
    ),
    "spread": Column(
        "Between runs",
        _between_runs,
        ("deviation_throughput",),
        right=True,
        meaning="Between runs: their standard deviation.",
    ),
    "scaling": Column(
        "Scaling",
        _scaling,
        (
            "scaling_efficiency",
            "low_scaling_efficiency",
            "high_scaling_efficiency",
            "scaling_from_gpus",
        ),
        right=True,
        meaning=(
            "Scaling: {unit} per second per device, as a share of those on the fewest devices of"
            " the same plan and machine; with its 95 % interval where both have two runs or more."
        ),
    ),
    "energy": Column(
        "J/{one}",
        lambda _, row: "-" if row.joules_per_unit is None else f"{row.joules_per_unit:.3g}",
        ("joules_per_unit",),
        right=True,
        meaning="J/{one}: joules that the GPUs took for each {one} of the window.",
    ),
    "mfu": Column(
        "MFU",
        _mfu,
        ("mfu", "mfu_reason", "mfu_printed", "mfu_difference"),
        right=True,
        meaning=(
            "MFU: operations of the model per second and device, as a share of the GPU's dense"
            " peak; in brackets the one that the log prints."
        ),
        on_cpu=False,
    ),
    "allocated": Column(
        "Allocated (GiB)",
        _gib("peak_allocated_bytes"),
        ("peak_allocated_bytes",),
        right=True,
        meaning=(
            "Allocated: the most GPU memory that the framework had allocated on one GPU, as the"
            " log prints it."
        ),
    ),
    "gpu_memory": Column(
        "GPU memory (GiB)",
        _gib("gpu_memory_peak_bytes", "gpu_memory_p95_bytes"),
        ("gpu_memory_peak_bytes", "gpu_memory_p95_bytes"),
        right=True,
        meaning=f"GPU memory: in use on the fullest GPU, as NVML reports it; {PEAK}.",
    ),
    "process_memory": Column(
        "Process memory (GiB)",
        _gib("process_memory_peak_bytes", "process_memory_p95_bytes"),
        ("process_memory_peak_bytes", "process_memory_p95_bytes"),
        right=True,
        default=False,
        meaning=(
            "Process memory: resident memory of the training's processes on one machine, shared"
            f" pages once for each process; {PEAK}."
        ),
    ),
    "relative": Column(
        "Relative",
        _relative,
        ("relative", "low_relative", "high_relative", "relative_to", "relative_reason"),
        right=True,
    ),
    "published": Column("Published", _published, ("published_throughput", "reference"), right=True),
    "by_rule": Column(
        "By their rule",
        _by_rule,
        ("by_rule", "by_rule_unit", "by_rule_difference", "by_rule_reason"),
        right=True,
        meaning=(
            "By their rule: what the published table's rule makes of the newest valid run's own"
            " log, and how that differs from its number here."
        ),
    ),
    "ratio": Column(
        "Ratio",
        _ratio,
        ("ratio", "same_hardware"),
        right=True,
        meaning="Ratio: measured by published, only on the hardware that was published.",
    ),
    "status": Column(
        "Status", _status, ("validity", "status", "reason", "notes", "failed_repeats")
    ),
    "run": Column("Run", lambda _, row: row.runs[-1], ("folder", "runs", "folders"), default=False),
}


# Columns that a narrow terminal goes without, the first to go first.
DISPENSABLE = (
    *("framework", "by_rule", "published", "allocated", "energy", "mfu", "gpu_memory", "spread"),
    *("ratio", "scaling", "relative", "n"),
)


def known(column: Column, rows: Sequence[TableRow]) -> bool:
    """Tell whether any row has a value in a column."""
    telling = [row for row in rows if column.on_cpu or row.accelerator != "cpu"]
    contents = (value(row, key) for row in telling for key in column.keys)
    return any(content is not None and content is not False for content in contents)
