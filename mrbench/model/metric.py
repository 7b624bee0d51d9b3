"""Metrics: other values than the time that a log prints, over the window; no I/O."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from mrbench.model.doc import doc
from mrbench.text import counted, four_digits

Aggregation = Literal["mean", "last", "max", "min"]
# Columns of the table that mrbench fills itself, but mfu: the one of the log stands beside it.
RESERVED = (
    *("implementation", "title", "framework", "commit", "gpus", "hardware", "window", "throughput"),
    *("interval", "per_gpu", "n", "spread", "scaling", "energy", "allocated", "gpu_memory"),
    *("process_memory", "relative", "published", "by_rule", "ratio", "status", "run"),
)
MetricName = Annotated[str, Meta(pattern="^[a-z][a-z0-9_]{0,39}$")]


class MetricPattern(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a metric stands in the log, and what becomes of its values over the window."""

    pattern: Annotated[
        str | None,
        Meta(
            description="Regular expression of a log line with the group value. The values between"
            " the window's first and last log line count; with a group iteration, counted as the"
            " log counts them, those of the window's iterations.",
            examples=["max mem: (?P<value>[\\d.]+)"],
        ),
    ] = None
    column: Annotated[
        str | None,
        doc(
            "Of a result file, in place of a pattern: the column that has the value, as in"
            " log.columns. The rows of the window's iterations count."
        ),
    ] = None
    unit: Annotated[
        str, Meta(max_length=20, description="Unit of the value, e.g. GiB. Default: none.")
    ] = ""
    aggregation: Annotated[
        Aggregation, doc("What becomes of the window's values: mean, last, max or min.")
    ] = "mean"
    description: Annotated[str, doc("What the value is, in words, for the text below a table.")] = (
        ""
    )


class Metric(Struct, frozen=True, kw_only=True):
    """A metric's value over the window, or why there is none."""

    value: Annotated[float | None, doc("The value; null where it is not known.")]
    unit: Annotated[str, doc("Its unit; else empty.")] = ""
    aggregation: Annotated[Aggregation, doc("What it is of the values that the log prints.")] = (
        "mean"
    )
    count: Annotated[int, doc("Number of values that the window has.")] = 0
    reason: Annotated[str, doc("Why there is no value; else empty.")] = ""
    description: Annotated[str, doc("What the recipe says that it is.")] = ""

    def __str__(self) -> str:
        """Return `max 12.3 GiB, of 20 values`, or why there is none."""
        if self.value is None:
            return f"none: {self.reason}"
        return f"{self.aggregation} {self.shown}, of {counted(self.count, 'value')}"

    @property
    def shown(self) -> str:
        """The value to four digits, with its unit; a dash where there is none."""
        if self.value is None:
            return "-"
        return f"{four_digits(self.value)} {self.unit}".rstrip()
