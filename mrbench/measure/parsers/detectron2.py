"""detectron2: the events printer's line of 2019 and of today, and metrics.json.

`time:` is the mean since the process's third iteration (IterationTimer skips two), but `data_time:`
the mean of the last 20; iterations are counted from 0. Today's printer adds `last_time:` and
`last_data_time:`, which are one iteration alone. metrics.json holds the median of the last 20
iterations instead, which no arithmetic turns into a mean.
"""

import re

from mrbench.measure.parsers.base import ITER, LOSS, TextFormat, field, json_field

TEXT = TextFormat(
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
