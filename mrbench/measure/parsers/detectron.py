"""Detectron (Caffe2): the json_stats line, its floats quoted (today's master) or bare.

`time` is the mean since the timer's only reset, which comes after the 21st iteration (0-based 20);
iterations are counted from 0, so that the marks are 1, 21, 41 ... counted from 1.
"""

import re

from mrbench.measure.parsers.base import LOSS, TextFormat, json_field

TEXT = TextFormat(
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
