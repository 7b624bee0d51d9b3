"""detectron2: the events printer's line of 2019 and of today, and metrics.json.

`time:` is the mean since the process's third iteration (IterationTimer skips two); iterations are
counted from 0. Today's printer adds `last_time:`, which is one iteration alone. metrics.json holds
the median of the last 20 iterations instead, which no arithmetic turns into a mean.
"""

import re

from mrbench.parsers.base import LOSS, NUMBER, TextFormat

TEXT = TextFormat(
    number=re.compile(rb"iter: (?P<iteration>\d{1,12})(?=  )"),
    value=re.compile(rb"(?<![\w.])time: " + NUMBER + rb"(?=  |\s*$)"),
    loss=re.compile(rb"(?<!\w)total_loss: " + LOSS),
    timing="running_mean",
    every=20,
    counts_from=0,
    skipped=2,
    begins=re.compile(rb"Starting training from iteration (?P<iteration>\d{1,12})"),
)
METRICS = TextFormat(
    number=re.compile(rb'"iteration": (?P<iteration>\d{1,12})'),
    value=re.compile(rb'"lr": .*?"time": ' + NUMBER),
    loss=re.compile(rb'"total_loss": ' + LOSS.replace(b"nan|inf", b"NaN|Infinity")),
    timing="interval_mean",
    every=20,
    counts_from=0,
    warning="metrics.json holds medians of 20 iterations, not means; measure from log.txt",
)
