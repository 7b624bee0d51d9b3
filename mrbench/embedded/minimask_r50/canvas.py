"""Reads COCO-format data in batches of one shape: images keep their aspect and are padded.

There are two shapes, wide and tall, since a program is compiled for each. The images of a batch are
all of one of them.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from random import Random
from typing import NamedTuple

import numpy as np
from PIL import Image

from dataset import FLIPPED, Batch, Dataset, Entry, Share, draw_mask
from scale import Scale

AHEAD = 3  # batches that are being made while one is trained on


class Chosen(NamedTuple):
    """An image that is to be trained on: whether mirrored, and the seed of its sampling."""

    entry: Entry
    flip: bool
    lot: int


def is_wide(entry: Entry) -> bool:
    """Tell which of the two canvases an image belongs on."""
    return entry.width >= entry.height


def resized(entry: Entry, scale: Scale) -> tuple[int, int]:
    """Return the width and height that an image is resized to."""
    sides = sorted((entry.width, entry.height))
    factor = min(scale.short_side / sides[0], scale.long_side / sides[1])
    return max(round(entry.width * factor), 1), max(round(entry.height * factor), 1)


def example(chosen: Chosen, classes: dict[int, int], scale: Scale) -> Batch:
    """Return one image at the top left of its canvas, and its largest objects; class 0 is none."""
    entry = chosen.entry
    height, width = scale.canvas(wide=is_wide(entry))
    size = resized(entry, scale)
    with Image.open(entry.path) as file:
        drawn = np.asarray(file.convert("RGB").resize(size, Image.Resampling.BILINEAR))
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: size[1], : size[0]] = drawn[:, ::-1] if chosen.flip else drawn
    count, side = scale.max_objects, scale.stored_mask
    boxes = np.zeros((count, 4), np.float32)
    kinds = np.zeros(count, np.int32)
    masks = np.zeros((count, side, side), np.uint8)
    factors = np.array([size[0] / entry.width, size[1] / entry.height] * 2)
    for index, annotation in enumerate(sorted(entry.objects, key=lambda o: -o["area"])[:count]):
        left, top, wide, high = annotation["bbox"]
        boxes[index] = np.array([left, top, left + wide, top + high]) * factors
        kinds[index] = classes[annotation["category_id"]]
        mask = draw_mask(annotation, side)
        masks[index] = mask[:, ::-1] if chosen.flip else mask
    if chosen.flip:
        boxes[:, [0, 2]] = np.where(kinds[:, None] > 0, size[0] - boxes[:, [2, 0]], 0)
    return {
        "images": pixels,
        "boxes": boxes,
        "classes": kinds,
        "masks": masks,
        "lots": np.array(chosen.lot, np.int32),
    }


def groups(dataset: Dataset, size: int, seed: int) -> Iterator[list[Chosen]]:
    """Yield batches of `size` images of one shape without end, each epoch in another order.

    What does not fill a batch waits for the next epoch.
    """
    rng = Random(seed)  # noqa: S311  # no secret
    waiting: dict[bool, list[Chosen]] = {True: [], False: []}
    while True:
        for entry in rng.sample(dataset.entries, len(dataset.entries)):
            group = waiting[is_wide(entry)]
            group.append(Chosen(entry, rng.random() < FLIPPED, rng.getrandbits(31)))
            if len(group) == size:
                yield group[:]
                group.clear()


def batches(  # noqa: PLR0917 - the loader's settings
    dataset: Dataset, size: int, seed: int, scale: Scale, share: Share, workers: int
) -> Iterator[Batch]:
    """Yield this process's share of each batch, made by so many threads a few batches ahead.

    Pillow decodes and resizes without holding Python's lock.
    """
    source = groups(dataset, size, seed)
    with ThreadPoolExecutor(workers) as pool:

        def start() -> Iterator[Iterator[Batch]]:
            for group in source:
                part = group[share.within(size)]
                yield pool.map(lambda one: example(one, dataset.classes, scale), part)

        started = start()
        pending = list(islice(started, AHEAD))
        while True:
            examples = list(pending.pop(0))
            pending.append(next(started))
            yield {name: np.stack([e[name] for e in examples]) for name in examples[0]}
