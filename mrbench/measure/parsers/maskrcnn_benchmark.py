"""maskrcnn-benchmark, and NVIDIA's MLPerf branch of it, of which every rank may print.

`time: median of 20 (mean since iteration 1)`: the mean in parentheses is the one that can be
undone, and so is that of `data:`. Iterations are counted from 1. Lines of the validation look alike
but for their head.
"""

import re

from mrbench.measure.parsers.base import GAP, ITER, LOSS, NUMBER, TextFormat, field

_MEAN = rb"[^ \t]{1,30}[ \t]{1,40}\(" + GAP + NUMBER + GAP + rb"\)"

TEXT = TextFormat(
    number=ITER,
    value=field(b"time", _MEAN, b""),
    loss=field(b"loss", LOSS),
    data=field(b"data", _MEAN, b""),
    # not `[Validation]: eta:`, of which a terminal may have wrapped the rest off its beginning
    head=re.compile(rb"\w:[ \t]{0,40}(?:eta:|$)"),
    allocated_mib=field(b"max mem"),
    timing="running_mean",
    every=20,
    begins=re.compile(rb"trainer(?: INFO)?: ?Start training"),
)
