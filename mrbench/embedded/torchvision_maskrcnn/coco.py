"""Reads COCO-format data: what is annotated, one image with its objects, an epoch's batches."""

from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from PIL import Image, ImageDraw

if TYPE_CHECKING:
    from pathlib import Path


class Entry(NamedTuple):
    """One image and its objects, as annotated."""

    path: Path
    width: int
    height: int
    objects: list[dict[str, Any]]


def read(folder: Path) -> list[Entry]:
    """Read annotations/instances_train2017.json, without crowds and flat boxes, and train2017/."""
    document = json.loads((folder / "annotations" / "instances_train2017.json").read_text())
    objects: dict[int, list[dict[str, Any]]] = {}
    for annotation in document["annotations"]:
        if not annotation["iscrowd"] and min(annotation["bbox"][2:]) > 0:
            objects.setdefault(annotation["image_id"], []).append(annotation)
    entries = [
        Entry(folder / "train2017" / i["file_name"], i["width"], i["height"], objects[i["id"]])
        for i in document["images"]
        if i["id"] in objects
    ]
    if not entries:
        raise SystemExit(f"{folder}: no annotated images")
    return entries


def example(entry: Entry, *, flip: bool) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return pixels (H, W, 3) of 0..255, and boxes (N, 4), labels (N,) and masks (N, H, W).

    Boxes are x1, y1, x2, y2 in pixels; labels are COCO's own category ids; masks are 0 or 1.
    """
    with Image.open(entry.path) as file:
        pixels = np.array(file.convert("RGB"))
    boxes = np.array([o["bbox"] for o in entry.objects], np.float32)
    boxes[:, 2:] += boxes[:, :2]
    masks = np.stack([draw_mask(o["segmentation"], entry) for o in entry.objects])
    if flip:
        pixels, masks = pixels[:, ::-1].copy(), masks[:, :, ::-1].copy()
        boxes[:, [0, 2]] = entry.width - boxes[:, [2, 0]]
    labels = np.array([o["category_id"] for o in entry.objects], np.int64)
    return pixels, {"boxes": boxes, "labels": labels, "masks": masks}


def draw_mask(polygons: list[list[float]], entry: Entry) -> np.ndarray:
    """Draw an object's polygons: (H, W), 1 inside, 0 outside."""
    image = Image.new("L", (entry.width, entry.height))
    canvas = ImageDraw.Draw(image)
    for polygon in polygons:
        corners = np.array(polygon).reshape(-1, 2) - 0.5  # a pixel's middle is at its number here
        canvas.polygon([tuple(corner) for corner in corners.tolist()], fill=1)
    return np.array(image)


def epoch(entries: list[Entry], size: int, rank: int, ranks: int, seed: int) -> list[list[int]]:
    """Return one rank's batches of an epoch: lists of `size` places in `entries`.

    The images of a batch are all wide or all tall, or much of it would be padding. Every rank gets
    as many batches as the others; what is left over is not seen in this epoch.
    """
    rng = Random(seed)  # noqa: S311 - no secret
    waiting: dict[bool, list[int]] = {True: [], False: []}
    batches = []
    for index in rng.sample(range(len(entries)), len(entries)):
        group = waiting[entries[index].width > entries[index].height]
        group.append(index)
        if len(group) == size:
            batches.append(group[:])
            group.clear()
    share = len(batches) // ranks
    if not share:
        raise SystemExit(f"{len(entries)} images are too few for {ranks} processes of {size}")
    return batches[rank : share * ranks : ranks]
