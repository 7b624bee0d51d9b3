"""How much of a GPU's peak a training uses: what recipes state of it, and the answer; no I/O."""

from collections.abc import Mapping
from typing import Annotated, Literal

from msgspec import Meta, Struct

from mrbench.model.doc import doc
from mrbench.model.inputs import Value

MOST_WRITTEN_OUT = 1000.0  # of the peak
NumberFormat = Literal["fp32", "tf32", "fp16", "bf16", "fp8"]
Attention = Literal["full", "causal_halved", "none", "unknown"]

_ATTENTION = doc(
    "How attention is counted: full; causal_halved (only the half that a causal mask leaves); none"
    " (left out, or the model has none); unknown."
)
_ARITHMETIC = doc(
    "Number format that the matrix multiplications are computed in, whose dense peak counts: fp32,"
    " tf32, fp16, bf16 or fp8. Default: that of workload.precision. Needed for float32 on a GPU"
    " that has TF32 (is it on?), and for mixed precision."
)


class FlopsPerUnit(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Floating-point operations of the model for one unit of work, such as a token or an image."""

    formula: Annotated[
        Value,
        Meta(
            description="A number, or + - * / ** and parentheses over numbers and names of"
            " `values`: forward and backward pass, two operations per multiply-add, nothing for"
            " activations that are computed again; of a step, those of all devices. sequence_length"
            " is known by itself.",
            examples=["6 * parameters + 12 * layers * width * sequence_length"],
        ),
    ]
    source: Annotated[
        str,
        Meta(min_length=1, description="Where the formula comes from, e.g. a file at a commit."),
    ]
    attention: Annotated[Attention, _ATTENTION]
    values: Annotated[
        Mapping[str, Value], doc("Numbers of the formula by name, e.g. {layers: 12, width: 768}.")
    ] = {}
    attention_formula: Annotated[
        Value | None,
        doc(
            "The part of `formula` that is attention, as counted there. With it, mrbench tells an"
            " MFU that counts attention the other way."
        ),
    ] = None
    arithmetic: Annotated[NumberFormat | None, _ARITHMETIC] = None


class Flops(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The same with its formulas worked out, as a plan holds it."""

    per_unit: Annotated[
        float, Meta(gt=0, description="Floating-point operations for one unit of work.")
    ]
    attention_per_unit: Annotated[
        float | None, doc("Those of them that are attention, if stated.")
    ] = None
    formula: Annotated[str, doc("The formula, as the recipe has it.")]
    values: Annotated[Mapping[str, float], doc("Its numbers by name.")] = {}
    attention: Annotated[Attention, _ATTENTION]
    arithmetic: Annotated[NumberFormat | None, _ARITHMETIC] = None
    source: Annotated[str, doc("Where the formula comes from.")]


class Peak(Struct, frozen=True, kw_only=True):
    """A GPU's dense peak by one source."""

    tflops: Annotated[float, Meta(gt=0, description="Dense peak in TFLOP/s.")]
    source: Annotated[str, doc("Where the figure comes from.")]


class Mfu(Struct, frozen=True, kw_only=True):
    """Model FLOPs utilisation: the model's operations per second and device by the dense peak."""

    value: Annotated[float | None, doc("Share of the dense peak, 1 is all; null: see reason.")] = (
        None
    )
    reason: Annotated[str, doc("Why there is no MFU; else empty.")] = ""
    tflops_per_device: Annotated[
        float | None, doc("Throughput per device times flops per unit, in TFLOP/s.")
    ] = None
    gpu: Annotated[str | None, doc("Name of the GPUs.")] = None
    arithmetic: Annotated[NumberFormat | None, doc("Number format whose peak counts.")] = None
    peak: Annotated[Peak | None, doc("The dense peak of one GPU that counts.")] = None
    other_peaks: Annotated[tuple[Peak, ...], doc("What other sources state for the same GPU.")] = ()
    causes: Annotated[
        tuple[str, ...],
        doc("Above 1, which cannot be: what would explain it, the likeliest first."),
    ] = ()
    printed: Annotated[float | None, doc("MFU that the log prints, as a share; null: none.")] = None
    difference: Annotated[
        str, doc("What explains the difference to it, where that can be computed.")
    ] = ""


def percent(share: float) -> str:
    """Return `32.1%`; a share that only a wrong formula can make, to three digits."""
    return f"{share:.1%}" if share < MOST_WRITTEN_OUT else f"{100 * share:.3g}%"
