"""minimask, the implementation that comes with mrbench: means over the interval, counted from 1."""

import re

from mrbench.measure.parsers.base import LOSS, TextFormat, field

TEXT = TextFormat(
    number=re.compile(rb"iter:(?<![\w.]iter:)[ \t]{1,40}(?P<iteration>\d{1,12})/\d{1,12}(?=[ \t])"),
    value=field(b"time"),
    loss=field(b"loss", LOSS),
    data=field(b"data_time"),
    timing="interval_mean",
    every=20,
)
