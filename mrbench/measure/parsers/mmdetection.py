"""mmdetection 1 and 2 (mmcv) and 3 (mmengine): text, .log.json and scalars.json.

mmcv prints the mean over the iterations since its last line, whose buffer is emptied at the end of
an epoch: the tail of an epoch is never printed. mmengine smooths over a window, however often it
prints; the configuration that it prints first says over which. Iterations are counted from 1 in
each epoch. Lines of a validation say so: `Epoch(val)`, `"mode": "val"`, or no "iter".
"""

import re

from msgspec.structs import replace

from mrbench.measure.parsers.base import LOSS, TextFormat, field, json_field

_IS = rb'"[ \t]{0,40}:[ \t]{0,40}"?'  # between a key and its value
_ANY = rb"[^{}\r\n]*"  # within one object, whose keys come in any order
_ITER = _ANY + rb'"iter' + _IS + rb'(?P<iteration>\d{1,12})"?[ \t]{0,40}[,}]'
_EPOCH = rb"(?=" + _ANY + rb'"epoch' + _IS + rb'(?P<epoch>\d{1,9})"?[ \t]{0,40}[,}])'
_TRAIN = rb"\{(?=" + _ANY + rb'"mode' + _IS + rb'train")'
_PROCESSOR = re.compile(
    rb"log_processor[ \t]{0,9}=[ \t]{0,9}dict\((?P<settings>(?:[^()]|\([^()]{0,999}\)){0,2000})\)"
)
_USUAL = " (10 in mmengine, 50 in mmdetection, unless changed)"

TEXT = TextFormat(
    number=re.compile(
        rb"(?:Epoch[ \t]{1,9}\[(?P<epoch>\d{1,9})\]|Iter[ \t]{1,9})"
        rb"\[(?P<iteration>\d{1,12})/(?P<per_epoch>\d{1,12})\](?=\s)"
    ),
    value=field(b"time"),
    loss=field(b"loss", LOSS),
    data=field(b"data_time"),
    allocated_mib=field(b"memory"),
    timing="interval_mean",
    every=50,
    begins=re.compile(rb"Start running, host:"),
)
LOG_JSON = TextFormat(
    number=re.compile(_TRAIN + _EPOCH + _ITER),
    value=json_field(b"time"),
    loss=json_field(b"loss", LOSS),
    data=json_field(b"data_time"),
    json=True,
    allocated_mib=json_field(b"memory"),
    timing="interval_mean",
    every=50,
    begins=re.compile(rb'\{"env_info"[ \t]{0,40}:'),
    step=1e-5,  # rounded to five decimals, of which JSON drops the zeros
)
MMENGINE = replace(
    TEXT,
    number=re.compile(
        rb"(?:Epoch\(train\)[ \t]{1,9}\[(?P<epoch>\d{1,9})\]|Iter\(train\)[ \t]{1,9})"
        rb"\[ *(?P<iteration>\d{1,12})/ *(?P<per_epoch>\d{1,12})\](?=\s)"
    ),
    every=None,
    smoothing=0,
    states_smoothing=_PROCESSOR,
    usual=_USUAL,
    begins=re.compile(rb"Checkpoints will be saved to "),
)
SCALARS = replace(
    LOG_JSON,
    number=re.compile(rb"\{(?=" + _ANY + rb'"step' + _IS + rb")(?!" + _ANY + rb'"mode")' + _ITER),
    every=None,
    smoothing=0,
    usual=_USUAL,
    begins=None,
    step=0.0,
)
