"""YOLOX: `iter_time` is the mean of the iterations since the last line, the wait for data included.

Its meters keep as many iterations as lie between two lines, and are emptied by each line; so a line
never tells of an epoch before its own, and an epoch's tail is never printed. Changing the image
size, which it does every 10 iterations, is not timed.
"""

import re

from mrbench.measure.parsers.base import LOSS, NUMBER, TextFormat, field

TEXT = TextFormat(
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
