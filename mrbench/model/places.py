"""The folders of this machine that a run uses."""

from pathlib import Path

import msgspec

DRAWING = 2  # counts up whenever other bytes are drawn for the same order


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """Where the user keeps things: data, weights, a mirror of the repositories, the runs.

    python: the interpreter that --environment names by its path.
    """

    data: Path | None = None
    weights: Path | None = None
    mirror: str | None = None
    python: Path | None = None
    runs: Path = Path("runs")
