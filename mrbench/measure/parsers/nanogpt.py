"""nanoGPT and what came of it: build-nanogpt, nanochat and the speedruns of modded-nanogpt.

nanoGPT and build-nanogpt print how long one iteration took, in which an evaluation that came before
it is contained; nanochat leaves evaluations out. All three count iterations from 0. A speedrun
prints the milliseconds since its clock was started, which was set to 0 after ten iterations until
2025 and leaves validation out; it prints a line when a step is queued on the GPU, not when it is
done, so that a line is early by what is queued.
"""

import re

from msgspec.structs import replace

from mrbench.measure.parsers.base import GAP, GROUPED, LOSS, NUMBER, TextFormat

_MS = rb"ms(?=[,\s])"

NANOGPT = TextFormat(
    number=re.compile(rb"(?<![\w.])iter (?P<iteration>\d{1,12}): (?=loss )"),
    value=re.compile(rb"\btime " + NUMBER + _MS),
    loss=re.compile(rb"\bloss " + LOSS),
    timing="interval_mean",
    counts_from=0,
    unit_s=1e-3,
    smoothing=1,
    work_unit="tokens",
    states={"work_per_iteration": r"tokens per iteration will be: ([\d,]+)"},  # of all GPUs
)
BUILD_NANOGPT = replace(
    NANOGPT,
    number=re.compile(
        rb"(?<![\w.])step" + GAP + rb"(?P<iteration>\d{1,12})" + GAP + rb"\|" + GAP + rb"(?=loss:)"
    ),
    value=re.compile(rb"\bdt:" + GAP + NUMBER + _MS),
    loss=re.compile(rb"\bloss: " + LOSS),
    work_rate=re.compile(rb"\btok/sec:" + GAP + GROUPED + rb"(?=\s)"),
    states={"work_per_iteration": r"(?:total desired batch size: |Total batch size )([\d,]+)"},
    warning="an iteration's time contains the evaluation that came before it",
)
NANOCHAT = replace(
    BUILD_NANOGPT,
    number=re.compile(
        rb"(?<![\w.])step"
        + GAP
        + rb"(?P<iteration>\d{1,12})(?:/\d{1,12})?"
        + GAP
        + rb"\(\d{1,3}(?:\.\d{0,2})?%\)"
        + GAP
        + rb"\|"
    ),
    warning="evaluations, samples and checkpoints are in no iteration's time",
)
SPEEDRUN = TextFormat(
    number=re.compile(rb"(?<![\w.])step:(?P<iteration>\d{1,12})/\d{1,12} (?=train_)"),
    value=re.compile(rb"\btrain_time:" + NUMBER + _MS),
    loss=re.compile(rb"\btrain_loss:" + LOSS),
    timing="cumulative",
    unit_s=1e-3,
    zeroed=True,
    work_unit="tokens",
    warning="validation is in no train_time, and a line is printed when its step is queued, not"
    " when it is done",
)
