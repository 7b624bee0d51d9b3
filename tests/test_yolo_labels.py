"""Labels for YOLO: what COCO's polygons say of each object, on a line of its own."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mrbench import embedded
from mrbench.model.inputs import SyntheticData
from mrbench.prepare.data.synth import synthesize

LABELS = Path(embedded.__file__).parent / "yolo_labels" / "labels.py"


def make(data: Path, output: Path) -> str:
    command = [sys.executable, str(LABELS), "--data", str(data), "--output", str(output)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def area(outline: list[float]) -> float:
    """Return the area within an outline, by the shoelace formula, with its sign."""
    points = list(zip(outline[::2], outline[1::2], strict=True))
    pairs = zip(points, [*points[1:], points[0]], strict=True)
    return sum(x * v - u * y for (x, y), (u, v) in pairs) / 2


def coco(folder: Path, content: dict[str, Any]) -> Path:
    (folder / "annotations").mkdir(parents=True)
    for split in ("train2017", "val2017"):
        (folder / "annotations" / f"instances_{split}.json").write_text(json.dumps(content))
    return folder


def test_a_line_has_the_class_and_the_outline_in_shares_of_the_sides(tmp_path: Path) -> None:
    synthesize(tmp_path / "drawn", SyntheticData(images=8, width=96, height=64))
    file = tmp_path / "drawn" / "annotations" / "instances_train2017.json"
    content = json.loads(file.read_bytes())
    assert "train2017: 8 pictures" in make(tmp_path / "drawn", tmp_path / "out")
    ids = sorted(category["id"] for category in content["categories"])
    wanted = [
        (ids.index(entry["category_id"]), area(entry["segmentation"][0]) / (96 * 64))
        for entry in content["annotations"]
        if entry["image_id"] == content["images"][0]["id"] and not entry["iscrowd"]
    ]
    picture = content["images"][0]["file_name"]
    lines = (tmp_path / "out" / "labels" / "train2017" / f"{picture[:-4]}.txt").read_text()
    found = [[float(word) for word in line.split()] for line in lines.splitlines()]
    assert [line[0] for line in found] == [kind for kind, _ in wanted]
    sizes = [size for _, size in wanted]
    assert [area(line[1:]) for line in found] == pytest.approx(sizes, abs=1e-4)
    assert all(0 <= number <= 1 for line in found for number in line[1:])
    listed = (tmp_path / "out" / "train2017.txt").read_text().splitlines()
    assert listed == [f"./images/train2017/{each['file_name']}" for each in content["images"]]
    told = (tmp_path / "out" / "data.yaml").read_text()
    assert told.startswith('train: train2017.txt\nval: val2017.txt\nnames:\n  0: "person"\n')


def test_parts_become_one_outline_and_crowds_none(tmp_path: Path) -> None:
    squares = [[0, 0, 4, 0, 4, 4, 0, 4], [6, 6, 8, 6, 8, 8, 6, 8], [9, 0, 10, 0, 10, 1, 9, 1]]
    crowd = {"counts": [100], "size": [10, 10]}
    entries = [
        {"image_id": 7, "category_id": 3, "iscrowd": 0, "segmentation": squares},
        {"image_id": 7, "category_id": 1, "iscrowd": 1, "segmentation": crowd},
    ]
    images = [{"id": id_, "file_name": f"{id_}.jpg", "width": 10, "height": 10} for id_ in (7, 8)]
    kinds = [{"id": 3, "name": "b: c"}, {"id": 1, "name": "a"}]
    data = coco(tmp_path, {"images": images, "annotations": entries, "categories": kinds})
    make(data, tmp_path / "out")
    (line,) = (tmp_path / "out" / "labels" / "val2017" / "7.txt").read_text().splitlines()
    assert line.split()[0] == "1"
    outline = [float(word) for word in line.split()[1:]]
    assert area(outline) == pytest.approx((16 + 4 + 1) / 100), "bridges have no width"
    assert (tmp_path / "out" / "labels" / "val2017" / "8.txt").read_text() == ""
    assert '  1: "b: c"\n' in (tmp_path / "out" / "data.yaml").read_text()
