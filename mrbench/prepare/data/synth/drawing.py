"""Draws one picture: shapes on a mottled ground, the same bytes for the same seed and number.

Of Python's random numbers only Random.random() is promised to stay the same from version to
version; so all chance comes from there.
"""

import bisect
import colorsys
import itertools
import math
from io import BytesIO
from random import Random
from typing import NamedTuple

from PIL import Image, ImageDraw

from mrbench.model.recipe import SyntheticData
from mrbench.prepare.data.coco_categories import categories

CATEGORIES = categories()
# few categories make up most, as in COCO: the n-th is 1/n as common as the first
COMMONNESS = list(itertools.accumulate(1 / rank for rank in range(1, len(CATEGORIES) + 1)))
TRIES = 20  # for a place where a shape hides none of the others
GREYS = range(90, 154)
MOTTLE = 16  # pixels
FEWEST_SHAPES, MOST_SHAPES = 3, 8

Point = tuple[float, float]


class Shape(NamedTuple):
    """An outline in pixels, and the index of its category among the 80."""

    outline: list[Point]
    category: int


def picture(spec: SyntheticData, number: int) -> tuple[bytes, list[Shape]]:
    """Return the JPEG of one picture of a set, and what is on it."""
    rng = Random(f"{spec.seed}/{number}")  # noqa: S311 - a drawing, no secret
    image = _ground(rng, spec.width, spec.height)
    canvas = ImageDraw.Draw(image)
    shapes: list[Shape] = []
    for _ in range(_whole(rng, FEWEST_SHAPES, MOST_SHAPES + 1)):
        category = bisect.bisect_right(COMMONNESS, _between(rng, 0, COMMONNESS[-1]))
        category = min(category, len(CATEGORIES) - 1)  # should rounding yield the very end
        outline = _place(rng, category, spec, [shape.outline for shape in shapes])
        canvas.polygon(outline, fill=_colour(rng, category))
        shapes.append(Shape(outline, category))
    written = BytesIO()
    image.save(written, "JPEG", quality=90)
    return written.getvalue(), shapes


def box(outline: list[Point]) -> tuple[float, float, float, float]:
    """Return left, top, right, bottom."""
    across, down = zip(*outline, strict=True)
    return min(across), min(down), max(across), max(down)


def area(outline: list[Point]) -> float:
    """Return the area inside, in square pixels."""
    following = outline[1:] + outline[:1]
    doubled = sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(outline, following, strict=True))
    return round(abs(doubled) / 2, 2)


def _between(rng: Random, low: float, high: float) -> float:
    return low + (high - low) * rng.random()


def _whole(rng: Random, low: int, end: int) -> int:
    return low + int((end - low) * rng.random())


def _ground(rng: Random, width: int, height: int) -> Image.Image:
    """Make grey mottles: something to tell the shapes from."""
    columns, rows = width // MOTTLE + 1, height // MOTTLE + 1
    greys = bytes(_whole(rng, GREYS.start, GREYS.stop) for _ in range(columns * rows))
    mottles = Image.frombytes("L", (columns, rows), greys)
    return mottles.resize((width, height), Image.Resampling.BICUBIC).convert("RGB")


def _colour(rng: Random, category: int) -> tuple[int, int, int]:
    """Take the hue from the category, in 16 steps; the rest varies a little."""
    saturation, value = _between(rng, 0.75, 1), _between(rng, 0.7, 1)
    red, green, blue = colorsys.hsv_to_rgb((category % 16) / 16, saturation, value)
    return round(255 * red), round(255 * green), round(255 * blue)


def _place(
    rng: Random, category: int, spec: SyntheticData, others: list[list[Point]]
) -> list[Point]:
    """Return an outline inside the image, clear of the others' boxes where one of the tries is."""
    outline: list[Point] = []
    for _ in range(TRIES):
        outline = _outline(rng, category, spec)
        if not any(_touch(box(outline), box(other)) for other in others):
            break
    return outline


def _outline(rng: Random, category: int, spec: SyntheticData) -> list[Point]:
    """Make a polygon of 3 to 6 corners, or an ellipse as one of 24, as the category says."""
    corners = (24, 3, 4, 5, 6)[category // 16]
    radius = _between(rng, 0.09, 0.22) * min(spec.width, spec.height)
    across, down = radius * _between(rng, 0.7, 1), radius * _between(rng, 0.7, 1)
    x = _between(rng, radius + 1, spec.width - radius - 1)
    y = _between(rng, radius + 1, spec.height - radius - 1)
    turn = _between(rng, 0, math.tau)
    angles = [turn + math.tau * corner / corners for corner in range(corners)]
    return [(round(x + across * math.cos(a), 2), round(y + down * math.sin(a), 2)) for a in angles]


def _touch(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return all(one[i] < other[i + 2] and other[i] < one[i + 2] for i in (0, 1))
