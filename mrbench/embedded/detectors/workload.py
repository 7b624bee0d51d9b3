"""What both trainings share: what is said before one begins, its precision, and flips."""

from __future__ import annotations

import os
from typing import NamedTuple

import torch

FLIPPED = 0.5  # of the images, left to right


class Workload(NamedTuple):
    """What a trainer understood of its work; images of a batch of one device, batches of a step."""

    devices: int
    device: str
    images: int
    batches: int
    size: int
    precision: str

    def words(self) -> str:
        """Say it, with the images of all devices in a step."""
        images = self.devices * self.batches * self.images
        return (
            f"{self.devices} x {self.device}, {images} images a step in {self.batches} batches of"
            f" {self.images}, {self.size} x {self.size} pixels, {self.precision}"
        )


def full_precision(precision: str) -> None:
    """Have float32 mean float32, and tf32 that matrix products and convolutions take TF32."""
    torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
    torch.backends.cudnn.allow_tf32 = precision == "tf32"


def understood(*, mixed: bool) -> str:
    """Return the precision that is set. mixed: whether the trainer mixes bfloat16 in."""
    if mixed:
        return "bfloat16"
    return "float32" if torch.get_float32_matmul_precision() == "highest" else "tf32"


def flipped() -> bool:
    """Draw whether an image is mirrored."""
    return bool(torch.rand(()) < FLIPPED)


def say(text: str) -> None:
    """Print a line, at once; only the first process does."""
    if os.environ.get("RANK", "0") == "0":
        print(text, flush=True)  # noqa: T201 - the log
