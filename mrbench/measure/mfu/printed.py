"""The MFU that a log prints beside mrbench's own, and what explains their difference."""

from collections.abc import Iterator
from typing import NamedTuple

from msgspec.structs import replace

from mrbench.measure.mfu.peaks import mistakes_about, peaks_of
from mrbench.model.measurement import Measurement
from mrbench.model.mfu import Flops, Mfu

METRIC = "mfu"  # the name in a recipe's log.metrics
PERCENT = ("%", "percent")
SAME = 0.015  # of each other: a mean of printed lines is not work by time
RECOMPUTED = 4 / 3  # the forward pass twice: 2 + 2 + 4 operations in place of 2 + 4


class _Basis(NamedTuple):
    """What a printed MFU may be worked out by, and the MFU that would come of it."""

    mfu: float
    text: str


def compared(ours: Mfu, flops: Flops, measured: Measurement | None) -> Mfu:
    """Return an MFU with the one that the log prints, a share, and what explains the difference.

    measured: has it, if the recipe asks for a metric of that name. What is the same within SAME
    needs no explanation.
    """
    metric = ((measured.metrics if measured else None) or {}).get(METRIC)
    if metric is None or metric.value is None or not ours.tflops_per_device:
        return ours
    printed = metric.value / 100 if metric.unit in PERCENT else metric.value
    if printed > 1 and metric.unit not in PERCENT:
        text = (
            f"it is {metric.value:.4g}, more than 1; if that is percent, give the metric the unit %"
        )
        return replace(ours, printed=printed, difference=text)
    return replace(ours, printed=printed, difference=_difference(ours, flops, printed))


def _difference(ours: Mfu, flops: Flops, printed: float) -> str:
    if printed < 0:
        return "it is below 0, which no share of a peak can be"
    if printed == 0 or not ours.tflops_per_device:
        return "it is 0, as nanochat prints for a GPU that it does not know"
    if ours.value is not None and _same(printed, ours.value):
        return ""
    for basis in (*_peaks(ours, ours.tflops_per_device), *_operations(ours, flops)):
        if _same(printed, basis.mfu):
            return basis.text
    peak = ours.tflops_per_device / printed
    text = (
        f"with these operations it takes a peak of {peak:.4g} TFLOP/s, which is none that is known"
    )
    return f"{text}; it may count operations in another way, or time other iterations"


def _peaks(ours: Mfu, achieved: float) -> Iterator[_Basis]:
    """Yield other peaks that trainers take; achieved: TFLOP/s of one GPU."""
    trainers: dict[float, list[str]] = {}
    for mistake in mistakes_about(ours.gpu):
        who = f"as {mistake.trainer} does, which {mistake.why}"
        trainers.setdefault(mistake.tflops, []).append(who)
    for tflops, known in trainers.items():
        text = f"it takes a peak of {tflops:g} TFLOP/s, {'; or '.join(known)}"
        yield _Basis(achieved / tflops, text)
    for peak in ours.other_peaks:
        text = f"it takes another source's peak of {peak.tflops:g} TFLOP/s ({peak.source})"
        yield _Basis(achieved / peak.tflops, text)
    if ours.peak is not None:
        text = f"it takes the peak with sparsity, {2 * ours.peak.tflops:g} TFLOP/s"
        yield _Basis(achieved / ours.peak.tflops / 2, text)
    gpu = peaks_of(ours.gpu) if ours.gpu else None
    for arithmetic in gpu.formats if gpu else ():
        if arithmetic != ours.arithmetic and gpu:
            peak = gpu.of(arithmetic)[0]
            text = f"it takes the peak of {arithmetic}, {peak.tflops:g} TFLOP/s"
            yield _Basis(achieved / peak.tflops, text)


def _operations(ours: Mfu, flops: Flops) -> Iterator[_Basis]:
    """Yield other counts of the model's operations."""
    if ours.value is None:
        return
    part = (flops.attention_per_unit or 0.0) / flops.per_unit
    if part and flops.attention == "full":
        yield _Basis(ours.value * (1 - part / 2), "it counts only the causal half of attention")
    if part and flops.attention == "causal_halved":
        yield _Basis(ours.value * (1 + part), "it counts attention in full, not its causal half")
    if part:
        yield _Basis(ours.value * (1 - part), "it leaves attention out")
    text = "it counts what is computed again in the backward pass, which makes it an HFU"
    yield _Basis(ours.value * RECOMPUTED, text)


def _same(one: float, other: float) -> bool:
    return abs(one - other) <= SAME * abs(other)
