"""The parts of the embedded torchvision training: command line, data, learning rate, log, pins."""

import ast
import importlib
import itertools
import json
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from mrbench.measure.parsers import parse_samples
from mrbench.measure.window import measure
from mrbench.model.inputs import SyntheticData, Window
from mrbench.model.logformat import LogFormat
from mrbench.prepare.data.synth import synthesize
from mrbench.recipe import load
from mrbench.recipe.plan import make_plan
from needs import skip_without
from pins import assert_pinned

NAME = "torchvision_maskrcnn"
SOURCE = Path(__file__).parents[1] / "mrbench" / "embedded" / NAME
Opener = Callable[[str], Any]


@pytest.fixture
def part(monkeypatch: pytest.MonkeyPatch) -> Opener:
    """Return a function that opens a module; they import each other by their bare names."""
    monkeypatch.syspath_prepend(str(SOURCE))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # nothing new in the package's folder
    return importlib.import_module


def test_the_defaults_are_the_published_schedule(part: Opener) -> None:
    options = part("options").parse(["--data", "d", "--output", "o"])
    assert (options.short_side, options.long_side) == (800, 1333)
    assert (options.images, options.learning_rate, options.iterations) == (2, 0.02, 90000)
    assert (options.device, options.random_backbone) == ("cuda", False)


@pytest.mark.parametrize("words", [["--images", "0"], ["--device", "tpu"], ["--iterations", "-1"]])
def test_what_cannot_work_is_refused(
    part: Opener, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        part("options").parse(["--data", "d", "--output", "o", *words])
    assert words[0] in capsys.readouterr().err


def written(folder: Path, annotations: list[dict[str, Any]]) -> Path:
    (folder / "annotations").mkdir()
    images = [{"id": i, "file_name": f"{i}.png", "width": 128, "height": 96} for i in range(1, 4)]
    document = {"images": images, "annotations": annotations, "categories": []}
    (folder / "annotations" / "instances_train2017.json").write_text(json.dumps(document))
    return folder


def annotation(image: int, **changes: object) -> dict[str, Any]:
    square = [20, 10, 60, 10, 60, 50, 20, 50]
    plain = {"bbox": [20, 10, 40, 40], "category_id": 90, "iscrowd": 0, "segmentation": [square]}
    return plain | {"image_id": image} | changes


def test_crowds_and_flat_boxes_and_empty_images_are_left_out(part: Opener, tmp_path: Path) -> None:
    found = [annotation(1), annotation(1, iscrowd=1), annotation(2, bbox=[1, 1, 0, 5])]
    entries = part("coco").read(written(tmp_path, found))
    assert [(e.path.name, len(e.objects)) for e in entries] == [("1.png", 1)]
    assert entries[0].path.parent == tmp_path / "train2017"


def test_data_without_an_object_is_refused(part: Opener, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="no annotated images"):
        part("coco").read(written(tmp_path, [annotation(1, iscrowd=1)]))


def test_a_flipped_example_is_the_mirror_image(part: Opener, tmp_path: Path) -> None:
    coco = part("coco")
    image = Image.new("RGB", (128, 96))
    ImageDraw.Draw(image).rectangle((20, 10, 59, 49), fill="white")
    image.save(tmp_path / "1.png")
    entry = coco.Entry(tmp_path / "1.png", 128, 96, [annotation(1)])
    for flip, (left, right) in ((False, (20, 60)), (True, (68, 108))):
        pixels, objects = coco.example(entry, flip=flip)
        assert pixels.shape == (96, 128, 3)
        assert objects["boxes"].tolist() == [[left, 10, right, 50]]
        assert objects["labels"].tolist() == [90]
        expected = np.zeros((96, 128), bool)
        expected[10:50, left:right] = True
        np.testing.assert_array_equal(pixels.all(axis=2), expected)
        # Pillow colours a polygon's edge too: up to a pixel more on each side
        inside = objects["masks"][0].astype(bool)
        assert inside[expected].all()
        assert inside.sum() <= 42 * 42
        assert pixels.flags["C_CONTIGUOUS"]  # torch takes no others
        assert objects["masks"].flags["C_CONTIGUOUS"]


def test_what_mrbench_draws_can_be_read(part: Opener, tmp_path: Path) -> None:
    coco = part("coco")
    synthesize(tmp_path / "coco", SyntheticData(images=6, width=96, height=64))
    entries = coco.read(tmp_path / "coco")
    assert len(entries) == 6
    for entry in entries:
        pixels, objects = coco.example(entry, flip=False)
        assert pixels.shape == (64, 96, 3)
        assert (objects["boxes"][:, 2:] > objects["boxes"][:, :2]).all()
        assert objects["masks"].any(axis=(1, 2)).all()
        assert ((objects["labels"] >= 1) & (objects["labels"] <= 90)).all()


def test_ranks_share_an_epoch_in_batches_of_one_shape(part: Opener) -> None:
    coco = part("coco")
    entries = [
        coco.Entry(Path(), 640, 480 if wide else 800, []) for wide in [True] * 41 + [False] * 16
    ]
    shares = [coco.epoch(entries, 2, rank, 4, seed=7) for rank in range(4)]
    assert {len(share) for share in shares} == {7}  # 28 batches
    places = list(itertools.chain(*itertools.chain(*shares)))
    assert len(set(places)) == len(places) == 56
    for batch in itertools.chain(*shares):
        assert len({entries[place].height for place in batch}) == 1
    assert coco.epoch(entries, 2, 0, 4, seed=7) == shares[0]
    assert coco.epoch(entries, 2, 0, 4, seed=8) != shares[0]
    with pytest.raises(SystemExit, match="57 images are too few for 15 processes of 4"):
        coco.epoch(entries, 4, 0, 15, seed=7)


def test_the_learning_rate_rises_as_in_the_published_schedule(part: Opener) -> None:
    rate = part("progress").learning_rate
    assert rate(0, 0.02) == pytest.approx(0.00002)
    assert rate(500, 0.02) == pytest.approx(0.01001)
    assert rate(1000, 0.02) == rate(50000, 0.02) == pytest.approx(0.02)


def test_the_log_tells_mrbench_the_true_times(part: Opener) -> None:
    """Epochs of 130 iterations: windows across an epoch's end are exact as well."""
    progress, per_epoch = part("progress"), 130
    rng = random.Random(3)
    seconds = [rng.uniform(0.1, 0.5) for _ in range(540)]
    lines, since = [], 0
    for i in range(len(seconds)):
        epoch, index = divmod(i, per_epoch)
        if progress.due(index, per_epoch):
            mean = sum(seconds[since : i + 1]) / (i + 1 - since)
            place = (epoch, index, per_epoch)
            rest = {"rate": 0.01, "loss": 1.5, "waited": 0.001, "memory_bytes": i << 20}
            lines.append(progress.line(place, seconds=mean, **rest) + "\n")
            since = i + 1
    assert lines[0].startswith("Epoch: [0]  [ 19/130]  lr: 0.010000  loss: 1.5000  time: 0.")
    log, window = LogFormat(format="torchvision"), Window(first=100, last=500)
    samples = list(parse_samples([(0, "".join(lines).encode())], log, 16, window))
    assert sum(s.count for s in samples) == 540
    for sample in samples:
        true = sum(seconds[sample.last - sample.count : sample.last])
        assert sample.seconds == pytest.approx(true, abs=20 * 0.51e-4)  # four decimals
        assert sample.loss == 1.5
    found = measure(iter(samples), Window(first=20, last=60), 16, stamps=None)
    assert (found.first, found.last, found.status) == (21, 60, "ok")


def test_python_3_7_can_read_it() -> None:
    for path in SOURCE.glob("*.py"):
        ast.parse(path.read_text(), feature_version=(3, 7))


@pytest.mark.parametrize("suite", ["smoke", "today"])
def test_the_pins_are_those_of_the_files(suite: str) -> None:
    assert_pinned(NAME, suite, "torchvision")


@pytest.mark.parametrize(("gpus", "rate"), [(8, 0.02), (1, 0.0025)])
def test_the_learning_rate_follows_the_number_of_gpus(part: Opener, gpus: int, rate: float) -> None:
    plan = make_plan(load.load_named("today", "torchvision"), gpus=gpus)
    words = list(plan.command[plan.command.index("train.py") + 1 :])
    options = part("options").parse(words)
    assert options.learning_rate == plan.learning_rate == pytest.approx(rate)
    assert options.images * gpus == plan.work_per_iteration
    assert f"--nproc_per_node={gpus}" in plan.command


def test_it_trains(tmp_path: Path) -> None:
    skip_without("torch")
    synthesize(tmp_path / "coco", SyntheticData(images=44, width=96, height=64))
    sizes = ["--short-side", "64", "--long-side", "96", "--proposals", "50", "--regions", "8"]
    rest = ["--device", "cpu", "--images", "1", "--iterations", "46", "--random-backbone"]
    folders = ["--data", str(tmp_path / "coco"), "--output", str(tmp_path / "out")]
    command = [sys.executable, "-B", str(SOURCE / "train.py"), *folders, *sizes, *rest]
    command += ["--learning-rate", "0.0001", "--workers", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stderr
    log = LogFormat(format="torchvision")
    samples = list(parse_samples([(0, done.stdout.encode())], log, 1))
    assert [(s.count, s.last) for s in samples] == [(20, 20), (20, 40), (4, 44)]
    assert all(s.loss is not None and np.isfinite(s.loss) for s in samples)
    assert (tmp_path / "out" / "model_final.pth").stat().st_size > 1 << 20
