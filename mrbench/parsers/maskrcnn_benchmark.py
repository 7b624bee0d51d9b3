"""maskrcnn-benchmark, and NVIDIA's MLPerf branch of it, of which every rank may print.

`time: median of 20 (mean since iteration 1)`: the mean in parentheses is the one that can be
undone. Iterations are counted from 1. Lines of the validation look alike but for their head.
"""

import re

from mrbench.parsers.base import LOSS, NUMBER, TextFormat

TEXT = TextFormat(
    number=re.compile(rb"iter: (?P<iteration>\d{1,12})(?=  )"),
    value=re.compile(
        rb"^(?!.*\[Validation\]).*?(?<![\w.])time: [^ ]{1,30} \(" + NUMBER + rb"\)", re.DOTALL
    ),
    loss=re.compile(rb"(?<!\w)loss: " + LOSS),
    timing="running_mean",
    every=20,
    begins=re.compile(rb"trainer(?: INFO)?: ?Start training"),
)
