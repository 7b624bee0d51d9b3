"""torchvision, minimask, PaddleDetection and YOLOX: means of the iterations before a line.

torchvision's reference training: `time:` is the mean of the last 20 iterations, printed each 10.
Every second line covers new iterations only; the window of 20 restarts in each epoch. Epochs and
iterations are counted from 0; DINO and others print `Epoch: [0/100]`. Lines of the evaluation begin
with `Test:` instead.

minimask, the implementation that comes with mrbench: means over the interval, counted from 1.

PaddleDetection: `batch_cost` is the mean of the last `log_iter` iterations, printed as often. `ips`
is one GPU's, so the seconds are read. Epochs and iterations are counted from 0, and each epoch's
iteration 0 has a line. The mean does not begin anew with an epoch: where `log_iter` divides an
epoch, the line of iteration 0 tells of all since the line before. Else it tells again of some that
had been told of; so it is left out, and what lies around it is not timed.

YOLOX: `iter_time` is the mean of the iterations since the last line, the wait for data included.
Its meters keep as many iterations as lie between two lines, and are emptied by each line; so a line
never tells of an epoch before its own, and an epoch's tail is never printed. Changing the image
size, which it does every 10 iterations, is not timed.
"""

import re

from mrbench.measure.parsers.base import LOSS, NUMBER, TextFormat, field

TORCHVISION = TextFormat(
    number=re.compile(
        rb"Epoch:[ \t]{1,9}\[(?P<epoch>\d{1,9})(?:/\d{1,9})?\][ \t]{1,9}"
        rb"\[ *(?P<iteration>\d{1,12})/(?P<per_epoch>\d{1,12})\](?=\s)"
    ),
    value=field(b"time"),
    loss=field(b"loss", LOSS),
    data=field(b"data"),
    allocated_mib=field(b"max mem"),
    timing="interval_mean",
    counts_from=0,
    epochs_from=0,
    smoothing=20,
    restarts=True,
)
MINIMASK = TextFormat(
    number=re.compile(rb"iter:(?<![\w.]iter:)[ \t]{1,40}(?P<iteration>\d{1,12})/\d{1,12}(?=[ \t])"),
    value=field(b"time"),
    loss=field(b"loss", LOSS),
    data=field(b"data_time"),
    timing="interval_mean",
    every=20,
)
PADDLEDETECTION = TextFormat(
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
YOLOX = TextFormat(
    number=re.compile(
        rb"epoch: (?P<epoch>\d{1,9})/\d{1,9}, "
        rb"iter: (?P<iteration>\d{1,12})/(?P<per_epoch>\d{1,12})(?=,)"
    ),
    value=re.compile(rb"\biter_time: " + NUMBER + rb"s,"),
    loss=field(b"total_loss", LOSS),
    data=re.compile(rb"\bdata_time: " + NUMBER + rb"s,"),
    allocated_mib=re.compile(rb"\bmem: (\d{1,9})Mb,"),
    timing="interval_mean",
    begins=re.compile(rb"init prefetcher, this might take"),
)
