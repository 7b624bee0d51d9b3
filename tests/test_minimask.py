"""minimask trains: its loss falls, its log is true, and many devices do the same as one."""

import itertools
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from cluster import free_ports
from mrbench.model.inputs import SyntheticData
from mrbench.prepare.data.synth import synthesize

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "mrbench" / "embedded" / "minimask"
PATCH = ROOT / "patches" / "demo" / "minimask.patch"
# Of three iterations the compiler takes nearly all the time; the losses are the same.
LITTLE_OPTIMIZED = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
NUMBER = r"(-?\d+\.\d+)"
LINE = re.compile(
    r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}\] iter: (\d+)/(\d+)  loss: " + NUMBER + "  loss_rpn: "
    rf"{NUMBER}  loss_box: {NUMBER}  loss_mask: {NUMBER}  time: (\d+\.\d{{4}})  "
    r"data_time: (\d+\.\d{4})  lr: (\d+\.\d{6})"
)


class Line(NamedTuple):
    """One line of the log."""

    iteration: int
    total: int
    losses: tuple[float, ...]  # all, rpn, box, mask
    seconds: float
    waited: float
    rate: float


class Trained(NamedTuple):
    """What a training left."""

    text: str
    lines: list[Line]
    true_seconds: list[float]
    checkpoints: set[str]


def train(source: Path, folder: Path, *options: str) -> Trained:
    data = folder / "coco"
    synthesize(data, SyntheticData(images=24, width=160, height=120))
    names = ["--data", str(data), "--output", str(folder / "out"), "--truth", str(folder / "truth")]
    sizes = ["--width", "64", "--height", "48"]
    # -B: no compiled files in the package's folder
    command = [sys.executable, "-B", "-W", "error", "train.py", *names, *sizes, *options]
    done = subprocess.run(
        command,
        cwd=source,
        env=os.environ | {"JAX_PLATFORMS": "cpu"},  # the same devices on every machine
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    lines = []
    for found in LINE.finditer(done.stdout):
        words = found.groups()
        losses = tuple(float(word) for word in words[2:6])
        lines.append(Line(int(words[0]), int(words[1]), losses, *map(float, words[6:])))
    truth = [json.loads(line) for line in (folder / "truth").read_text().splitlines()]
    assert [line["iteration"] for line in truth] == list(range(1, len(truth) + 1))
    assert all(a["ended_s"] == b["began_s"] for a, b in itertools.pairwise(truth))
    return Trained(
        done.stdout,
        lines,
        [line["seconds"] for line in truth],
        {path.name for path in (folder / "out").iterdir()},
    )


@pytest.fixture(scope="module")
def patched(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Train the patched source, long enough to learn something."""
    folder = tmp_path_factory.mktemp("patched")
    shutil.copytree(SOURCE, folder / "source", ignore=shutil.ignore_patterns("__pycache__"))
    # in a repository of its own: within a foreign one git skips what is not under its top folder
    subprocess.run(["git", "init", "-q"], cwd=folder / "source", check=True)
    subprocess.run(["git", "apply", str(PATCH)], cwd=folder / "source", check=True)
    options = ["--iterations", "205", "--log-every", "10", "--checkpoint-every", "0"]
    return train(folder / "source", folder, *options)


def test_the_losses_fall(patched: Trained) -> None:
    losses = np.array([line.losses for line in patched.lines])
    first, last = losses[:5].mean(0), losses[-5:].mean(0)
    assert last[0] < 0.7 * first[0]
    assert (last[1:] < 0.9 * first[1:]).all(), (first, last)
    np.testing.assert_allclose(losses[:, 1:].sum(1), losses[:, 0], atol=3e-4)


def test_the_log_agrees_with_the_true_times(patched: Trained) -> None:
    assert [line.iteration for line in patched.lines] == list(range(10, 201, 10))
    assert {line.total for line in patched.lines} == {205}
    assert len(patched.true_seconds) == 205
    for line in patched.lines:
        mean = np.mean(patched.true_seconds[line.iteration - 10 : line.iteration])
        assert line.seconds == pytest.approx(mean, abs=0.51e-4)  # the log has four decimals
        assert 0 < line.waited < line.seconds
    assert "training finished: 205 iterations in" in patched.text.splitlines()[-1]


def test_the_learning_rate_warms_up(patched: Trained) -> None:
    rates = [line.rate for line in patched.lines]
    assert rates[:10] == sorted(set(rates[:10]))
    assert set(rates[9:]) == {0.005}  # 0.0025 for each of two images


def test_the_patch_keeps_saving_out_of_the_window(patched: Trained) -> None:
    assert patched.checkpoints == {"checkpoint-final.npz"}


def test_eight_devices_in_two_processes_train_as_one_does(tmp_path: Path) -> None:
    data = tmp_path / "coco"
    synthesize(data, SyntheticData(images=24, width=160, height=120))
    (port,) = free_ports(1)
    many: tuple[str, ...] = (
        "--devices",
        "8",
        "--images-per-device",
        "2",
        "--checkpoint-every",
        "2",
    )
    many += ("--processes", "2", "--coordinator", f"127.0.0.1:{port}")

    def start(name: str, *options: str) -> subprocess.Popen[str]:
        names = ["--data", str(data), "--output", str(tmp_path / name)]
        sizes = ["--width", "64", "--height", "48", "--iterations", "3", "--log-every", "1"]
        command = [sys.executable, "-B", "-W", "error", "train.py", *names, *sizes, *options]
        variables = os.environ | {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": LITTLE_OPTIMIZED}
        return subprocess.Popen(
            command, cwd=SOURCE, env=variables, stdout=subprocess.PIPE, text=True
        )

    with start("second", *many, "--process", "1") as second:
        with start("first", *many, "--process", "0") as first:
            told = first.communicate(timeout=600)[0]
        assert "iter:" not in second.communicate(timeout=600)[0]
    one = ("--devices", "1", "--images-per-device", "16", "--checkpoint-every", "9")
    with start("alone", *one) as alone:
        expected = alone.communicate(timeout=600)[0]
    assert (first.returncode, second.returncode, alone.returncode) == (0, 0, 0)
    assert "minimask: 8 x cpu, 16 images per iteration of 64x48" in told
    assert "minimask: 1 x cpu, 16 images per iteration of 64x48" in expected
    losses = [[float(line[i]) for i in range(3, 7)] for line in LINE.finditer(told)]
    losses_alone = [[float(line[i]) for i in range(3, 7)] for line in LINE.finditer(expected)]
    assert len(losses) == len(losses_alone) == 3
    np.testing.assert_allclose(losses[0], losses_alone[0], rtol=1e-3)
    np.testing.assert_allclose(losses[2], losses_alone[2], rtol=0.05)
    assert not (tmp_path / "second").exists()  # the first alone saves
    saved = {path.name for path in (tmp_path / "first").iterdir()}
    assert saved == {"checkpoint-2.npz", "checkpoint-final.npz"}
    assert {path.name for path in (tmp_path / "alone").iterdir()} == {"checkpoint-final.npz"}
    with np.load(tmp_path / "first" / "checkpoint-2.npz") as checkpoint:
        assert checkpoint["box/classes/kernel"].shape == (128, 81)
        assert all(np.isfinite(checkpoint[name]).all() for name in checkpoint)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--devices", "3", "--processes", "2"], "must divide --devices"),
        (["--width", "50"], "--width and --height must be multiples of 16"),
        (["--devices", "0"], "at least 1"),
    ],
)
def test_sizes_that_cannot_work_are_refused(
    tmp_path: Path, options: list[str], complaint: str
) -> None:
    names = ["--data", str(tmp_path), "--output", str(tmp_path)]
    command = [sys.executable, "-B", "train.py", *names, *options]
    done = subprocess.run(
        command, cwd=SOURCE, capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode != 0
    assert complaint in done.stderr


def test_the_patch_does_not_apply_twice(tmp_path: Path, git: Callable[..., str]) -> None:
    shutil.copy(SOURCE / "train.py", tmp_path)
    git(tmp_path, "init", "-q")
    git(tmp_path, "apply", "--check", str(PATCH))
    git(tmp_path, "apply", str(PATCH))
    with pytest.raises(subprocess.CalledProcessError):
        git(tmp_path, "apply", "--check", str(PATCH))
