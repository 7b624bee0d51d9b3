"""minimask at full size: its parts against plain numpy or the small model, its data, its pins."""

import importlib
import json
import sys
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mrbench.model.inputs import SyntheticData
from mrbench.prepare.data.synth import synthesize
from mrbench.recipe import load
from mrbench.recipe.plan import make_plan
from pins import assert_pinned

NAME = "minimask_r50"
FOLDER = Path(__file__).parents[1] / "mrbench" / "embedded"
Opener = Callable[[str], Any]


@pytest.fixture
def part(monkeypatch: pytest.MonkeyPatch) -> Opener:
    """Return a function that opens a module; they import each other by their bare names."""
    monkeypatch.syspath_prepend(str(FOLDER / "minimask"))
    monkeypatch.syspath_prepend(str(FOLDER / NAME))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # nothing new in the package's folder
    return importlib.import_module


def random_boxes(count: int, seed: int, side: float = 40.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, side, (count, 2))
    sizes = rng.uniform(4, side * 0.75, (count, 2))
    return np.concatenate([corners, corners + sizes], 1).astype(np.float32)


@pytest.mark.parametrize("threshold", [0.05, 0.3, 0.7])
def test_asking_all_boxes_at_once_keeps_what_one_after_another_keeps(
    part: Opener, threshold: float
) -> None:
    boxes = random_boxes(200, 5)
    one_by_one = np.asarray(part("boxes").nms(boxes, threshold))
    at_once = np.asarray(part("proposals").suppress(boxes, threshold))
    assert 5 < one_by_one.sum() < 200
    assert at_once.tolist() == one_by_one.tolist()


def test_gathered_regions_are_those_of_the_matrix_products(part: Opener) -> None:
    regions, roi_align, scale = part("regions"), part("roi_align"), part("scale").Scale()
    rng = np.random.default_rng(0)
    levels = [rng.normal(size=(96 // s, 128 // s, 3)).astype(np.float32) for s in (4, 8, 16, 32)]
    boxes = np.array([[10, 8, 60, 50], [30, 20, 90, 80], [0, 0, 127, 95]], np.float32)
    assert regions.level_of(boxes).tolist() == [0, 0, 0]
    found = regions.cut(levels, boxes, 7, scale)
    inside = slice(0, 2)  # at an edge the two treat what lies outside otherwise
    expected = roi_align.crop(levels[0], boxes / 4, 7)
    np.testing.assert_allclose(found[inside], expected[inside], atol=1e-4)


def test_larger_regions_come_from_coarser_levels(part: Opener) -> None:
    sides = np.array([30, 111, 113, 223, 225, 449, 2000], np.float32)
    boxes = np.stack([sides * 0, sides * 0, sides, sides], 1)
    assert part("regions").level_of(boxes).tolist() == [0, 0, 1, 1, 2, 3, 3]


def test_anchors_are_as_many_as_the_network_speaks_of(part: Opener) -> None:
    scale = part("scale").Scale()
    assert (scale.canvas(wide=True), scale.canvas(wide=False)) == ((800, 1344), (1344, 800))
    anchors = part("proposals").make_anchors((800, 1344), scale)
    assert [len(each) // 3 for each in anchors] == [200 * 336, 100 * 168, 50 * 84, 25 * 42, 13 * 21]
    finest = anchors[0][1]  # of ratio 1
    assert (finest[2:] - finest[:2]).tolist() == [32, 32]


def test_a_sample_is_full_and_its_objects_come_first(part: Opener) -> None:
    import jax

    regions, proposals, scale = part("regions"), part("proposals"), part("scale")
    small = scale.Scale(regions=16, positive_regions=4, max_objects=3)
    objects = {
        "boxes": np.array([[0, 0, 20, 20], [30, 30, 60, 60], [0, 0, 0, 0]], np.float32),
        "classes": np.array([5, 7, 0], np.int32),
    }
    found = proposals.Proposals(random_boxes(40, 1), np.arange(40) < 38)
    chosen = regions.sample(jax.random.key(0), found, objects, small)
    positive = np.asarray(chosen.positive)
    assert np.asarray(chosen.counts).all()
    assert 2 <= positive.sum() <= 4
    assert positive[: positive.sum()].all()
    assert len({tuple(box) for box in np.asarray(chosen.boxes).tolist()}) == 16


def written(folder: Path) -> Path:
    """Draw two wide images and a tall one, with an object each."""
    (folder / "annotations").mkdir(parents=True)
    (folder / "train2017").mkdir()
    images, annotations = [], []
    for number, size in enumerate([(120, 80), (80, 120), (120, 80)], 1):
        Image.new("RGB", size, "white").save(folder / "train2017" / f"{number}.png")
        images.append(
            {"id": number, "file_name": f"{number}.png", "width": size[0], "height": size[1]}
        )
        square = [10, 20, 40, 20, 40, 60, 10, 60]
        annotations.append(
            {"image_id": number, "category_id": 3, "iscrowd": 0, "area": 1200}
            | {"bbox": [10, 20, 30, 40], "segmentation": [square]}
        )
    document = {"images": images, "annotations": annotations, "categories": [{"id": 3}]}
    (folder / "annotations" / "instances_train2017.json").write_text(json.dumps(document))
    return folder


def test_images_keep_their_aspect_and_batches_their_shape(part: Opener, tmp_path: Path) -> None:
    canvas, dataset = part("canvas"), part("dataset")
    scale = part("scale").Scale(short_side=64, long_side=90, max_objects=2, stored_mask=8)
    read = dataset.read(written(tmp_path))
    for flip, left in ((False, 7.5), (True, 60.0)):
        one = canvas.example(canvas.Chosen(read.entries[0], flip, 1), read.classes, scale)
        assert one["images"].shape == (64, 96, 3)
        assert one["images"][:60, :90].all()  # 120x80 fits 90x60
        assert not one["images"][60:].any()
        assert one["boxes"].tolist() == [[left, 15, left + 22.5, 45], [0, 0, 0, 0]]
        assert one["classes"].tolist() == [1, 0]
        assert one["masks"][0].all()
    made = canvas.batches(read, 2, 0, scale, dataset.Share(), 1)
    shapes = {batch["images"].shape for batch in islice(made, 6)}
    made.close()
    assert shapes == {(2, 64, 96, 3), (2, 96, 64, 3)}


def test_processes_share_a_batch(part: Opener, tmp_path: Path) -> None:
    canvas, dataset, scale = part("canvas"), part("dataset"), part("scale")
    synthesize(tmp_path / "coco", SyntheticData(images=12, width=96, height=64))
    read = dataset.read(tmp_path / "coco")
    small = scale.Scale(short_side=32, long_side=48, max_objects=2, stored_mask=8)
    whole, *shares = (
        next(canvas.batches(read, 4, 3, small, dataset.Share(*share), 2))
        for share in ((0, 1), (0, 2), (1, 2))
    )
    for name, value in whole.items():
        np.testing.assert_array_equal(value, np.concatenate([part[name] for part in shares]))


def test_what_is_frozen_is_not_learnt(part: Opener) -> None:
    scale = part("scale").Scale(stem_channels=8, pyramid_channels=8, hidden_units=8)
    learnt, constants = part("detector").make_parameters(scale, 0)
    assert not any(name.startswith(("stem", "stage0")) for name in learnt)
    assert {"stem/kernel", "stage0/2/three/kernel", "stage3/0/one/scale"} <= constants.keys()
    assert "stage1/0/one/kernel" in learnt
    assert not constants["stage1/0/one/shift"].any()


@pytest.mark.parametrize("suite", ["today", "today-smoke"])
def test_the_pins_are_those_of_the_files(suite: str) -> None:
    assert_pinned(NAME, suite, "minimask")


def test_its_options_are_those_of_the_program(
    part: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = part("train_r50")
    for suite in ("today", "today-smoke"):
        plan = make_plan(load.load_named(suite, "minimask"))
        words = plan.command[plan.command.index("train_r50.py") :]
        monkeypatch.setattr(sys, "argv", list(words))
        args = train.parse_arguments()
        assert args.images_per_device * args.devices == plan.work_per_iteration
        assert f"{args.short_side}/{args.long_side}" == plan.image_size
        assert args.precision == plan.precision
    assert train.learning_rate(1001, 0.02) == pytest.approx(0.02)
