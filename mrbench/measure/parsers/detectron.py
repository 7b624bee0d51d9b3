"""Detectron, detectron2 and maskrcnn-benchmark: means that run on from line to line.

Detectron (Caffe2): the json_stats line, its floats quoted (today's master) or bare. `time` is the
mean since the timer's only reset, which comes after the 21st iteration (0-based 20); iterations are
counted from 0, so that the marks are 1, 21, 41 ... counted from 1.

detectron2: the events printer's line of 2019 and of today, and metrics.json. `time:` is the mean
since the process's third iteration (IterationTimer skips two), but `data_time:` the mean of the
last 20; iterations are counted from 0. Today's printer adds `last_time:` and `last_data_time:`,
which are one iteration alone. metrics.json holds the median of the last 20 iterations instead,
which no arithmetic turns into a mean.

maskrcnn-benchmark, and NVIDIA's MLPerf branch of it, of which every rank may print. `time: median
of 20 (mean since iteration 1)`: the mean in parentheses is the one that can be undone, and so is
that of `data:`. Iterations are counted from 1. Lines of the validation look alike but for their
head.
"""

import re

from mrbench.measure.parsers.base import GAP, ITER, LOSS, NUMBER, TextFormat, field, json_field

_MEAN = rb"[^ \t]{1,30}[ \t]{1,40}\(" + GAP + NUMBER + GAP + rb"\)"

DETECTRON = TextFormat(
    number=re.compile(
        rb'"iter"[ \t]{0,40}:[ \t]{0,40}"?(?P<iteration>\d{1,12})"?[ \t]{0,40}(?=[,}])'
    ),
    value=json_field(b"time"),
    loss=json_field(b"loss", LOSS),
    head=re.compile(rb"json_stats:"),
    json=True,
    allocated_mib=json_field(b"mem"),
    timing="running_mean",
    every=20,
    counts_from=0,
    skipped=21,
)
DETECTRON2 = TextFormat(
    number=ITER,
    value=field(b"time", end=rb"(?:[ \t]++(?!\()|[\r\n])"),  # the other's has a mean in parentheses
    loss=field(b"total_loss", LOSS),
    data=field(b"data_time"),
    allocated_mib=re.compile(rb"\bmax_mem: (\d{1,9})M(?!\w)"),
    timing="running_mean",
    every=20,
    counts_from=0,
    skipped=2,
    data_over=20,
    begins=re.compile(rb"Starting training from iteration (?P<iteration>\d{1,12})(?!\d)"),
)
METRICS = TextFormat(
    number=re.compile(
        rb'\{(?=[^{}\r\n]*"lr"[ \t]{0,40}:)[^{}\r\n]*'
        rb'"iteration"[ \t]{0,40}:[ \t]{0,40}"?(?P<iteration>\d{1,12})"?[ \t]{0,40}[,}]'
    ),
    value=json_field(b"time"),
    loss=json_field(b"total_loss", LOSS),
    data=json_field(b"data_time"),
    json=True,
    timing="interval_mean",
    every=20,
    counts_from=0,
    smoothing=20,
    step=0.0,
    warning="metrics.json holds medians of 20 iterations, not means; measure from log.txt",
)
MASKRCNN_BENCHMARK = TextFormat(
    number=ITER,
    value=field(b"time", _MEAN, b""),
    loss=field(b"loss", LOSS),
    data=field(b"data", _MEAN, b""),
    # not `[Validation]: eta:`, of which a terminal may have wrapped the rest off its beginning
    head=re.compile(rb"\w:[ \t]{0,40}(?:eta:|$)"),
    allocated_mib=field(b"max mem"),
    timing="running_mean",
    every=20,
    begins=re.compile(rb"trainer(?: INFO)?: ?Start training"),
)
