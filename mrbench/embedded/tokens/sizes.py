"""The command line that the trainings share."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Read the command line; what cannot work ends the program."""
    parser = argparse.ArgumentParser(formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    add = parser.add_argument
    add("--output", type=Path, required=True, help="folder for what the trainer writes")
    add("--device", choices=["cuda", "cpu"], default="cuda")
    add("--precision", choices=["float32", "bfloat16"], default="bfloat16", help="bfloat16: mixed")
    add("--layers", type=count, default=12)
    add("--heads", type=count, default=12)
    add("--width", type=count, default=768, help="of the embedding")
    add("--vocabulary", type=count, default=50304, help="tokens that there are")
    add("--length", type=count, default=1024, help="tokens of a sequence")
    add("--sequences", type=count, default=8, help="of a batch")
    add("--accumulation", type=count, default=1, help="batches of an optimizer step")
    add("--steps", type=count, default=10000, help="optimizer steps")
    add("--every", type=count, default=10, help="optimizer steps from one log line to the next")
    add("--seed", type=int, default=0)
    return parser.parse_args(words)


def count(word: str) -> int:
    """Read a number of at least 1."""
    number = int(word)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{word}: at least 1")
    return number
