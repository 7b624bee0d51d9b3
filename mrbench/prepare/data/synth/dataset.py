"""Makes the folder of a drawn dataset: pictures and annotations under the names of both years.

As in COCO, train2017 is train2014 and valminusminival2014 together, and val2017 is minival2014: the
same pictures stand under both years' names, so that code of either year finds its own.

A picture is shapes on a mottled ground, the same bytes for the same seed and number. Of Python's
random numbers only Random.random() is promised to stay the same from version to version; so all
chance comes from there.
"""

import bisect
import colorsys
import functools
import itertools
import json
import math
import shutil
import tempfile
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from random import Random
from typing import NamedTuple

import msgspec
from PIL import Image, ImageDraw

from mrbench import files
from mrbench.errors import RecipeError, UnavailableError
from mrbench.files import real_path
from mrbench.model.inputs import SyntheticData
from mrbench.model.places import DRAWING
from mrbench.prepare.data.workers import cores, parallel_map

# one line per supercategory: its name, then id and name of each category
_CATEGORIES = """
person: 1 person
vehicle: 2 bicycle, 3 car, 4 motorcycle, 5 airplane, 6 bus, 7 train, 8 truck, 9 boat
outdoor: 10 traffic light, 11 fire hydrant, 13 stop sign, 14 parking meter, 15 bench
animal: 16 bird, 17 cat, 18 dog, 19 horse, 20 sheep, 21 cow, 22 elephant, 23 bear, 24 zebra, \
25 giraffe
accessory: 27 backpack, 28 umbrella, 31 handbag, 32 tie, 33 suitcase
sports: 34 frisbee, 35 skis, 36 snowboard, 37 sports ball, 38 kite, 39 baseball bat, \
40 baseball glove, 41 skateboard, 42 surfboard, 43 tennis racket
kitchen: 44 bottle, 46 wine glass, 47 cup, 48 fork, 49 knife, 50 spoon, 51 bowl
food: 52 banana, 53 apple, 54 sandwich, 55 orange, 56 broccoli, 57 carrot, 58 hot dog, 59 pizza, \
60 donut, 61 cake
furniture: 62 chair, 63 couch, 64 potted plant, 65 bed, 67 dining table, 70 toilet
electronic: 72 tv, 73 laptop, 74 mouse, 75 remote, 76 keyboard, 77 cell phone
appliance: 78 microwave, 79 oven, 80 toaster, 81 sink, 82 refrigerator
indoor: 84 book, 85 clock, 86 vase, 87 scissors, 88 teddy bear, 89 hair drier, 90 toothbrush
"""


def categories() -> list[dict[str, object]]:
    """Return the `categories` list of an instances_*.json: supercategory, id, name; by id."""
    entries: list[dict[str, object]] = []
    for line in _CATEGORIES.strip().splitlines():
        supercategory, members = line.split(": ")
        for member in members.split(", "):
            number, name = member.split(" ", 1)
            entries.append({"supercategory": supercategory, "id": int(number), "name": name})
    return entries


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


MARKER = "mrbench-synthetic.json"  # says what was asked for; a folder that has it is ours
FEWEST_IMAGES = 2  # train2014 and valminusminival2014 get one each
SIDES = range(32, 8193)  # pixels; below it the shapes would be specks
WORTH_PROCESSES = 200  # pictures
AT_A_TIME = 32  # pictures, in one process

# each annotation file's folder of images, and how their names begin
SETS = {
    "train2017": ("train2017", ""),
    "val2017": ("val2017", ""),
    "train2014": ("train2014", "COCO_train2014_"),
    "val2014": ("val2014", "COCO_val2014_"),
    "valminusminival2014": ("val2014", "COCO_val2014_"),
    "minival2014": ("val2014", "COCO_val2014_"),
}


def synthesize(folder: Path, spec: SyntheticData) -> None:
    """Make `folder`, unless it is there: a folder that exists is complete.

    spec.images pictures go to train2017, and an eighth as many (at least 2) to val2017.
    RecipeError for a spec that cannot be drawn, UnavailableError where it cannot be written.
    """
    if not folder.exists():
        _make(folder, spec, None, "set MRBENCH_HOME to a folder that can be written")


def draw(folder: Path, spec: SyntheticData) -> bool:
    """Make a folder of the user's: a new one, an empty one, or anew one that was made here before.

    Returns False where it holds this very set already. RecipeError for a folder with anything else
    in it; else as synthesize.
    """
    folder = real_path(folder)  # a link stays one
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if not names:
        _make(folder, spec, None, "name another folder")
        return True
    if names != {MARKER, "annotations", *(images for images, _ in SETS.values())}:
        raise RecipeError(
            "is not empty, and not a drawn dataset alone",
            "name a new or an empty folder",
            file=folder,
        )
    if read_marker(folder) == _identity(spec):
        return False
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as aside:
        _make(folder, spec, Path(aside) / "old", "name another folder")
    return True


class Drawn(msgspec.Struct, frozen=True, kw_only=True):
    """The marker of a drawn dataset; drawing: the version of the code that drew it."""

    images: int
    width: int
    height: int
    seed: int
    drawing: int


def read_marker(folder: Path) -> Drawn | None:
    """Return the marker of a drawn dataset; None for other folders."""
    return files.cached(folder / MARKER, Drawn)


def counts(images: int) -> dict[str, int]:
    """Return the number of images in each set of a dataset of so many."""
    return {name: len(numbers) for name, numbers in _members(images).items()}


def _identity(spec: SyntheticData) -> Drawn:
    return Drawn(**msgspec.structs.asdict(spec), drawing=DRAWING)


def _make(folder: Path, spec: SyntheticData, old: Path | None, otherwise: str) -> None:
    """Draw beside `folder` and rename; what stands there goes to `old`."""
    if spec.images < FEWEST_IMAGES or spec.width not in SIDES or spec.height not in SIDES:
        raise RecipeError(
            f"synthetic data of {spec.images} images, {spec.width}x{spec.height}: needs at least"
            f" {FEWEST_IMAGES} images of {SIDES[0]}x{SIDES[0]} to {SIDES[-1]}x{SIDES[-1]}",
            "ask for such",
        )
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            _write(beside, spec)
            beside.chmod(0o755)  # mkdtemp's own is for its user only; containers read it too
            if old is not None:
                folder.rename(old)
            beside.rename(folder)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    except OSError as exc:
        if old is None and read_marker(folder) == _identity(spec):
            return  # another process was faster, and its bytes are the same
        raise UnavailableError(
            f"cannot write the synthetic data ({exc.strerror})",
            f"make room there, or {otherwise}",
            file=folder,
        ) from exc


def _members(images: int) -> dict[str, range]:
    """Return the numbers of the pictures in each set, for so many to train on."""
    end = images + max(2, images // 8) + 1
    cut = images - max(1, images // 8) + 1
    return {
        "train2017": range(1, images + 1),
        "val2017": range(images + 1, end),
        "train2014": range(1, cut),
        "val2014": range(cut, end),
        "valminusminival2014": range(cut, images + 1),
        "minival2014": range(images + 1, end),
    }


def _write(folder: Path, spec: SyntheticData) -> None:
    for name in ("annotations", *(images for images, _ in SETS.values())):
        (folder / name).mkdir(exist_ok=True)
    members = _members(spec.images)
    numbers = range(1, members["val2017"].stop)
    draw_one = functools.partial(_draw_one, folder, spec)
    processes = cores() if len(numbers) >= WORTH_PROCESSES else 1
    shapes = [[], *parallel_map(draw_one, numbers, processes=processes, at_a_time=AT_A_TIME)]
    for name, part in members.items():
        document = json.dumps(_document(part, shapes, SETS[name][1], spec))
        (folder / "annotations" / f"instances_{name}.json").write_text(document)
    (folder / MARKER).write_text(
        json.dumps(msgspec.structs.asdict(_identity(spec)), indent=1) + "\n"
    )


def _draw_one(folder: Path, spec: SyntheticData, number: int) -> list[Shape]:
    """Draw a picture and put it under each of its names; return what is on it."""
    jpeg, shapes = picture(spec, number)
    members = _members(spec.images)
    places = (SETS[name] for name, part in members.items() if number in part)
    first, *others = dict.fromkeys(
        folder / images / _file_name(prefix, number) for images, prefix in places
    )
    first.write_bytes(jpeg)
    for path in others:
        try:
            path.hardlink_to(first)
        except OSError:  # some file systems have no such links
            path.write_bytes(jpeg)
    return shapes


def _file_name(prefix: str, number: int) -> str:
    return f"{prefix}{number:012d}.jpg"


def _document(
    numbers: range, shapes: Sequence[Sequence[Shape]], prefix: str, spec: SyntheticData
) -> dict[str, object]:
    """Return what an instances_*.json holds; annotation ids are the same in each of them."""
    images: list[dict[str, object]] = []
    annotations: list[dict[str, object]] = []
    for number in numbers:
        images.append(
            {
                "id": number,
                "file_name": _file_name(prefix, number),
                "width": spec.width,
                "height": spec.height,
                "license": 1,
                "date_captured": "2014-01-01 00:00:00",
            }
        )
        for index, shape in enumerate(shapes[number]):
            left, top, right, bottom = box(shape.outline)
            annotations.append(
                {
                    "id": 10 * number + index,
                    "image_id": number,
                    "category_id": CATEGORIES[shape.category]["id"],
                    "segmentation": [[number for point in shape.outline for number in point]],
                    "area": area(shape.outline),
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
