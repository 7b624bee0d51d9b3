"""What one iteration of a training is, as recipes state it; no I/O."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from msgspec import Struct

from mrbench.model.doc import doc
from mrbench.model.inputs import Count
from mrbench.model.mfu import FlopsPerUnit
from mrbench.model.work import Unit

Iteration = Literal["step", "batch"]


class Workload(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one iteration is."""

    LATER: ClassVar[Mapping[str, Any]] = {
        "whole_batches": None,
        "flops_per_unit": None,
        "unit": "images",
        "sequence_length": None,
        "accumulation": 1,
        "iteration": "step",
    }

    unit: Annotated[
        Unit,
        doc(
            "What the throughput counts: images, tokens, samples, sequences, or steps, the"
            " iterations themselves."
        ),
    ] = "images"
    per_device: Annotated[
        Count,
        doc(
            "Images (samples, sequences) of one GPU in one batch, e.g. 2. Of tokens: the sequences,"
            " with sequence_length beside it; without, the tokens themselves. Of steps: 1."
        ),
    ]
    total: Annotated[
        Count | None,
        doc(
            "The same of all GPUs in one iteration, where upstream's configuration fixes the sum,"
            " e.g. 16. Default: per_device times the number of GPUs, and times accumulation where"
            " an iteration is an optimizer step."
        ),
    ] = None
    sequence_length: Annotated[Count | None, doc("Tokens of one sequence, e.g. 2048.")] = None
    accumulation: Annotated[
        Count, doc("Batches whose gradients are added up for one optimizer step.")
    ] = 1
    iteration: Annotated[
        Iteration,
        doc(
            "What the log counts as an iteration where gradients are accumulated: an optimizer"
            " step, or a single batch."
        ),
    ] = "step"
    learning_rate_per_image: Annotated[
        float | None,
        doc(
            "Learning rate for each image of an iteration, e.g. 0.00125; {learning_rate} is that"
            " times {work_per_iteration}."
        ),
    ] = None
    precision: Annotated[
        str, doc("Number format of the training, e.g. float32, float16, bfloat16.")
    ] = "float32"
    whole_batches: Annotated[
        bool | None,
        doc(
            "Whether all iterations have their full number of images; false where the last batch of"
            " an epoch, or of a group of images, may be smaller. Default: unknown, which is a note"
            " where a small data set makes it matter."
        ),
    ] = None
    image_size: Annotated[
        str | None,
        doc("Pixels of an image's shorter side and the most of its longer side, e.g. 800/1333."),
    ] = None
    flops_per_unit: Annotated[
        FlopsPerUnit | None,
        doc(
            "Floating-point operations for one unit of work, and where the count comes from; MFU"
            " needs them."
        ),
    ] = None

    def work_per_iteration(self, devices: int, *, resized: bool = False) -> int:
        """Return the work of all devices in one iteration, in its unit.

        resized: on another number of devices than the suite's, which total does not hold for.
        """
        if self.unit == "steps":
            return 1
        batches = self.accumulation if self.iteration == "step" else 1
        samples = self.per_device * devices * batches
        if self.total is not None and not resized:
            samples = self.total
        return samples * (self.sequence_length or 1) if self.unit == "tokens" else samples


class PartlyKnown(Struct, frozen=True, kw_only=True):
    """What is known of a workload before it is stated; None is unknown."""

    unit: Unit | None = None
    per_device: int | None = None
    sequence_length: int | None = None
    accumulation: int | None = None

    def unknown(self, unit: Unit) -> tuple[str, ...]:
        """Return the keys of a workload without which there is no throughput in that unit."""
        needed = [] if unit == "steps" else ["per_device"]
        if unit == "tokens":
            needed += ["sequence_length", "accumulation"]
        return tuple(name for name in needed if getattr(self, name) is None)

    def workload(self, unit: Unit) -> Workload:
        """Return the workload, with stand-ins for what is unknown."""
        return Workload(
            unit=unit,
            per_device=self.per_device or 1,
            sequence_length=self.sequence_length or (1 if unit == "tokens" else None),
            accumulation=self.accumulation or 1,
        )

    def work_per_iteration(self, unit: Unit) -> int | None:
        """Return the work of one iteration on one device, if all of it is known."""
        return None if self.unknown(unit) else self.workload(unit).work_per_iteration(1)
