"""Draws small pictures of one size: simple shapes on a mottled ground, to try things out.

The same bytes for the same seed and number. Of Python's random numbers only Random.random() is
promised to stay the same from version to version; so all chance comes from there.
"""

import bisect
import colorsys
import math
from io import BytesIO
from random import Random

from PIL import Image, ImageDraw

from mrbench.prepare.data.synth.categories import CATEGORIES, COMMONNESS
from mrbench.prepare.data.synth.picture import Outline, Picture, Thing, box, single

TRIES = 20  # for a place where a shape hides none of the others
GREYS = range(90, 154)
MOTTLE = 16  # pixels
FEWEST_SHAPES, MOST_SHAPES = 3, 8


def picture(width: int, height: int, seed: int, number: int) -> Picture:
    """Draw one picture: the same for the same size, seed and number, whatever else is drawn."""
    rng = Random(f"{seed}/{number}")  # noqa: S311 - a drawing, no secret
    image = _ground(rng, width, height)
    canvas = ImageDraw.Draw(image)
    outlines: list[Outline] = []
    things: list[Thing] = []
    for _ in range(_whole(rng, FEWEST_SHAPES, MOST_SHAPES + 1)):
        category = bisect.bisect_right(COMMONNESS, _between(rng, 0, COMMONNESS[-1]))
        category = min(category, len(CATEGORIES) - 1)  # should rounding yield the very end
        outline = _place(rng, category, (width, height), outlines)
        canvas.polygon(outline, fill=_colour(rng, category))
        outlines.append(outline)
        things.append(single([outline], category))
    written = BytesIO()
    image.save(written, "JPEG", quality=90)
    return Picture(written.getvalue(), width, height, things)


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


def _place(rng: Random, category: int, size: tuple[int, int], others: list[Outline]) -> Outline:
    """Return an outline inside the image, clear of the others' boxes where one of the tries is."""
    outline: Outline = []
    for _ in range(TRIES):
        outline = _outline(rng, category, *size)
        if not any(_touch(box(outline), box(other)) for other in others):
            break
    return outline


def _outline(rng: Random, category: int, width: int, height: int) -> Outline:
    """Make a polygon of 3 to 6 corners, or an ellipse as one of 24, as the category says."""
    corners = (24, 3, 4, 5, 6)[category // 16]
    radius = _between(rng, 0.09, 0.22) * min(width, height)
    across, down = radius * _between(rng, 0.7, 1), radius * _between(rng, 0.7, 1)
    x = _between(rng, radius + 1, width - radius - 1)
    y = _between(rng, radius + 1, height - radius - 1)
    turn = _between(rng, 0, math.tau)
    angles = [turn + math.tau * corner / corners for corner in range(corners)]
    return [(round(x + across * math.cos(a), 2), round(y + down * math.sin(a), 2)) for a in angles]


def _touch(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return all(one[i] < other[i + 2] and other[i] < one[i + 2] for i in (0, 1))
