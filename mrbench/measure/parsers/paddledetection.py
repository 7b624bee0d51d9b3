"""PaddleDetection: `batch_cost` is the mean of the last `log_iter` iterations, printed as often.

`ips` is one GPU's, so the seconds are read. Epochs and iterations are counted from 0, and each
epoch's iteration 0 has a line. The mean does not begin anew with an epoch: where `log_iter` divides
an epoch, the line of iteration 0 tells of all since the line before. Else it tells again of some
that had been told of; so it is left out, and what lies around it is not timed.
"""

import re

from mrbench.measure.parsers.base import LOSS, TextFormat, field

TEXT = TextFormat(
    number=re.compile(
        rb"Epoch: \[(?P<epoch>\d{1,9})\] "
        rb"\[ *(?P<iteration>\d{1,12})/(?P<per_epoch>\d{1,12})\](?= learning_rate:)"
    ),
    value=field(b"batch_cost"),
    loss=field(b"loss", LOSS),
    data=field(b"data_cost"),
    allocated_mib=re.compile(rb"\bmax_mem_allocated: (\d{1,9}) MB(?!\w)"),
    timing="interval_mean",
    counts_from=0,
    epochs_from=0,
    overlaps=True,
    states={"per_device": r"\bbatch_cost: (?P<seconds>[\d.]+) .*\bips: (?P<rate>[\d.]+) images/s"},
)
