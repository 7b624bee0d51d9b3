"""Read one instances_*.json and list where it contradicts itself."""

import json
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from mrbench.prepare.data.inspect.facts import IDS_MAY_REPEAT
from mrbench.prepare.data.synth.categories import CATEGORIES

KEYS = {"id", "image_id", "category_id", "bbox", "area", "iscrowd", "segmentation"}
NUMBERS = ("id", "image_id", "category_id", "area", "iscrowd")
BOX = 4  # left, top, width, height


class Listed(NamedTuple):
    """An image as listed in its annotation file; sizes in pixels."""

    number: int
    width: int
    height: int


class Annotations(NamedTuple):
    """The contents of one file: images by file name, number of annotations, problems in words."""

    name: str
    images: dict[str, Listed]
    annotations: int
    problems: list[str]


def read_annotations(name: str, path: Path) -> Annotations:
    """Read instances_<name>.json; errors are listed as problems."""
    try:
        with path.open(encoding="utf-8") as stream:
            document = json.load(stream, object_hook=_without_outline)
    except (OSError, ValueError, RecursionError) as exc:
        return Annotations(name, {}, 0, [f"cannot be read ({exc})"])
    keys = ("images", "annotations", "categories")
    if not isinstance(document, dict) or not all(isinstance(document.get(k), list) for k in keys):
        return Annotations(name, {}, 0, [f"lacks one of the lists {', '.join(keys)}"])
    wrong: dict[str, list[object]] = {}
    images = _images(document["images"], wrong)
    _annotations(document["annotations"], images, wrong, unique=name not in IDS_MAY_REPEAT)
    problems = [
        f"{len(cases):,} {what} (the first: {cases[0]!s:.60})" for what, cases in wrong.items()
    ]
    if not _are_cocos(document["categories"]):
        problems.append("its categories are not COCO's 80")
    return Annotations(name, images, len(document["annotations"]), problems)


def _without_outline(entry: dict[str, object]) -> dict[str, object]:
    """Replace an outline by whether it is valid: outlines take nine tenths of the memory.

    Polygons are lists of x and y in turn, masks of crowds {counts, size}.
    """
    outline = entry.get("segmentation")
    if isinstance(outline, list):
        entry["segmentation"] = bool(outline) and all(isinstance(part, list) for part in outline)
    elif outline is not None:
        entry["segmentation"] = isinstance(outline, dict) and {"counts", "size"} <= outline.keys()
    return entry


def _images(listed: list[Any], wrong: dict[str, list[object]]) -> dict[str, Listed]:
    images: dict[str, Listed] = {}
    for image in listed:
        try:
            name, entry = image["file_name"], Listed(image["id"], image["width"], image["height"])
            hash(entry)
        except (KeyError, TypeError):
            wrong.setdefault("images without id, file_name, width or height", []).append(image)
            continue
        if not isinstance(name, str) or name in ("", ".", "..") or "/" in name or "\0" in name:
            wrong.setdefault("images whose file_name is not a plain name", []).append(name)
        elif not all(isinstance(number, int) and number > 0 for number in entry[1:]):
            wrong.setdefault("images without a size in pixels", []).append(name)
        elif name in images:
            wrong.setdefault("images with the file_name of another", []).append(name)
        else:
            images[name] = entry
    repeated = [n for n, count in Counter(i.number for i in images.values()).items() if count > 1]
    if repeated:
        wrong["image ids that stand for more than one image"] = [*repeated]
    return images


def _annotations(
    listed: list[Any], images: dict[str, Listed], wrong: dict[str, list[object]], *, unique: bool
) -> None:
    numbers = {image.number for image in images.values()}
    known = {category["id"] for category in CATEGORIES}
    ids = set()
    for annotation in listed:
        if not isinstance(annotation, dict) or not annotation.keys() >= KEYS:
            what = f"annotations that lack one of {', '.join(sorted(KEYS))}"
        elif not all(isinstance(annotation[key], int | float) for key in NUMBERS):
            what = f"annotations where one of {', '.join(NUMBERS)} is not a number"
        elif annotation["image_id"] not in numbers:
            what = "annotations of images that are not listed"
        elif annotation["category_id"] not in known:
            what = "annotations of categories that COCO does not have"
        elif not isinstance(annotation["bbox"], list) or len(annotation["bbox"]) != BOX:
            what = "annotations whose bbox is not left, top, width, height"
        elif annotation["segmentation"] is not True:
            what = "annotations whose segmentation is neither polygons nor a mask"
        elif unique and annotation["id"] in ids:
            what = "annotations with the id of another"
        else:
            ids.add(annotation["id"])
            continue
        number = annotation.get("id") if isinstance(annotation, dict) else annotation
        wrong.setdefault(what, []).append(number)


def _are_cocos(listed: list[Any]) -> bool:
    try:
        return {c["id"]: c["name"] for c in listed} == {c["id"]: c["name"] for c in CATEGORIES}
    except (KeyError, TypeError):
        return False
