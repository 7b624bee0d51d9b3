"""A small COCO-format dataset that mrbench draws."""

from mrbench.prepare.data.synth.dataset import (
    MARKER,
    Drawn,
    counts,
    draw,
    read_marker,
    redraw,
    synthesize,
)

__all__ = ["MARKER", "Drawn", "counts", "draw", "read_marker", "redraw", "synthesize"]
