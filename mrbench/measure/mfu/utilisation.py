"""Model FLOPs utilisation of a run: throughput per device times FLOPs per unit, by the dense peak.

Chowdhery and others 2022 (PaLM, appendix B) define it. A GPU, a number format or a throughput that
is not known for sure gives a reason, and no number. Where the log prints an MFU, it stands beside,
with what explains the difference.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from msgspec import UNSET
from msgspec.structs import replace

from mrbench.measure.mfu.peaks import GpuPeaks, mistakes_about, peaks_of
from mrbench.model.measurement import Measurement
from mrbench.model.mfu import Flops, Mfu, NumberFormat, percent
from mrbench.model.plan import Plan
from mrbench.model.record import RunRecord
from mrbench.model.work import one_of
from mrbench.text import shorten

TERA = 1e12
LEAST = 0.02  # of the peak: a cause that leaves less than that explains nothing
# Words of workload.precision that name one number format; float32 may mean two.
FORMATS: Mapping[str, NumberFormat] = {
    "float16": "fp16",
    "fp16": "fp16",
    "bfloat16": "bf16",
    "bf16": "bf16",
    "tf32": "tf32",
    "float8": "fp8",
    "fp8": "fp8",
}
FLOAT32 = ("float32", "fp32")
NO_TF32 = "NVIDIA_TF32_OVERRIDE"  # at 0, NVIDIA's libraries compute float32 as float32
SAY = "say so in flops_per_unit.arithmetic"
METRIC = "mfu"  # the name in a recipe's log.metrics
PERCENT = ("%", "percent")
SAME = 0.015  # of each other: a mean of printed lines is not work by time
RECOMPUTED = 4 / 3  # the forward pass twice: 2 + 2 + 4 operations in place of 2 + 4


class _Basis(NamedTuple):
    """What an MFU is by: the one kind of GPU, its peaks, and the number format that counts."""

    name: str
    gpu: GpuPeaks
    arithmetic: NumberFormat


class _UnknownBasisError(Exception):
    """Why a run has no MFU, in words; gpu: the name of its GPUs as far as known."""

    def __init__(self, reason: str, gpu: str | None = None) -> None:
        super().__init__(reason)
        self.reason, self.gpu = reason, gpu


def mfu_of(record: RunRecord) -> Mfu | None:
    """Return a run's MFU, or why it has none, and beside it the one that the log prints.

    None where the recipe states no FLOPs, or the run has no number; the record says why.
    """
    flops, rate = record.plan.flops, record.throughput
    if flops is None or rate is None:
        return None
    achieved = Mfu(tflops_per_device=rate / record.plan.gpus * flops.per_unit / TERA)
    try:
        basis = _basis(record, flops)
    except _UnknownBasisError as exc:
        found = replace(achieved, reason=exc.reason, gpu=exc.gpu)
    else:
        found = _by(basis, achieved, record.plan)
    return _compared(found, flops, record.measurement)


def _by(basis: _Basis, achieved: Mfu, plan: Plan) -> Mfu:
    peak, *others = basis.gpu.of(basis.arithmetic)
    value = (achieved.tflops_per_device or 0.0) / peak.tflops
    return replace(
        achieved,
        value=value,
        gpu=basis.name,
        arithmetic=basis.arithmetic,
        peak=peak,
        other_peaks=tuple(others),
        causes=tuple(_causes(value, basis, plan)) if value > 1 else (),
    )


def _basis(record: RunRecord, flops: Flops) -> _Basis:
    name = _gpu(record)
    gpu = peaks_of(name)
    if gpu is None:
        text = f"no dense peak of {shorten(name)} is known, and no other GPU's is taken"
        raise _UnknownBasisError(text, name)
    arithmetic = _arithmetic(record, flops, gpu, name)
    if arithmetic not in gpu.formats:
        text = f"no dense {arithmetic} peak of {name} is known, only of {', '.join(gpu.formats)}"
        raise _UnknownBasisError(text, name)
    return _Basis(name, gpu, arithmetic)


def _gpu(record: RunRecord) -> str:
    """Return the one kind of GPU that the run used, as NVML names it."""
    plan, telemetry = record.plan, record.telemetry
    if plan.accelerator == "cpu":
        raise _UnknownBasisError("it trained on CPUs, whose peak is not known")
    seen = telemetry.gpus_in_use if telemetry else None
    if seen is not None and seen is not UNSET and seen != plan.gpus:
        raise _UnknownBasisError(f"the training was seen on {seen} GPUs, {plan.gpus} by the plan")
    watched = (telemetry.gpus if telemetry else None) or ()
    if any(gpu.mig for gpu in watched):
        raise _UnknownBasisError("a GPU is split into instances (MIG), whose peaks are not known")
    names = {gpu.name for gpu in watched}
    if not names or None in names:  # then all GPUs of the machines, used or not
        names = {gpu.name for machine in record.machines for gpu in machine.gpus}
    known = sorted(filter(None, names))
    if len(known) > 1:
        text = f"there are several kinds of GPU: {', '.join(map(shorten, known))}"
        raise _UnknownBasisError(text)
    if not known or None in names:
        why = record.machine.gpu_error if record.machine else None
        text = f"the GPU's name is not known{f' ({shorten(why)})' if why else ''}"
        raise _UnknownBasisError(text)
    return known[0]


def _arithmetic(record: RunRecord, flops: Flops, gpu: GpuPeaks, name: str) -> NumberFormat:
    """Return in which number format the matrix multiplications are computed."""
    if flops.arithmetic is not None:
        return flops.arithmetic
    precision = record.plan.precision
    if precision.casefold() in FORMATS:
        return FORMATS[precision.casefold()]
    if precision.casefold() not in FLOAT32:
        text = f"precision {shorten(precision)} does not tell the number format of the arithmetic"
        raise _UnknownBasisError(f"{text}; {SAY}", name)
    if gpu.has_tf32 and not _tf32_off(record):
        text = f"whether float32 is computed as TF32, as {name} can, is not known"
        raise _UnknownBasisError(f"{text}; {SAY} (fp32 or tf32)", name)
    return "fp32"


def _tf32_off(record: RunRecord) -> bool:
    caller = record.machine.variables if record.machine else {}
    return {**caller, **record.plan.variables}.get(NO_TF32) == "0"


def _causes(value: float, basis: _Basis, plan: Plan) -> Iterator[str]:
    """Yield what would explain an MFU above 1, with what it would be then."""
    for factor, text in _possible(basis, plan):
        if LEAST <= value / factor <= 1:
            yield f"{text} (then {percent(value / factor)})"


def _possible(basis: _Basis, plan: Plan) -> Iterator[tuple[float, str]]:
    """Yield what makes an MFU too high, the likeliest first, and by which factor."""
    unit, gpu = one_of(plan.unit), basis.gpu
    base = gpu.of(basis.arithmetic)[0].tflops
    for other in gpu.formats:
        factor = gpu.of(other)[0].tflops / base
        if factor > 1:
            yield factor, f"the arithmetic is {other}, not {basis.arithmetic}"
    length = plan.sequence_length or 1
    if length > 1 and plan.unit == "tokens":
        yield length, f"flops_per_unit is of a sequence of {length} tokens, not of a token"
    if plan.gpus > 1:
        yield plan.gpus, f"flops_per_unit or the log's rate is of {plan.gpus} devices, not of one"
    each = plan.work_per_iteration / plan.gpus
    if each > 1:
        yield each, f"flops_per_unit is of a device's whole iteration, not of a {unit}"
    if plan.gpus > 1 and each > 1:
        yield plan.work_per_iteration, f"flops_per_unit is of a whole iteration, not of a {unit}"
    yield 2.0, "flops_per_unit counts each multiply-add twice"


def _compared(ours: Mfu, flops: Flops, measured: Measurement | None) -> Mfu:
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
    for mfu, text in (*_peaks(ours, ours.tflops_per_device), *_operations(ours, flops)):
        if _same(printed, mfu):
            return text
    peak = ours.tflops_per_device / printed
    text = (
        f"with these operations it takes a peak of {peak:.4g} TFLOP/s, which is none that is known"
    )
    return f"{text}; it may count operations in another way, or time other iterations"


def _peaks(ours: Mfu, achieved: float) -> Iterator[tuple[float, str]]:
    """Yield the MFU by other peaks that trainers take, and why; achieved: TFLOP/s of one GPU."""
    trainers: dict[float, list[str]] = {}
    for mistake in mistakes_about(ours.gpu):
        who = f"as {mistake.trainer} does, which {mistake.why}"
        trainers.setdefault(mistake.tflops, []).append(who)
    for tflops, known in trainers.items():
        text = f"it takes a peak of {tflops:g} TFLOP/s, {'; or '.join(known)}"
        yield achieved / tflops, text
    for peak in ours.other_peaks:
        text = f"it takes another source's peak of {peak.tflops:g} TFLOP/s ({peak.source})"
        yield achieved / peak.tflops, text
    if ours.peak is not None:
        text = f"it takes the peak with sparsity, {2 * ours.peak.tflops:g} TFLOP/s"
        yield achieved / ours.peak.tflops / 2, text
    gpu = peaks_of(ours.gpu) if ours.gpu else None
    for arithmetic in gpu.formats if gpu else ():
        if arithmetic != ours.arithmetic and gpu:
            peak = gpu.of(arithmetic)[0]
            text = f"it takes the peak of {arithmetic}, {peak.tflops:g} TFLOP/s"
            yield achieved / peak.tflops, text


def _operations(ours: Mfu, flops: Flops) -> Iterator[tuple[float, str]]:
    """Yield the MFU by other counts of the model's operations, and which."""
    if ours.value is None:
        return
    part = (flops.attention_per_unit or 0.0) / flops.per_unit
    if part and flops.attention == "full":
        yield ours.value * (1 - part / 2), "it counts only the causal half of attention"
    if part and flops.attention == "causal_halved":
        yield ours.value * (1 + part), "it counts attention in full, not its causal half"
    if part:
        yield ours.value * (1 - part), "it leaves attention out"
    text = "it counts what is computed again in the backward pass, which makes it an HFU"
    yield ours.value * RECOMPUTED, text


def _same(one: float, other: float) -> bool:
    return abs(one - other) <= SAME * abs(other)
