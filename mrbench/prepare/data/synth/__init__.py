"""A small COCO-format dataset that mrbench draws: drawing.py a picture, dataset.py the folder."""

from mrbench.prepare.data.synth.dataset import MARKER, counts, draw, made_by_us, synthesize

__all__ = ["MARKER", "counts", "draw", "made_by_us", "synthesize"]
