"""Detectron (Caffe2): the json_stats line, its floats quoted (today's master) or bare.

`time` is the mean since the timer's only reset, which comes after the 21st iteration (0-based 20);
iterations are counted from 0, so that the marks are 1, 21, 41 ... counted from 1.
"""

import re

from mrbench.parsers.base import LOSS, NUMBER, TextFormat

TEXT = TextFormat(
    number=re.compile(rb'"iter": "?(?P<iteration>\d{1,12})"?(?=[,}])'),
    value=re.compile(rb'json_stats: \{.*?"time": "?' + NUMBER),
    loss=re.compile(rb'"loss": "?' + LOSS.replace(b"nan|inf", b"nan|inf|NaN|Infinity")),
    timing="running_mean",
    every=20,
    counts_from=0,
    skipped=21,
)
