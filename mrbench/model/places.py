"""The folders of this machine that a run uses."""

from pathlib import Path
from typing import Any

import msgspec

from mrbench.model.inputs import SyntheticData
from mrbench.model.later import as_ever

# Count up whenever other bytes are drawn for the same order: of one size, and like COCO's.
DRAWING, LIKE_COCO = 2, 1


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """Where the user keeps things: data, weights, a mirror of the repositories, the runs.

    python: the interpreter that --environment names by its path.
    """

    data: Path | None = None
    weights: Path | None = None
    mirror: str | None = None
    python: Path | None = None
    runs: Path = Path("runs")


def drawing(like: str | None) -> int:
    """Return the version of the code that draws pictures of one size, or like others."""
    return DRAWING if like is None else LIKE_COCO


def order(spec: SyntheticData) -> dict[str, Any]:  # any: whatever JSON holds
    """Return all that decides the bytes of a drawn dataset."""
    return {**as_ever(spec), "drawing": drawing(spec.like)}
