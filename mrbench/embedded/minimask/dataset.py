"""Reads COCO-format data: images and polygons, resized and padded to fixed shapes, in batches."""

import json
import queue
import threading
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from settings import Settings

AHEAD = 4  # batches that wait ready
FLIPPED = 0.5  # of the images, left to right
Batch = dict[str, np.ndarray]


class Entry(NamedTuple):
    """One image and its objects, as annotated."""

    path: Path
    width: int
    height: int
    objects: list[dict[str, Any]]


class Share(NamedTuple):
    """Which part of each batch a process makes: the `number`th (from 0) of `of` equal ones."""

    number: int = 0
    of: int = 1

    def within(self, size: int) -> slice:
        """Return the part's place in a batch of `size` images."""
        each = size // self.of
        return slice(self.number * each, (self.number + 1) * each)


class Dataset(NamedTuple):
    """All images that show something, and each category's class (1-based)."""

    entries: list[Entry]
    classes: dict[int, int]


def read(folder: Path) -> Dataset:
    """Read annotations/instances_train2017.json, without crowds, and where train2017/ lies."""
    document = json.loads((folder / "annotations" / "instances_train2017.json").read_text())
    objects: dict[int, list[dict[str, Any]]] = {}
    for annotation in document["annotations"]:
        if not annotation["iscrowd"]:
            objects.setdefault(annotation["image_id"], []).append(annotation)
    images = folder / "train2017"
    entries = [
        Entry(images / i["file_name"], i["width"], i["height"], objects[i["id"]])
        for i in document["images"]
        if i["id"] in objects
    ]
    if not entries:
        raise SystemExit(f"{folder}: no annotated images")
    ids = sorted(category["id"] for category in document["categories"])
    return Dataset(entries, {number: index for index, number in enumerate(ids, 1)})


def example(entry: Entry, classes: dict[int, int], settings: Settings, *, flip: bool) -> Batch:
    """Return one image and its largest objects, padded with class 0 to settings.max_objects."""
    with Image.open(entry.path) as file:
        resized = file.convert("RGB").resize((settings.width, settings.height))
    pixels = np.asarray(resized)
    count, side = settings.max_objects, settings.stored_mask
    boxes = np.zeros((count, 4), np.float32)
    kinds = np.zeros(count, np.int32)
    masks = np.zeros((count, side, side), np.float32)
    largest = sorted(entry.objects, key=lambda o: -o["area"])[:count]
    scale = np.array([settings.width / entry.width, settings.height / entry.height] * 2)
    for index, annotation in enumerate(largest):
        left, top, width, height = annotation["bbox"]
        boxes[index] = np.array([left, top, left + width, top + height]) * scale
        kinds[index] = classes[annotation["category_id"]]
        masks[index] = draw_mask(annotation, side)
    if flip:
        pixels, masks = pixels[:, ::-1], masks[:, :, ::-1]
        boxes[:, [0, 2]] = np.where(kinds[:, None] > 0, settings.width - boxes[:, [2, 0]], 0)
    return {"images": pixels, "boxes": boxes, "classes": kinds, "masks": masks}


def draw_mask(annotation: dict[str, Any], side: int) -> np.ndarray:
    """Draw an object's polygons, with its box stretched over (side, side); 1 inside, 0 outside."""
    left, top, width, height = annotation["bbox"]
    image = Image.new("L", (side, side))
    canvas = ImageDraw.Draw(image)
    for polygon in annotation["segmentation"]:
        corners = np.array(polygon).reshape(-1, 2) - (left, top)
        corners = corners / (max(width, 1e-3), max(height, 1e-3)) * side - 0.5
        canvas.polygon([tuple(corner) for corner in corners.tolist()], fill=1)
    return np.asarray(image, np.float32)


def make_batches(  # noqa: PLR0917 - the loader's settings
    dataset: Dataset, size: int, count: int, seed: int, settings: Settings, share: Share
) -> Iterator[Batch]:
    """Yield this process's share of `count` batches of `size` images, each epoch in another order.

    The same seed gives all processes the same batches, of which each draws its share only.
    """
    rng = Random(seed)  # noqa: S311  # no secret
    order: list[Entry] = []
    for _ in range(count):
        while len(order) < size:
            order += rng.sample(dataset.entries, len(dataset.entries))
        chosen, order = order[:size], order[size:]
        flips = [rng.random() < FLIPPED for _ in chosen]
        lots = [rng.getrandbits(31) for _ in chosen]
        part = share.within(size)
        examples = [
            example(entry, dataset.classes, settings, flip=flip)
            for entry, flip in zip(chosen[part], flips[part], strict=True)
        ]
        batch = {name: np.stack([e[name] for e in examples]) for name in examples[0]}
        batch["lots"] = np.array(lots[part], np.int32)
        yield batch


def in_background(batches: Iterator[Batch]) -> Iterator[Batch]:
    """Make the batches in a thread, a few ahead; an error in it is raised here."""
    ready: queue.Queue[Batch | BaseException | None] = queue.Queue(AHEAD)

    def work() -> None:
        try:
            for batch in batches:
                ready.put(batch)
            ready.put(None)
        except BaseException as exc:  # noqa: BLE001  # raised again where it is seen
            ready.put(exc)

    threading.Thread(target=work, daemon=True).start()
    while (item := ready.get()) is not None:
        if isinstance(item, BaseException):
            raise item
        yield item
