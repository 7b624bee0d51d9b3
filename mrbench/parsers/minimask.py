"""minimask, the implementation that comes with mrbench: means over the interval, counted from 1."""

import re

from mrbench.parsers.base import LOSS, NUMBER, TextFormat

TEXT = TextFormat(
    number=re.compile(rb"iter: (?P<iteration>\d{1,12})/\d{1,12}(?=  )"),
    value=re.compile(rb"(?<![\w.])time: " + NUMBER),
    loss=re.compile(rb"(?<!\w)loss: " + LOSS),
    timing="interval_mean",
    every=20,
)
