"""Trainers of language models on clusters: torchtitan, Megatron-LM, MaxText, litgpt.

torchtitan prints tokens per second of one device (divided by what is not data-parallel), from the
line before; every rank may print the line. Megatron-LM prints the mean of the interval, without
evaluation and checkpoints, and the samples consumed; Primus puts the running mean behind a slash.
MaxText prints, a step late, how long the call of a step took: where JAX dispatches
asynchronously, that is not how long the step took, and nothing in the line tells. litgpt prints the
time of the last micro-batch alone, from behind its data's arrival.
"""

import re

from mrbench.measure.parsers.base import GROUPED, LOSS, NUMBER, TextFormat
from mrbench.model.finding import Problem

TORCHTITAN = TextFormat(
    number=re.compile(rb"(?<![.\d])\bstep:[ \t]{1,9}(?P<iteration>\d{1,12})(?=[ \t\x1b])"),
    value=re.compile(rb"\btps:[ \t]{1,9}" + GROUPED + rb"(?=[ \t\r\n])"),
    loss=re.compile(rb"\bloss:[ \t]{1,9}" + LOSS),
    timing="rate",
    per="device",
    work_unit="tokens",
)
MEGATRON = TextFormat(
    number=re.compile(
        rb"(?<![\w.])iteration[ \t]{1,20}(?P<iteration>\d{1,12})/[ \t]{0,20}\d{1,12} \|"
    ),
    value=re.compile(
        rb"elapsed time per iteration \(ms\): {0,9}" + NUMBER + rb"(?:/[\d.]{1,20})?(?= ?\|)"
    ),
    loss=re.compile(rb"\blm loss:? {1,9}" + LOSS + rb"(?= ?\|)"),
    timing="interval_mean",
    unit_s=1e-3,
    work=re.compile(rb"\bglobal batch size: {0,12}(\d{1,12})(?= ?\|)"),
    total_work=re.compile(rb"\bconsumed samples: {0,12}(\d{1,15})(?= ?\|)"),
    skips=re.compile(rb"\bnumber of skipped iterations: {0,9}(\d{1,9})(?= ?\|)"),
    work_unit="samples",
    warning="evaluation and checkpoints are in no iteration's time",
)
MAXTEXT = TextFormat(
    number=re.compile(rb"(?<![\w.])completed step: (?P<iteration>\d{1,12})(?=, seconds)"),
    value=re.compile(rb"\bseconds: " + NUMBER + rb"(?=,)"),
    loss=re.compile(rb"(?<!_)\bloss: " + LOSS),
    timing="interval_mean",
    counts_from=0,
    smoothing=1,
    work=re.compile(rb"\btotal_weights: (\d{1,15})(?=[,\s])"),
    work_unit="tokens",
    told_by=re.compile(rb"(?!)"),
    untold=Problem(
        "MaxText's seconds are those of a call that may return before the step is done"
        " (asynchronous dispatch), and nothing in a line tells whether it was",
        "give the log with the time stamps that its lines begin with, or let mrbench run the"
        " training: it times the lines as they arrive",
    ),
    warning="the tokens are those that count in the loss (total_weights), without padding",
)
LITGPT = TextFormat(
    number=re.compile(rb"(?<![\w.])iter (?P<iteration>\d{1,12}) step \d{1,12} \|(?= loss)"),
    value=re.compile(rb"\biter time: " + NUMBER + rb" ms(?=\s)"),
    loss=re.compile(rb"\bloss train: " + LOSS),
    timing="interval_mean",
    unit_s=1e-3,
    smoothing=1,
    work_unit="tokens",
)
