"""PyTorch's imagenet example, Swin and timm: a batch's own time, and the epoch's mean in brackets.

All three keep an AverageMeter that begins anew in each epoch and counts every batch, the first and
the wait for data included. The batch's own time tells of one batch only, so the mean is read. What
comes behind an epoch's last line is never printed. Swin and timm count batches from 0; the example
has counted from 0 and, since September 2022, from 1, which its lines tell: it prints a line after
the first batch, or none there, and then each so many.
"""

import itertools
import math
import re
from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from mrbench.measure.log.blocks import Block
from mrbench.measure.parsers import text
from mrbench.measure.parsers.base import GAP, LOSS, NUMBER, Options, TextFormat
from mrbench.model.measurement import IterationSample

_OWN = rb"[\d.eE+-]{1,24}s?" + GAP  # the batch's own figure
_MEAN = rb"\(" + GAP + NUMBER + rb"\)"

IMAGENET = TextFormat(
    number=re.compile(
        rb"Epoch:" + GAP + rb"\[(?P<epoch>\d{1,9})\]\[ *(?P<iteration>\d{1,12})/"
        rb"(?P<per_epoch>\d{1,12})\](?=\s)"
    ),
    value=re.compile(rb"\bTime" + GAP + _OWN + _MEAN),
    loss=re.compile(rb"\bLoss" + GAP + LOSS + GAP + rb"\("),
    data=re.compile(rb"\bData" + GAP + _OWN + _MEAN),
    timing="running_mean",
    counts_from=0,
    epochs_from=0,
    restarts=True,
)
SWIN = replace(
    IMAGENET,
    number=re.compile(
        rb"Train:[ \t]{1,40}\[(?P<epoch>\d{1,9})/\d{1,9}\]\[ *(?P<iteration>\d{1,12})/"
        rb"(?P<per_epoch>\d{1,12})\](?=\s)"
    ),
    value=re.compile(rb"\btime" + GAP + _OWN + _MEAN),
    loss=re.compile(rb"\bloss" + GAP + LOSS + GAP + rb"\("),
    data=None,
    allocated_mib=re.compile(rb"\bmem (\d{1,9})MB(?!\w)"),
)
TIMM = replace(
    IMAGENET,
    number=re.compile(
        rb"Train:[ \t]{1,40}(?P<epoch>\d{1,9})[ \t]{1,40}\[ *(?P<iteration>\d{1,12})/"
        rb"(?P<per_epoch>\d{1,12})[ \t]{1,40}\( *\d{1,3}%\)\](?=\s)"
    ),
    # 0.295s,   27.10/s  (0.295s,   27.10/s)
    value=re.compile(rb"\bTime:" + GAP + _OWN + rb",[^()\r\n]{0,40}\(" + NUMBER + rb"s,"),
    loss=re.compile(rb"\bLoss:" + GAP + LOSS + GAP + rb"\("),
    data=re.compile(rb"\bData:" + GAP + _OWN + _MEAN),
    # of all processes, and with all batches of an update
    states={"work_per_iteration": r"^Train: .*\bTime: *(?P<seconds>[\d.]+)s, +(?P<rate>[\d.]+)/s"},
)
_USUAL_SPACING = 10  # batches; the example's default


def parse_imagenet(blocks: Iterable[Block], options: Options) -> Iterator[IterationSample]:
    """Yield the samples of the imagenet example, whose first lines tell where it counts from."""
    stream = iter(blocks)
    seen: list[Block] = []
    numbers: list[int] = []
    for block in stream:
        seen.append(block)
        numbers = [int(match["iteration"]) for match in IMAGENET.number.finditer(block[1])]
        if numbers:
            break
    rule = replace(IMAGENET, counts_from=_counts_from(numbers))
    rest = itertools.chain(seen, stream)
    yield from text.parse(rest, options, rule=rule)


def _counts_from(numbers: list[int]) -> int:
    """Return the number of the first batch, 0 or 1, from the batches that print a line."""
    gaps = [b - a for a, b in itertools.pairwise(numbers) if b > a]
    spacing = math.gcd(*gaps) if gaps else _USUAL_SPACING
    if not numbers or spacing == 1:
        return int(bool(numbers) and numbers[0] > 0)
    return int(numbers[0] % spacing == 1)
