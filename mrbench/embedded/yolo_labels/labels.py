"""Write a COCO folder's polygons as YOLO's labels: a text file per picture, a line per object."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

Point = tuple[float, float]
SPLITS = {"train": "train2017", "val": "val2017"}


def main(words: Sequence[str] | None = None) -> None:
    """Make labels/, lists of pictures and data.yaml below --output."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of COCO 2017")
    parser.add_argument("--output", type=Path, required=True, help="folder for what is made")
    options = parser.parse_args(words)
    names: list[str] = []
    for split in SPLITS.values():
        file = options.data / "annotations" / f"instances_{split}.json"
        with file.open(encoding="utf-8") as stream:
            content = json.load(stream)
        names = [entry["name"] for entry in by_id(content["categories"])]
        pictures, objects = write_labels(content, options.output / "labels" / split)
        listed = "".join(f"./images/{split}/{entry['file_name']}\n" for entry in content["images"])
        (options.output / f"{split}.txt").write_text(listed, encoding="utf-8")
        sys.stdout.write(f"{split}: {pictures} pictures, {objects} objects\n")
    lines = [f"{name}: {split}.txt" for name, split in SPLITS.items()]
    lines += ["names:", *(f"  {i}: {json.dumps(name)}" for i, name in enumerate(names))]
    (options.output / "data.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def by_id(categories: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return COCO's categories in the order of their ids, which have gaps."""
    return sorted(categories, key=lambda category: category["id"])


def write_labels(content: dict[str, Any], folder: Path) -> tuple[int, int]:
    """Write the labels of one instances_*.json; return how many pictures and objects there are.

    Crowds and objects without a polygon are left out. A picture without objects gets an empty file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    classes = {entry["id"]: i for i, entry in enumerate(by_id(content["categories"]))}
    lines: dict[int, list[str]] = {picture["id"]: [] for picture in content["images"]}
    sizes = {picture["id"]: (picture["width"], picture["height"]) for picture in content["images"]}
    for entry in content["annotations"]:
        parts = entry["segmentation"]
        if entry.get("iscrowd") or not isinstance(parts, list) or not parts:
            continue
        width, height = sizes[entry["image_id"]]
        outline = joined([list(zip(part[::2], part[1::2], strict=True)) for part in parts])
        numbers = [f"{x / width:.6f} {y / height:.6f}" for x, y in outline]
        lines[entry["image_id"]].append(" ".join([str(classes[entry["category_id"]]), *numbers]))
    for picture in content["images"]:
        text = "".join(f"{line}\n" for line in lines[picture["id"]])
        path = folder / Path(picture["file_name"]).with_suffix(".txt").name
        path.write_text(text, encoding="utf-8")
    return len(lines), sum(map(len, lines.values()))


def joined(parts: list[list[Point]]) -> list[Point]:
    """Join the outlines of an object's parts by bridges without width, as a label has one outline.

    Each part is entered and left at the two corners that are nearest to each other.
    """
    outline = parts[0]
    for part in parts[1:]:
        here, there = min(
            ((i, j) for i in range(len(outline)) for j in range(len(part))),
            key=lambda pair: distance(outline[pair[0]], part[pair[1]]),
        )
        around = [*part[there:], *part[: there + 1]]
        outline = [*outline[: here + 1], *around, *outline[here:]]
    return outline


def distance(one: Point, other: Point) -> float:
    """Return the square of the distance of two corners."""
    return (one[0] - other[0]) ** 2 + (one[1] - other[1]) ** 2


if __name__ == "__main__":
    main()
