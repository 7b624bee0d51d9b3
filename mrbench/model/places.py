"""The folders of this machine that a run uses."""

import hashlib
import json
from pathlib import Path

import msgspec

from mrbench.files import home
from mrbench.model.recipe import SyntheticData

DRAWING = 2  # counts up whenever other bytes are drawn for the same order


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """Where the user keeps things: data, weights, a mirror of the repositories, the runs."""

    data: Path | None = None
    weights: Path | None = None
    mirror: str | None = None
    runs: Path = Path("runs")


def synthetic_folder(spec: SyntheticData) -> Path:
    """Return where that dataset stands in the cache, named by what decides its bytes."""
    order = {**msgspec.structs.asdict(spec), "drawing": DRAWING}
    text = json.dumps(order, sort_keys=True)
    return home() / "data" / f"synthetic-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
