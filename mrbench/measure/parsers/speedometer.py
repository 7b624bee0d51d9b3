"""MXNet's Speedometer, as it is and as SimpleDet prints it, and GluonCV's line: images per second.

Speed covers the batches since the last line, all devices together, so that seconds add up as
images / speed (a mean of speeds would be wrong). Batches are counted from 0 in each epoch.
Speedometer starts its clock after batch 0, which no line covers; of `Batch [20-40]`, as it prints
since 1.5, the second number is the batch after which it was printed. None says how long an epoch
is: it counts as ending at its last line, unless SimpleDet prints the iteration (`Iter:`) as well.
"""

import re

from msgspec.structs import replace

from mrbench.measure.parsers.base import GAP, NUMBER, TextFormat
from mrbench.model.finding import Problem

_SPEED = rb"Speed:" + GAP + NUMBER + rb"[ \t]{1,40}samples/sec"
_BATCH = rb"Batch[ \t]{0,9}\[(?:\d{1,12}-)?(?P<iteration>\d{1,12})\]"

MXNET = TextFormat(
    number=re.compile(rb"(?:Epoch|Iter)\[(?P<epoch>\d{1,9})\][ \t]{1,9}" + _BATCH),
    value=re.compile(_SPEED),
    loss=re.compile(rb"(?:loss|entropy|L1)=(nan|inf)\b"),
    timing="rate",
    counts_from=0,
    epochs_from=0,
)
SIMPLEDET = replace(
    MXNET,
    number=re.compile(
        rb"Epoch\[(?P<epoch>\d{1,9})\][ \t]{1,9}(?:Rank\[\d+\][ \t]{1,9})?"
        + _BATCH
        + rb"(?:[ \t]{1,9}Iter: (?P<overall>\d{1,12})/\d{1,12}(?=[ \t]))?"
    ),
    # SimpleDet puts commas between the metrics, MXNet does not
    value=re.compile(_SPEED + rb"(?=[ \t]{0,40}(?:Train-[^,=\s]{1,99}=[^,\s]{1,40},|$))"),
    loss=re.compile(rb"L1=(nan|inf)\b"),
    every=10,
)
GLUONCV = replace(
    MXNET,
    number=re.compile(
        rb"\[Epoch[ \t]{1,9}(?P<epoch>\d{1,9})\][ \t]{0,9}"
        rb"\[Batch[ \t]{1,9}(?P<iteration>\d{1,12})\]"
    ),
    loss=re.compile(rb"(?:SmoothL1|CrossEntropy|_Mask)=(nan|inf)\b"),
    every=100,
    begins=re.compile(rb"Start training from \[Epoch"),
    # Only the R-CNN scripts have these metrics. YOLO3, SSD and CenterNet print the speed of the
    # last batch alone in the same line.
    told_by=re.compile(rb"(?:RPN|RCNN)_?\w+="),
    untold=Problem(
        "the line's speed may be that of one batch (as GluonCV's YOLO3, SSD and CenterNet print it)"
        " or the mean since the last line, and nothing in it tells which",
        "run the training with mrbench, which times it itself; or, if it is the mean, say so"
        " (--recipe FILE with log.pattern and log.timing: rate)",
    ),
)
