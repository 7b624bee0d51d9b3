"""MXNet's Speedometer as SimpleDet prints it, and GluonCV's line: images per second by intervals.

Speed covers the batches since the last line, all devices together, so that seconds add up as
images / speed (a mean of speeds would be wrong). Batches are counted from 0 in each epoch.
SimpleDet starts its clock after batch 0, which no line covers. Neither says how long an epoch is:
it counts as ending at its last line.
"""

import re

from mrbench.parsers.base import NUMBER, TextFormat

_SPEED = re.compile(rb"Speed: " + NUMBER + rb" samples/sec")

SIMPLEDET = TextFormat(
    number=re.compile(
        rb"Epoch\[(?P<epoch>\d{1,9})\] (?:Rank\[\d+\] )?Batch ?\[(?P<iteration>\d{1,12})\]"
    ),
    value=_SPEED,
    loss=re.compile(rb"L1=(nan|inf)\b"),
    timing="rate",
    every=10,
    counts_from=0,
    epochs_from=0,
)
GLUONCV = TextFormat(
    number=re.compile(rb"\[Epoch (?P<epoch>\d{1,9})\]\[Batch (?P<iteration>\d{1,12})\]"),
    value=_SPEED,
    loss=re.compile(rb"(?:SmoothL1|CrossEntropy|_Mask)=(nan|inf)\b"),
    timing="rate",
    every=100,
    counts_from=0,
    epochs_from=0,
    begins=re.compile(rb"Start training from \[Epoch"),
)
