"""The parts of minimask against plain numpy that does the same the long way."""

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

SOURCE = Path(__file__).parents[1] / "mrbench" / "embedded" / "minimask"
Array = np.ndarray
Opener = Callable[[str], Any]


@pytest.fixture
def part(monkeypatch: pytest.MonkeyPatch) -> Opener:
    """Return a function that opens a module; they import each other by their bare names."""
    monkeypatch.syspath_prepend(str(SOURCE))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # nothing new in the package's folder
    return importlib.import_module


def random_boxes(count: int, seed: int) -> Array:
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, 40, (count, 2))
    return np.concatenate([corners, corners + rng.uniform(4, 30, (count, 2))], 1).astype(np.float32)


def plain_iou(a: Array, b: Array) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    whole = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return float(shared / (whole - shared))


def test_iou(part: Opener) -> None:
    one, other = random_boxes(20, 0), random_boxes(30, 1)
    expected = [[plain_iou(a, b) for b in other] for a in one]
    np.testing.assert_allclose(part("boxes").iou(one, other), expected, rtol=1e-5, atol=1e-6)


def test_nms_keeps_what_a_greedy_loop_keeps(part: Opener) -> None:
    boxes = random_boxes(60, 2)
    kept: list[int] = []
    for i, box in enumerate(boxes):
        if all(plain_iou(box, boxes[j]) <= 0.3 for j in kept):
            kept.append(i)
    assert 5 < len(kept) < 55
    assert np.flatnonzero(part("boxes").nms(boxes, 0.3)).tolist() == kept


def test_offsets_lead_back_to_the_boxes(part: Opener) -> None:
    boxes, anchors = random_boxes(50, 3), random_boxes(50, 4)
    there = part("boxes").encode(boxes, anchors)
    np.testing.assert_allclose(part("boxes").decode(there, anchors), boxes, atol=1e-3)


def test_anchors_lie_in_the_order_of_the_rpn_s_outputs(part: Opener) -> None:
    settings = part("settings").Settings(width=64, height=48)
    anchors = part("boxes").make_anchors(settings)
    assert anchors.shape == (3 * (16 * 12 + 8 * 6 + 4 * 3), 4)
    centres = (anchors[:, :2] + anchors[:, 2:]) / 2
    sizes = anchors[:, 2:] - anchors[:, :2]
    np.testing.assert_allclose(
        centres[[0, 1, 2, 3, 48]], [[2, 2]] * 3 + [[6, 2], [2, 6]], rtol=1e-6
    )
    np.testing.assert_allclose(sizes[:3, 1] / sizes[:3, 0], [0.5, 1, 2], rtol=1e-5)
    np.testing.assert_allclose(sizes[[1, 577, -2]], [[12, 12], [24, 24], [48, 48]], rtol=1e-6)


def bilinear(feature: Array, x: float, y: float) -> Array:
    """Sample at (x, y), in pixels whose middles are at i + 0.5; nothing is outside."""
    height, width, channels = feature.shape
    value = np.zeros(channels)
    left, top = int(np.floor(x - 0.5)), int(np.floor(y - 0.5))
    for row in (top, top + 1):
        for column in (left, left + 1):
            if 0 <= row < height and 0 <= column < width:
                weight = (1 - abs(x - 0.5 - column)) * (1 - abs(y - 0.5 - row))
                value += weight * feature[row, column]
    return value


def plain_roi_align(feature: Array, roi: Array, bins: int, samples: int) -> Array:
    out = np.zeros((bins, bins, feature.shape[2]))
    steps = (np.arange(bins * samples) + 0.5) / (bins * samples)
    for i, down in enumerate(steps):
        for j, across in enumerate(steps):
            x, y = roi[0] + (roi[2] - roi[0]) * across, roi[1] + (roi[3] - roi[1]) * down
            out[i // samples, j // samples] += bilinear(feature, x, y) / samples**2
    return out


def test_roi_align_is_bilinear_sampling(part: Opener) -> None:
    feature = np.random.default_rng(5).normal(size=(20, 24, 3)).astype(np.float32)
    rois = np.array([[2.3, 4.1, 15.7, 12.2], [0, 0, 24, 20], [5, 5, 5.5, 6], [-3, -2, 8, 30]])
    found = part("roi_align").crop(feature, rois.astype(np.float32), 7)
    for roi, crop in zip(rois, found, strict=True):
        np.testing.assert_allclose(crop, plain_roi_align(feature, roi, 7, 2), atol=1e-5)


def test_each_roi_is_cut_from_its_own_level(part: Opener) -> None:
    settings = part("settings").Settings(width=64, height=64)
    sizes = [64 // stride for stride in settings.strides]
    levels = [np.full((side, side, 2), i, np.float32) for i, side in enumerate(sizes, 1)]
    rois = np.array([[20, 20, 30, 32], [20, 20, 44, 44], [8, 8, 56, 48]], np.float32)
    found = part("roi_align").roi_align(levels, rois, settings)
    assert found.shape == (3, 7, 7, 2)
    np.testing.assert_allclose(found.mean((1, 2, 3)), [1, 2, 3], rtol=1e-5)


def test_a_sample_holds_only_what_was_wanted(part: Opener) -> None:
    import jax

    wanted = np.zeros(30, bool)
    wanted[[3, 7, 8]] = True
    indices, real = part("losses").pick(jax.random.key(1), wanted, 5)
    assert set(np.asarray(indices)[np.asarray(real)].tolist()) == {3, 7, 8}
    assert np.asarray(real).sum() == 3


def test_the_first_positive_rois_are_objects(part: Opener) -> None:
    import jax

    settings = part("settings").Settings()
    boxes = np.zeros((8, 4), np.float32)
    boxes[:2] = [[10, 10, 30, 30], [50, 40, 80, 90]]
    kinds = np.array([5, 9, 0, 0, 0, 0, 0, 0], np.int32)
    masks = np.ones((8, 28, 28), np.float32)
    elsewhere = random_boxes(40, 6) + np.array([80, 0, 80, 0])
    proposals = np.concatenate([boxes[:1] + 1, elsewhere])
    objects = {"boxes": boxes, "classes": kinds, "masks": masks}
    rois = part("losses").sample_rois(
        jax.random.key(0), proposals.astype(np.float32), objects, settings
    )
    counts = np.asarray(rois.counts)
    front = np.asarray(rois.boxes)[:8][counts[:8]]
    assert counts[:8].sum() == 3  # the near proposal, and both objects themselves
    for box in front:
        assert max(plain_iou(box, known) for known in boxes[:2]) >= 0.5
    for box in np.asarray(rois.boxes)[8:][counts[8:]]:
        assert max(plain_iou(box, known) for known in boxes[:2]) < 0.5


def test_the_mask_loss_is_zero_where_the_mask_is_right(part: Opener) -> None:
    losses = part("losses")
    half = np.zeros((1, 28, 28), np.float32)
    half[:, :, 14:] = 1  # the right half of the object is there
    objects = {"boxes": np.array([[10, 10, 30, 30]], np.float32), "masks": half}
    roi = np.array([[20, 10, 40, 30]], np.float32)  # from its middle to as far beyond its edge
    rois = losses.Rois(roi, np.array([True]), np.array([0]))
    right = np.full((1, 14, 14), -20.0)
    right[:, :, :7] = 20
    assert losses.mask_loss(right, rois, objects) < 1e-6
    assert losses.mask_loss(-right, rois, objects) > 10


def test_stored_masks_fill_the_polygon_within_its_box(part: Opener) -> None:
    dataset = part("dataset")
    annotation = {"bbox": [30.0, 10.0, 40.0, 20.0], "segmentation": [[30, 10, 70, 10, 30, 30]]}
    mask = dataset.draw_mask(annotation, 28)
    assert mask[2, 2] == 1
    assert mask[25, 25] == 0
    assert mask.mean() == pytest.approx(0.5, abs=0.04)


def test_a_flipped_example_is_the_mirror_image(part: Opener, tmp_path: Path) -> None:
    settings = part("settings").Settings(width=64, height=48)
    dataset = part("dataset")
    image = Image.new("RGB", (128, 96))
    ImageDraw.Draw(image).rectangle((20, 10, 59, 49), fill="white")
    image.save(tmp_path / "1.png")
    annotation = {
        "bbox": [20, 10, 40, 40],
        "area": 1600,
        "category_id": 7,
        "segmentation": [[20, 10, 60, 10, 60, 50, 20, 50]],
    }
    entry = dataset.Entry(tmp_path / "1.png", 128, 96, [annotation])
    plain = dataset.example(entry, {7: 3}, settings, flip=False)
    mirror = dataset.example(entry, {7: 3}, settings, flip=True)
    np.testing.assert_allclose(plain["boxes"][0], [10, 5, 30, 25])
    np.testing.assert_allclose(mirror["boxes"][0], [34, 5, 54, 25])
    assert plain["classes"].tolist() == [3, 0, 0, 0, 0, 0, 0, 0]
    assert not mirror["boxes"][1:].any()
    for example, (left, top, right, bottom) in (
        (plain, (10, 5, 30, 25)),
        (mirror, (34, 5, 54, 25)),
    ):
        assert example["images"].shape == (48, 64, 3)
        assert example["images"][top + 1 : bottom - 1, left + 1 : right - 1].min() > 200
        assert example["images"][:, : left - 2].max() < 50


def test_an_error_in_the_loader_s_thread_is_raised_outside(part: Opener) -> None:
    def failing() -> object:
        yield {"images": np.zeros(1)}
        raise OSError("gone")

    batches = part("dataset").in_background(failing())
    assert next(batches)["images"].shape == (1,)
    with pytest.raises(OSError, match="gone"):
        next(batches)
