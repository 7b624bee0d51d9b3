"""The command line of the training."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


PRECISIONS = ("float32", "tf32", "bfloat16", "float16")


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Read the command line; what cannot work ends the program."""
    parser = argparse.ArgumentParser(
        prog="train.py", formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = parser.add_argument
    add("--data", type=Path, required=True, help="folder with COCO-format data")
    add("--output", type=Path, required=True, help="folder for the weights, written at the end")
    add("--device", choices=["cuda", "cpu"], default="cuda")
    add("--images", type=count, default=2, help="per process and iteration")
    add("--iterations", type=count, default=90000)
    add("--learning-rate", type=float, default=0.02, help="after the warm-up")
    add("--workers", type=int, default=4, help="loader processes per process; 0: none")
    add("--random-backbone", action="store_true", help="do without the ImageNet weights")
    add("--short-side", type=count, default=800, help="of the resized image, pixels")
    add("--long-side", type=count, default=1333, help="at most, pixels")
    add("--proposals", type=count, default=2000, help="per image and level, before suppression")
    add("--kept-proposals", type=count, help="per image, after it; default: as --proposals")
    add("--regions", type=count, default=512, help="sampled per image")
    add("--seed", type=int, default=0)
    add("--precision", choices=PRECISIONS, default="float32", help="float16 and bfloat16: autocast")
    add("--channels-last", action="store_true", help="keep the weights in that memory format")
    add("--compile", choices=["none", "backbone"], default="none", help="by torch.compile")
    return parser.parse_args(words)


def count(word: str) -> int:
    """Read a number of at least 1."""
    number = int(word)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{word}: at least 1")
    return number
