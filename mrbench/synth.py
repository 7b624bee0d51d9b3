"""Draws a small COCO-format dataset: shapes on a mottled ground, the same bytes for each seed.

As in COCO, train2017 is train2014 and valminusminival2014 together, and val2017 is minival2014: the
same pictures stand under both years' names, so that code of either year finds its own.
"""

import colorsys
import json
import math
import shutil
import tempfile
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from random import Random
from typing import NamedTuple

from PIL import Image, ImageDraw

from mrbench.coconames import categories
from mrbench.errors import RecipeError, UnavailableError
from mrbench.model import SyntheticData

FEWEST_IMAGES = 2  # train2014 and valminusminival2014 get one each
SMALLEST_SIDE = 32  # below this the shapes would be specks
CATEGORIES = categories()
COMMONNESS = [1 / rank for rank in range(1, len(CATEGORIES) + 1)]  # few make up most, as in COCO
TRIES = 20  # for a place where a shape hides none of the others

Point = tuple[float, float]


class Shape(NamedTuple):
    """An outline in pixels, and the index of its category among the 80."""

    outline: list[Point]
    category: int


class Picture(NamedTuple):
    """One image: its COCO id, its JPEG bytes, and what is on it."""

    number: int
    jpeg: bytes
    shapes: list[Shape]


def synthesize(folder: Path, spec: SyntheticData) -> None:
    """Make `folder`, unless it is there: a folder that exists is complete.

    spec.images pictures go to train2017, and an eighth as many (at least 2) to val2017.
    RecipeError for a spec that cannot be drawn, UnavailableError where it cannot be written.
    """
    if folder.exists():
        return
    if spec.images < FEWEST_IMAGES or min(spec.width, spec.height) < SMALLEST_SIDE:
        raise RecipeError(
            f"synthetic data of {spec.images} images, {spec.width}x{spec.height}: needs at least"
            f" {FEWEST_IMAGES} images of {SMALLEST_SIDE}x{SMALLEST_SIDE}; correct the recipe"
        )
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            _write(beside, spec)
            beside.chmod(0o755)  # mkdtemp's own is for its user only; containers read it too
            beside.rename(folder)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    except OSError as exc:
        if folder.is_dir() and any(folder.iterdir()):
            return  # another process was faster, and its bytes are the same
        raise UnavailableError(
            f"{folder}: cannot write the synthetic data ({exc.strerror}); make room there, or set"
            " MRBENCH_HOME to a folder that can be written"
        ) from exc


def _write(folder: Path, spec: SyntheticData) -> None:
    held_out = max(2, spec.images // 8)
    rng = Random(spec.seed)  # noqa: S311  # a drawing, no secret
    pictures = [_draw(number, rng, spec) for number in range(1, spec.images + held_out + 1)]
    train, minival = pictures[: spec.images], pictures[spec.images :]
    cut = spec.images - max(1, spec.images // 8)
    annotations = folder / "annotations"
    annotations.mkdir()
    sets = {
        "train2017": (train, "train2017", ""),
        "val2017": (minival, "val2017", ""),
        "train2014": (train[:cut], "train2014", "COCO_train2014_"),
        "valminusminival2014": (train[cut:], "val2014", "COCO_val2014_"),
        "minival2014": (minival, "val2014", "COCO_val2014_"),
        "val2014": (train[cut:] + minival, "val2014", "COCO_val2014_"),
    }
    for name, (members, images, prefix) in sets.items():
        (folder / images).mkdir(exist_ok=True)
        for picture in members:
            (folder / images / _file_name(prefix, picture)).write_bytes(picture.jpeg)
        document = json.dumps(_document(members, prefix, spec))
        (annotations / f"instances_{name}.json").write_text(document)


def _file_name(prefix: str, picture: Picture) -> str:
    return f"{prefix}{picture.number:012d}.jpg"


def _draw(number: int, rng: Random, spec: SyntheticData) -> Picture:
    image = _ground(rng, spec.width, spec.height)
    canvas = ImageDraw.Draw(image)
    shapes: list[Shape] = []
    for _ in range(rng.randint(3, 8)):
        (category,) = rng.choices(range(len(CATEGORIES)), COMMONNESS)
        outline = _place(rng, category, spec, [shape.outline for shape in shapes])
        canvas.polygon(outline, fill=_colour(rng, category))
        shapes.append(Shape(outline, category))
    written = BytesIO()
    image.save(written, "JPEG", quality=90)
    return Picture(number, written.getvalue(), shapes)


def _ground(rng: Random, width: int, height: int) -> Image.Image:
    """Make grey mottles some 16 pixels wide: something to tell the shapes from."""
    columns, rows = width // 16 + 1, height // 16 + 1
    greys = bytes(90 + byte // 4 for byte in rng.randbytes(columns * rows))
    mottles = Image.frombytes("L", (columns, rows), greys)
    return mottles.resize((width, height), Image.Resampling.BICUBIC).convert("RGB")


def _colour(rng: Random, category: int) -> tuple[int, int, int]:
    """Take the hue from the category, in 16 steps; the rest varies a little."""
    red, green, blue = colorsys.hsv_to_rgb(
        (category % 16) / 16, rng.uniform(0.75, 1), rng.uniform(0.7, 1)
    )
    return round(255 * red), round(255 * green), round(255 * blue)


def _place(
    rng: Random, category: int, spec: SyntheticData, others: list[list[Point]]
) -> list[Point]:
    """Return an outline inside the image, clear of the others' boxes where one of the tries is."""
    outline: list[Point] = []
    for _ in range(TRIES):
        outline = _outline(rng, category, spec)
        if not any(_touch(_box(outline), _box(other)) for other in others):
            break
    return outline


def _outline(rng: Random, category: int, spec: SyntheticData) -> list[Point]:
    """Make a polygon of 3 to 6 corners, or an ellipse as one of 24, as the category says."""
    corners = (24, 3, 4, 5, 6)[category // 16]
    shorter = min(spec.width, spec.height)
    radius = rng.uniform(0.09, 0.22) * shorter
    across, down = radius * rng.uniform(0.7, 1), radius * rng.uniform(0.7, 1)
    x = rng.uniform(radius + 1, spec.width - radius - 1)
    y = rng.uniform(radius + 1, spec.height - radius - 1)
    turn = rng.uniform(0, math.tau)
    angles = [turn + math.tau * corner / corners for corner in range(corners)]
    return [(round(x + across * math.cos(a), 2), round(y + down * math.sin(a), 2)) for a in angles]


def _box(outline: list[Point]) -> tuple[float, float, float, float]:
    """Return left, top, right, bottom."""
    across, down = zip(*outline, strict=True)
    return min(across), min(down), max(across), max(down)


def _touch(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return all(one[i] < other[i + 2] and other[i] < one[i + 2] for i in (0, 1))


def _area(outline: list[Point]) -> float:
    following = outline[1:] + outline[:1]
    doubled = sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(outline, following, strict=True))
    return round(abs(doubled) / 2, 2)


def _document(pictures: Iterable[Picture], prefix: str, spec: SyntheticData) -> dict[str, object]:
    """Return what an instances_*.json holds; annotation ids are the same in each of them."""
    images: list[dict[str, object]] = []
    annotations: list[dict[str, object]] = []
    for picture in pictures:
        images.append(
            {
                "id": picture.number,
                "file_name": _file_name(prefix, picture),
                "width": spec.width,
                "height": spec.height,
                "license": 1,
                "date_captured": "2014-01-01 00:00:00",
            }
        )
        for index, shape in enumerate(picture.shapes):
            left, top, right, bottom = _box(shape.outline)
            annotations.append(
                {
                    "id": 10 * picture.number + index,
                    "image_id": picture.number,
                    "category_id": CATEGORIES[shape.category]["id"],
                    "segmentation": [[number for point in shape.outline for number in point]],
                    "area": _area(shape.outline),
                    "bbox": [left, top, round(right - left, 2), round(bottom - top, 2)],
                    "iscrowd": 0,
                }
            )
    return {
        "info": {"description": "Shapes drawn by mrbench", "version": "1", "year": 2014},
        "licenses": [{"id": 1, "name": "CC0", "url": "https://creativecommons.org/public-domain/"}],
        "images": images,
        "annotations": annotations,
        "categories": CATEGORIES,
    }
