"""Reads COCO-format data: what is annotated, and one image with its objects."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageOps

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

BACKGROUND = 0  # in a map of objects; they are numbered from 1


class Entry(NamedTuple):
    """One image and its objects, as annotated; labels count the categories from 0."""

    number: int
    path: Path
    width: int
    height: int
    objects: Sequence[dict[str, Any]]
    labels: Sequence[int]


def read(folder: Path) -> list[Entry]:
    """Read annotations/instances_train2017.json, without crowds and flat boxes, and train2017/."""
    document = json.loads((folder / "annotations" / "instances_train2017.json").read_text())
    label = {number: i for i, number in enumerate(sorted(c["id"] for c in document["categories"]))}
    objects: dict[int, list[dict[str, Any]]] = {}
    for annotation in document["annotations"]:
        if not annotation["iscrowd"] and min(annotation["bbox"][2:]) > 0:
            objects.setdefault(annotation["image_id"], []).append(annotation)
    entries = [
        Entry(
            number=image["id"],
            path=folder / "train2017" / image["file_name"],
            width=image["width"],
            height=image["height"],
            objects=objects[image["id"]],
            labels=[label[annotation["category_id"]] for annotation in objects[image["id"]]],
        )
        for image in document["images"]
        if image["id"] in objects
    ]
    if not entries:
        raise SystemExit(f"{folder}: no annotated images")
    return entries


def picture(entry: Entry, *, flip: bool) -> Image.Image:
    """Return the image, mirrored left to right if asked for."""
    with Image.open(entry.path) as file:
        image = file.convert("RGB")
    return ImageOps.mirror(image) if flip else image


def boxes(entry: Entry, *, flip: bool) -> list[list[float]]:
    """Return each object's x, y, width and height in pixels."""
    found = []
    for annotation in entry.objects:
        x, y, width, height = annotation["bbox"]
        found.append([entry.width - x - width if flip else x, y, width, height])
    return found


def map_of_objects(entry: Entry, *, flip: bool) -> np.ndarray:
    """Draw a map (H, W) of which object is where: BACKGROUND, or its place among them from 1.

    Where two overlap the later one is on top.
    """
    image = Image.new("I", (entry.width, entry.height), BACKGROUND)
    canvas = ImageDraw.Draw(image)
    for place, annotation in enumerate(entry.objects, start=1):
        for polygon in annotation["segmentation"]:
            corners = np.array(polygon).reshape(-1, 2) - 0.5  # a pixel's middle is at its number
            canvas.polygon([tuple(corner) for corner in corners.tolist()], fill=place)
    drawn = np.array(image)
    return drawn[:, ::-1].copy() if flip else drawn
