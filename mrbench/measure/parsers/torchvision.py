"""torchvision's reference training: `time:` is the mean of the last 20 iterations, printed each 10.

Every second line covers new iterations only; the window of 20 restarts in each epoch.
Epochs and iterations are counted from 0; DINO and others print `Epoch: [0/100]`. Lines of
the evaluation begin with `Test:` instead.
"""

import re

from mrbench.measure.parsers.base import LOSS, TextFormat, field

TEXT = TextFormat(
    number=re.compile(
        rb"Epoch:[ \t]{1,9}\[(?P<epoch>\d{1,9})(?:/\d{1,9})?\][ \t]{1,9}"
        rb"\[ *(?P<iteration>\d{1,12})/(?P<per_epoch>\d{1,12})\](?=\s)"
    ),
    value=field(b"time"),
    loss=field(b"loss", LOSS),
    data=field(b"data"),
    allocated_mib=field(b"max mem"),
    timing="interval_mean",
    counts_from=0,
    epochs_from=0,
    smoothing=20,
    restarts=True,
)
