"""The command line of both trainings."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

PRECISIONS = ("float32", "tf32", "bfloat16")


def parse(words: Sequence[str], models: Collection[str]) -> argparse.Namespace:
    """Read the command line; what cannot work ends the program."""
    parser = argparse.ArgumentParser(formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    add = parser.add_argument
    add("--model", choices=sorted(models), required=True)
    add("--small", action="store_true", help="a model small enough for a CPU, of the same parts")
    add("--data", type=Path, required=True, help="folder with COCO-format data")
    add("--output", type=Path, required=True, help="folder for what the trainer writes")
    add("--device", choices=["cuda", "cpu"], default="cuda")
    add("--precision", choices=PRECISIONS, default="float32", help="bfloat16: mixed")
    add("--size", type=count, help="pixels of an image's sides; default: the model's own")
    add("--images", type=count, default=4, help="of a batch of one process")
    add("--steps", type=count, default=10000, help="optimizer steps")
    add("--workers", type=int, default=4, help="loader processes per process; 0: none")
    add("--learning-rate", type=float, default=1e-4)
    add("--compile", action="store_true", help="torch.compile")
    add("--seed", type=int, default=0)
    return parser.parse_args(words)


def count(word: str) -> int:
    """Read a number of at least 1."""
    number = int(word)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{word}: at least 1")
    return number
