"""What a drawn picture is: its file, and the annotations of what is on it."""

from typing import NamedTuple

Point = tuple[float, float]
Outline = list[Point]
Runs = dict[str, list[int]]  # counts and size, as COCO writes the mask of a crowd


class Thing(NamedTuple):
    """An object: its category's index among the 80, and what its annotation says of it.

    segmentation: polygons, x and y in turn; of a crowd the run lengths of its mask. area in square
    pixels. bbox: left, top, width, height.
    """

    category: int
    segmentation: list[list[float]] | Runs
    area: float
    bbox: list[float]
    crowd: bool = False


class Picture(NamedTuple):
    """A JPEG file, its size in pixels, and what is on it."""

    jpeg: bytes
    width: int
    height: int
    things: list[Thing]


def single(parts: list[Outline], category: int) -> Thing:
    """Return an object of one or several outlines."""
    left, top, right, bottom = box([point for part in parts for point in part])
    return Thing(
        category=category,
        segmentation=[[number for point in part for number in point] for part in parts],
        area=round(sum(map(area, parts)), 2),
        bbox=[left, top, round(right - left, 2), round(bottom - top, 2)],
    )


def box(outline: Outline) -> tuple[float, float, float, float]:
    """Return left, top, right, bottom."""
    across, down = zip(*outline, strict=True)
    return min(across), min(down), max(across), max(down)


def area(outline: Outline) -> float:
    """Return the area inside, in square pixels."""
    following = outline[1:] + outline[:1]
    doubled = sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(outline, following, strict=True))
    return abs(doubled) / 2
