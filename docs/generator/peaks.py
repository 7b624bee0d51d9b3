"""The page of GPUs' peaks, made from mrbench's own data file."""

from mrbench.measure.mfu.peaks import GpuPeaks, content
from pages import cell

INTRO = """\
# Peaks of GPUs

The dense peaks in TFLOP/s that [MFU](../mfu.md) is worked out by, from
`mrbench/measure/mfu/peaks.toml`. Figures with sparsity are halved. A GPU that is not here has no
MFU. Where a number format has several sources, the first one counts, and mrbench prints what the
others would make of it.

| GPU, as NVML names it | number format | TFLOP/s | source |
|---|---|---|---|
"""
ABOUT = {"unknown": "any that is not in the table above", "every": "every GPU"}
MISTAKES = """

## Peaks that trainers take instead

Where the MFU that a log prints is the one that such a peak leads to, mrbench says so.

| GPU | TFLOP/s | trainer | why it is wrong |
|---|---|---|---|
"""


def page() -> str:
    """Return the page."""
    rows = [row for gpu in content().gpus for row in _rows(gpu)]
    mistakes = [
        f"| {cell(', '.join(m.gpus) or ABOUT[m.about])} | {m.tflops:g} | {m.trainer} | {m.why} |"
        for m in content().mistakes
    ]
    return INTRO + "\n".join(rows) + MISTAKES + "\n".join(mistakes) + "\n"


def _rows(gpu: GpuPeaks) -> list[str]:
    names = cell(", ".join(gpu.names))
    return [
        f"| {names} | {', '.join(figure.formats)} | {figure.tflops:g} |"
        f" {cell(content().sources[figure.source])} |"
        for figure in gpu.peaks
    ]
