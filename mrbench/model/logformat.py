"""How a training's log is to be parsed, as recipes state it; no I/O."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from msgspec import Meta, Struct

from mrbench.model.inputs import Count, Words

Clock = Literal["log", "arrival"]
Timing = Literal[
    "interval_mean",
    "running_mean",
    "rate",
    "iterations_per_second",
    "interval_total",
    "cumulative",
]
Unit = Literal["s", "ms", "us"]


class LogFormat(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to parse the log: a format that mrbench knows, or a pattern and what its number means."""

    LATER: ClassVar[Mapping[str, object]] = {
        "smoothing": None,
        "unit": None,
        "epochs_from": None,
    }

    format: Annotated[
        str | None,
        Meta(
            description="Name of a log format that mrbench knows, e.g. detectron2. Give either"
            " this or pattern."
        ),
    ] = None
    pattern: Annotated[
        str | None,
        Meta(
            description="Regular expression of a log line with the groups iteration and value"
            " (without value only the arrival of the lines tells the seconds: clock: arrival);"
            " where the log counts within epochs, epoch and per_epoch; where it has them, loss and"
            " data (seconds spent waiting for data, meaned or summed as value is; with a rate,"
            " those of the interval).",
            examples=["iter: (?P<iteration>\\d+) loss: (?P<loss>\\S+) time: (?P<value>[\\d.]+) s"],
        ),
    ] = None
    timing: Annotated[
        Timing | None,
        Meta(
            description="What value is. interval_mean: seconds per iteration, mean since the last"
            " log line. running_mean: the same, mean over all iterations since `skipped`. rate:"
            " work (workload.unit) per second since the last log line. iterations_per_second: the"
            " same of iterations. interval_total: seconds since the last log line. cumulative:"
            " seconds since the training began."
        ),
    ] = None
    unit: Annotated[
        Unit | None,
        Meta(
            description="Unit of value where it is a time, and of data: s, ms or us. Default: what"
            " stands right behind the value (500ms) or in brackets before it ((ms): 500), else s."
        ),
    ] = None
    every: Annotated[
        Count | None,
        Meta(
            description="Iterations from one log line to the next, e.g. 20. Where the lines show"
            " another interval, that counts."
        ),
    ] = None
    counts_from: Annotated[
        int, Meta(description="Number that the log prints for the first iteration: 0 or 1.")
    ] = 1
    epochs_from: Annotated[
        Literal[0, 1] | None,
        Meta(
            description="Number that the log prints for the first epoch: 0 or 1. Default: the"
            " format's; for a pattern, 0 if the log prints an epoch 0, else 1."
        ),
    ] = None
    skipped: Annotated[
        int,
        Meta(ge=0, description="Iterations at the start that a running_mean leaves out, e.g. 2."),
    ] = 0
    smoothing: Annotated[
        Count | None,
        Meta(
            description="Iterations that value is the mean of, however often a line comes, e.g. 50;"
            " for an interval_mean, and for formats whose log does not state it. Default: what the"
            " log states; of a pattern: value covers the iterations since the last log line."
        ),
    ] = None
    clock: Annotated[
        Clock,
        Meta(description="Clock that leads: the log's own numbers, or the arrival of its lines."),
    ] = "log"
    keep: Annotated[
        Words,
        Meta(
            description="Small files below {output} to keep with the run, as glob patterns, e.g."
            " metrics.json."
        ),
    ] = ()
    states: Annotated[
        Mapping[str, str],
        Meta(
            description="What else the log states of its workload, as regular expressions with a"
            " group around the value. Keys: work_per_iteration, per_device, gpus, precision,"
            " image_size (groups short and long), iterations_per_epoch."
        ),
    ] = {}
