"""mmdetection 1 and 2 (mmcv) and 3 (mmengine): text, .log.json and scalars.json.

mmcv prints the mean over the iterations since its last line, whose buffer is emptied at the end of
an epoch: the tail of an epoch is never printed. mmengine smooths over a window (50 in mmdetection)
however often it prints. Iterations are counted from 1 in each epoch.
"""

import re

from mrbench.parsers.base import LOSS, NUMBER, TextFormat

TEXT = TextFormat(
    number=re.compile(
        rb"(?:Epoch \[(?P<epoch>\d{1,9})\]|Iter )"
        rb"\[(?P<iteration>\d{1,12})/(?P<per_epoch>\d{1,12})\]\s"
    ),
    value=re.compile(rb"(?<![\w.])time: " + NUMBER),
    loss=re.compile(rb"(?<![\w.])loss: " + LOSS),
    timing="interval_mean",
    every=50,
    begins=re.compile(rb"Start running, host:"),
)
LOG_JSON = TextFormat(
    number=re.compile(
        rb'"mode": "train", "epoch": (?P<epoch>\d{1,9}), "iter": (?P<iteration>\d{1,12})'
    ),
    value=re.compile(rb'"time": ' + NUMBER),
    loss=re.compile(rb'"loss": ' + LOSS.replace(b"nan|inf", b"NaN|Infinity")),
    timing="interval_mean",
    every=50,
)
MMENGINE = TextFormat(
    number=re.compile(
        rb"(?:Epoch\(train\)\s{1,4}\[(?P<epoch>\d{1,9})\]|Iter\(train\)\s{1,4})"
        rb"\[ *(?P<iteration>\d{1,12})/ *(?P<per_epoch>\d{1,12})\]"
    ),
    value=re.compile(rb"(?<![\w.])time: " + NUMBER),
    loss=re.compile(rb"(?<![\w.])loss: " + LOSS),
    timing="interval_mean",
    smoothing=50,
    begins=re.compile(rb"Checkpoints will be saved to "),
)
SCALARS = TextFormat(
    number=re.compile(rb'"iter": (?P<iteration>\d{1,12}), "step": '),
    value=re.compile(rb'"time": ' + NUMBER),
    loss=re.compile(rb'"loss": ' + LOSS.replace(b"nan|inf", b"NaN|Infinity")),
    timing="interval_mean",
    smoothing=50,
)
