"""How a training's log is to be parsed, as recipes state it; no I/O."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from msgspec import Meta, Struct

from mrbench.model.doc import doc
from mrbench.model.inputs import Count, Words
from mrbench.model.metric import MetricName, MetricPattern

Clock = Literal["log", "arrival"]
Timing = Literal[
    "interval_mean", "running_mean", "rate", "iterations_per_second", "interval_total", "cumulative"
]
TimeUnit = Literal["s", "ms", "us", "min", "h", "it/s"]
Per = Literal["job", "device"]


class Columns(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which columns of a result file tell what, as a pattern's groups do."""

    iteration: Annotated[str, doc("The iteration; an event file's steps are called step.")] = "step"
    value: Annotated[
        str | None, doc("The value that timing describes; without one another clock leads.")
    ] = None
    loss: Annotated[str | None, doc("The loss.")] = None
    data: Annotated[str | None, doc("Time spent waiting for data, in the value's unit.")] = None
    work: Annotated[str | None, doc("Work of one iteration of all devices, e.g. its tokens.")] = (
        None
    )
    total_work: Annotated[
        str | None, doc("Work since the training began, all devices together.")
    ] = None
    stamp: Annotated[
        str | None,
        doc(
            "When the row was written: a date and time, or seconds or milliseconds since 1970. An"
            " event file has its own."
        ),
    ] = None


class LogFormat(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to parse the log: a format that mrbench knows, or a pattern and what its number means."""

    LATER: ClassVar[Mapping[str, object]] = {
        "smoothing": None,
        "unit": None,
        "epochs_from": None,
        "step_pattern": None,
        "columns": None,
        "file": None,
        "per": None,
        "restarts": False,
        "metrics": {},
        "means": {},
    }

    format: Annotated[
        str | None,
        doc(
            "Name of a log format that mrbench knows, e.g. detectron2. Give either this or pattern."
        ),
    ] = None
    pattern: Annotated[
        str | None,
        Meta(
            description="Regular expression of a log line with the groups iteration and value"
            " (without value only the arrival of the lines tells the seconds: clock: arrival);"
            " where the log counts within epochs, epoch and per_epoch; where it has them, loss and"
            " data (seconds spent waiting for data, meaned or summed as value is; with a rate,"
            " those of the interval), and the work that the log tells, in the workload's unit:"
            " work (of one iteration of all devices) or total_work (since the training began)."
            " Without iteration, a line is about a whole epoch: give epoch, and per_epoch or"
            " log.every.",
            examples=["iter: (?P<iteration>\\d+) loss: (?P<loss>\\S+) time: (?P<value>[\\d.]+) s"],
        ),
    ] = None
    step_pattern: Annotated[
        str | None,
        Meta(
            description="Where iteration stands in a line before that of value: regular expression"
            " of that line, with the group iteration (and epoch, per_epoch); pattern then has none"
            " of these.",
            examples=["^== step (?P<iteration>\\d+)"],
        ),
    ] = None
    file: Annotated[
        str | None,
        doc(
            "File below {output} that the training writes and that is the log, instead of what it"
            " prints: a path, or a glob pattern, e.g. logs/version_*/metrics.csv. It is followed"
            " while it grows, which is its arrival clock."
        ),
    ] = None
    columns: Annotated[
        Columns | None,
        doc(
            "Instead of format and pattern, for CSV with a header, JSON lines and TensorBoard's"
            " event files: the column, path of keys (data.step_time) or tag of each number."
        ),
    ] = None
    timing: Annotated[
        Timing | None,
        doc(
            "What value is. interval_mean: seconds per iteration, mean since the last log line."
            " running_mean: the same, mean over all iterations since `skipped`. rate: work"
            " (workload.unit) per second since the last log line; per says whose."
            " iterations_per_second: the same of iterations. interval_total: seconds since the last"
            " log line. cumulative: seconds since the training began, or since `skipped`."
        ),
    ] = None
    unit: Annotated[
        TimeUnit | None,
        doc(
            "Unit of value where it is a time, and of data: s, ms, us, min or h; it/s where value"
            " is iterations per second and timing a mean. Default: what stands right behind the"
            " value (500ms) or in brackets before it ((ms): 500), else s."
        ),
    ] = None
    per: Annotated[
        Per | None,
        doc(
            "Whose rate value is, with timing: rate: of the whole job, the default, or of one"
            " device."
        ),
    ] = None
    every: Annotated[
        Count | None,
        doc(
            "Iterations from one log line to the next, e.g. 20. Where the lines show another"
            " interval, that counts."
        ),
    ] = None
    counts_from: Annotated[
        int, doc("Number that the log prints for the first iteration: 0 or 1.")
    ] = 1
    epochs_from: Annotated[
        Literal[0, 1] | None,
        doc(
            "Number that the log prints for the first epoch: 0 or 1. Default: the format's; for a"
            " pattern, 0 if the log prints an epoch 0, else 1."
        ),
    ] = None
    skipped: Annotated[
        int,
        Meta(
            ge=0,
            description="Iterations at the start that a running_mean leaves out, e.g. 2; or after"
            " which the clock of a cumulative value is set to 0.",
        ),
    ] = 0
    restarts: Annotated[
        bool,
        doc(
            "Whether iteration begins anew in each epoch though the line prints no epoch; else a"
            " smaller number means that the training was started again."
        ),
    ] = False
    smoothing: Annotated[
        Count | None,
        doc(
            "Iterations that value is the mean of, however often a line comes, e.g. 50, or 1 for"
            " the last one's alone; for an interval_mean, a rate or iterations_per_second, and for"
            " formats whose log does not state it. Default: what the log states; of a pattern:"
            " value covers the iterations since the last log line."
        ),
    ] = None
    clock: Annotated[
        Clock, doc("Clock that leads: the log's own numbers, or the arrival of its lines.")
    ] = "log"
    keep: Annotated[
        Words,
        doc(
            "Small files below {output} to keep with the run, as glob patterns, e.g. metrics.json."
        ),
    ] = ()
    states: Annotated[
        Mapping[str, str],
        doc(
            "What else the log states of its workload, as regular expressions with a group around"
            " the value, or with the groups rate and seconds, whose product it is. Keys:"
            " work_per_iteration, samples_per_step (of an optimizer step), per_device, gpus,"
            " precision, image_size (groups short and long), iterations_per_epoch."
        ),
    ] = {}
    means: Annotated[
        Mapping[str, Mapping[str, str]],
        doc(
            "What a value that the log states is in the recipe's words, by key of `states`, e.g."
            ' {precision: {"False": float32}} of a log that says amp=False. Other values are taken'
            " as they are."
        ),
    ] = {}
    metrics: Annotated[
        Mapping[MetricName, MetricPattern],
        doc(
            "Other values that the log prints, such as memory or the gradient's norm: a pattern, a"
            " unit and an aggregation over the window for each name."
        ),
    ] = {}
