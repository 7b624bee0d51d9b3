"""A run's MFU in words: what it is by, what other sources would make of it, what the log prints."""

from msgspec.structs import replace

from mrbench.model.mfu import Flops, Mfu, percent

ATTENTION = {
    "full": "attention in full",
    "causal_halved": "the causal half of attention",
    "none": "no attention",
    "unknown": "attention in an unknown way",
}


def described(found: Mfu | None, flops: Flops) -> list[str]:
    """Return lines on a run's MFU; the first is the number, or why there is none."""
    if found is None:
        return ["none: without throughput"]
    lines = [_first(found)]
    for peak in found.other_peaks:
        if found.tflops_per_device:
            share = found.tflops_per_device / peak.tflops
            lines.append(
                f"{percent(share)} by another source: {peak.tflops:g} TFLOP/s, {peak.source}"
            )
    if found.tflops_per_device is not None:
        lines.append(
            f"{found.tflops_per_device:.4g} TFLOP/s per device: {flops.per_unit:.4g} operations per"
            f" unit, which count {ATTENTION[flops.attention]} ({flops.source})"
        )
    if found.printed is not None:
        known = f": {found.difference}" if found.difference else ", the same"
        lines.append(f"the log prints {percent(found.printed)}{known}")
    return lines


def _first(found: Mfu) -> str:
    if found.value is None or found.peak is None:
        return f"none: {found.reason}"
    return (
        f"{percent(found.value)} of {found.peak.tflops:g} TFLOP/s, the dense {found.arithmetic}"
        f" peak of {found.gpu} ({found.peak.source})"
    )


def of_row(newest: Mfu | None, throughput: float | None, mean: float | None) -> Mfu | None:
    """Return the MFU of a row's throughput, from that of its newest run.

    All runs of a row have one plan and one kind of machine: only the throughput differs.
    """
    if newest is None or newest.value is None or not throughput or mean is None:
        return newest
    share = mean / throughput
    tflops = newest.tflops_per_device
    return replace(
        newest,
        value=newest.value * share,
        tflops_per_device=None if tflops is None else tflops * share,
    )
