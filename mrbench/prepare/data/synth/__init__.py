"""A small COCO-format dataset that mrbench draws: pictures and annotations, of both years' names.

As in COCO, train2017 is train2014 and valminusminival2014 together, and val2017 is minival2014: the
same pictures stand under both years' names, so that code of either year finds its own.
"""

import functools
import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from mrbench import files
from mrbench.errors import RecipeError, UnavailableError
from mrbench.files import real_path
from mrbench.model.inputs import SyntheticData
from mrbench.model.places import order
from mrbench.prepare.data.synth import like_coco, shapes
from mrbench.prepare.data.synth.categories import CATEGORIES
from mrbench.prepare.data.synth.picture import Picture
from mrbench.prepare.data.workers import cores, parallel_map

MARKER = "mrbench-synthetic.json"  # says what was asked for; a folder that has it is ours
FEWEST_IMAGES = 2  # train2014 and valminusminival2014 get one each
SIDES = range(32, 8193)  # pixels; below it the shapes would be specks
WORTH_PROCESSES = 200  # pictures
AT_A_TIME = 32  # pictures, in one process
ELSEWHERE = "set MRBENCH_HOME to a folder that can be written"
FEW = 10  # objects of a picture, for which annotation ids have one digit

# each annotation file's folder of images, and how their names begin
SETS = {
    "train2017": ("train2017", ""),
    "val2017": ("val2017", ""),
    "train2014": ("train2014", "COCO_train2014_"),
    "val2014": ("val2014", "COCO_val2014_"),
    "valminusminival2014": ("val2014", "COCO_val2014_"),
    "minival2014": ("val2014", "COCO_val2014_"),
}


Tell = Callable[[int, int], None]


def _silent(_drawn: int, _of: int) -> None:
    pass


def synthesize(folder: Path, spec: SyntheticData, *, anew: bool = False) -> None:
    """Make `folder`, unless it is there: a folder that exists is complete; or make it anew.

    spec.images pictures go to train2017, and an eighth as many (at least 2) to val2017.
    RecipeError for a spec that cannot be drawn, UnavailableError where it cannot be written.
    """
    if anew or not folder.exists():
        _make(folder, spec, ELSEWHERE, anew=anew)


def draw(folder: Path, spec: SyntheticData, tell: Tell = _silent) -> bool:
    """Make a folder of the user's: a new one, an empty one, or anew one that was made here before.

    tell: hears how many pictures are drawn, and of how many.
    Returns False where it holds this very set already. RecipeError for a folder with anything else
    in it; else as synthesize.
    """
    folder = real_path(folder)  # a link stays one
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if names and names != {MARKER, "annotations", *(images for images, _ in SETS.values())}:
        text = "is not empty, and not a drawn dataset alone"
        raise RecipeError(text, "name a new or an empty folder", file=folder)
    if names and read_marker(folder) == _identity(spec):
        return False
    _make(folder, spec, "name another folder", tell, anew=bool(names))
    return True


class Drawn(msgspec.Struct, frozen=True, kw_only=True):
    """The marker of a drawn dataset; drawing: the version of the code that drew it."""

    images: int
    width: int | None = None
    height: int | None = None
    like: str | None = None
    seed: int
    drawing: int


def read_marker(folder: Path) -> Drawn | None:
    """Return the marker of a drawn dataset; None for other folders."""
    return files.cached(folder / MARKER, Drawn)


def counts(images: int) -> dict[str, int]:
    """Return the number of images in each set of a dataset of so many."""
    return {name: len(numbers) for name, numbers in _members(images).items()}


def _identity(spec: SyntheticData) -> Drawn:
    return msgspec.convert(order(spec), Drawn)


def _make(
    folder: Path, spec: SyntheticData, otherwise: str, tell: Tell = _silent, *, anew: bool = False
) -> None:
    """Draw beside `folder` and rename; anew: in the place of what stands there."""
    sides = () if spec.like else (spec.width, spec.height)
    if spec.images < FEWEST_IMAGES or any(side not in SIDES for side in sides):
        raise RecipeError(
            f"synthetic data of {spec.images} images {spec.kind}: needs at least"
            f" {FEWEST_IMAGES} images of {SIDES[0]}x{SIDES[0]} to {SIDES[-1]}x{SIDES[-1]}",
            "ask for such",
        )
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            prefix=f".{folder.name}-", dir=folder.parent, ignore_cleanup_errors=True
        ) as aside:
            drawn = Path(aside) / "drawn"
            drawn.mkdir()
            _write(drawn, spec, tell)
            if anew:
                folder.rename(Path(aside) / "old")
            drawn.rename(folder)
    except OSError as exc:
        if not anew and read_marker(folder) == _identity(spec):
            return  # another process was faster, and its bytes are the same
        text = f"cannot write the synthetic data ({exc.strerror})"
        raise UnavailableError(text, f"make room there, or {otherwise}", file=folder) from exc


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


def _write(folder: Path, spec: SyntheticData, tell: Tell) -> None:
    for name in ("annotations", *(images for images, _ in SETS.values())):
        (folder / name).mkdir(exist_ok=True)
    members = _members(spec.images)
    numbers = range(1, members["val2017"].stop)
    draw_one = functools.partial(_draw_one, folder, spec)
    processes = cores() if len(numbers) >= WORTH_PROCESSES else 1
    pictures = []
    for drawn in parallel_map(draw_one, numbers, processes=processes, at_a_time=AT_A_TIME):
        pictures.append(drawn)
        tell(len(pictures), len(numbers))
    for name, part in members.items():
        document = json.dumps(_document(part, pictures, SETS[name][1]))
        (folder / "annotations" / f"instances_{name}.json").write_text(document)
    (folder / MARKER).write_text(json.dumps(order(spec), indent=1) + "\n")


def picture(spec: SyntheticData, number: int) -> Picture:
    """Draw one picture of a set."""
    if spec.width is None or spec.height is None:
        return like_coco.picture(spec.seed, number)
    return shapes.picture(spec.width, spec.height, spec.seed, number)


def _draw_one(folder: Path, spec: SyntheticData, number: int) -> Picture:
    """Draw a picture and put it under each of its names; return what is on it, without its file."""
    drawn = picture(spec, number)
    members = _members(spec.images)
    places = (SETS[name] for name, part in members.items() if number in part)
    first, *others = dict.fromkeys(
        folder / images / _file_name(prefix, number) for images, prefix in places
    )
    first.write_bytes(drawn.jpeg)
    for path in others:
        try:
            path.hardlink_to(first)
        except OSError:  # some file systems have no such links
            path.write_bytes(drawn.jpeg)
    return drawn._replace(jpeg=b"")


def _file_name(prefix: str, number: int) -> str:
    return f"{prefix}{number:012d}.jpg"


def _document(numbers: range, pictures: Sequence[Picture], prefix: str) -> dict[str, object]:
    """Return what an instances_*.json holds; annotation ids are the same in each of them."""
    images: list[dict[str, object]] = []
    annotations: list[dict[str, object]] = []
    ids = 10 if max(len(drawn.things) for drawn in pictures) < FEW else 100
    for number in numbers:
        drawn = pictures[number - 1]
        images.append(
            {
                "id": number,
                "file_name": _file_name(prefix, number),
                "width": drawn.width,
                "height": drawn.height,
                "license": 1,
                "date_captured": "2014-01-01 00:00:00",
            }
        )
        for index, thing in enumerate(drawn.things):
            annotations.append(
                {
                    "id": ids * number + index,
                    "image_id": number,
                    "category_id": CATEGORIES[thing.category]["id"],
                    "segmentation": thing.segmentation,
                    "area": thing.area,
                    "bbox": thing.bbox,
                    "iscrowd": int(thing.crowd),
                }
            )
    return {
        "info": {"description": "Shapes drawn by mrbench", "version": "1", "year": 2014},
        "licenses": [{"id": 1, "name": "CC0", "url": "https://creativecommons.org/public-domain/"}],
        "images": images,
        "annotations": annotations,
        "categories": CATEGORIES,
    }
