"""What is said of GPUs, against a stand-in for NVIDIA's library that is built here from C.

No other way: CI has no GPU, and no machine can be told to overheat. LD_LIBRARY_PATH puts it where
the binding looks for the real one.
"""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from needs import skip_without
from toy import edit, make_suite, mrbench, on_any_count, records

STUB = Path(__file__).with_name("nvml_stub.c")


def build(folder: Path, *options: str) -> None:
    skip_without("nvml")
    library = folder / "libnvidia-ml.so.1"
    command = ["gcc", "-shared", "-fPIC", "-Werror", *options, "-o", str(library), str(STUB)]
    subprocess.run(command, check=True)


@pytest.fixture
def gpu_toy(tmp_path: Path, git: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a recipe for two GPUs, on a machine with two."""
    build(tmp_path)
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    path = on_any_count(make_suite(tmp_path, git))
    edit(path.parent / "suite.yaml", "accelerator: cpu, count: 1", "accelerator: gpu, count: 2")
    text = "current\n  system:\n    - GPUs of compute capability 6.0 to 7.5\n"
    edit(path, "current\n", f"{text}    - NVIDIA driver 418.39 or later (CUDA 10.1)\n")
    return path


@pytest.fixture
def other_process() -> Iterator[int]:
    with subprocess.Popen(["sleep", "300"]) as other:
        yield other.pid
        other.kill()


def told(recipe: Path, *words: object) -> tuple[int, dict[str, dict[str, Any]]]:
    done = mrbench("doctor", "--json", "--recipe", recipe, *words, cwd=recipe.parent)
    assert done.stderr == ""
    found = json.loads(done.stdout)["groups"]["GPUs"]
    return done.returncode, {finding["topic"]: finding for finding in found}


def test_two_good_gpus(gpu_toy: Path) -> None:
    code, found = told(gpu_toy)
    assert code == 0
    assert {f["outcome"] for f in found.values()} == {"ok"}
    assert found["driver"]["text"] == "470.57.02, for CUDA up to 11.4"
    assert found["kind"]["text"] == "2 x Tesla V100-SXM2-16GB; compute capability 7.0"
    assert found["in use"]["text"] == "by nobody; at most 3.0 MiB of 16.0 GiB taken"
    assert found["clocks"]["text"] == "1380 of 1530 MHz, for applications 1312"
    assert found["ECC"]["text"] == "on, no uncorrected errors"


@pytest.mark.parametrize("options", [(), ("-DOLD",), ("-DOLDEST",)], ids=["today", "510", "2019"])
def test_all_that_disturbs_is_told(
    gpu_toy: Path, other_process: int, options: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    build(gpu_toy.parents[1], *options)
    monkeypatch.setenv("STUB_PID", str(other_process))
    code, found = told(gpu_toy)
    assert code == 0  # it may be on purpose; the record tells the machine
    warned = {topic: f for topic, f in found.items() if f["outcome"] == "note"}
    assert set(warned) == {"in use", "clocks", "persistence", "ECC"}
    assert warned["in use"]["text"] == f"GPU 1: pid {other_process} sleep, 8.0 GiB"
    assert "CUDA_VISIBLE_DEVICES" in warned["in use"]["remedy"]
    assert "GPU 1 by heat (hardware); 405-1380 of 1530 MHz" in warned["clocks"]["text"]
    assert "off on GPU 1" in warned["persistence"]["text"]
    assert warned["ECC"]["text"] == "uncorrected errors: GPU 1: 3"


def test_a_process_of_another_container_has_no_name(
    gpu_toy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUB_PID", str(1 << 30))  # beyond all pids
    _, found = told(gpu_toy)
    assert f"pid {1 << 30} (not visible from here)" in found["in use"]["text"]


@pytest.mark.parametrize(
    ("visible", "code"),
    [("0", 4), ("", 4), ("-1", 4), ("0,1", 0), ("GPU-00000001,0", 0), ("0,9", 4)],
)
def test_cuda_visible_devices_counts(
    gpu_toy: Path, visible: str, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    done, found = told(gpu_toy)
    assert done == code
    if code:
        assert f"usable (CUDA_VISIBLE_DEVICES={visible})" in found["GPUs"]["text"]


def test_gpus_that_are_not_used_do_not_matter(
    gpu_toy: Path, other_process: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUB_PID", str(other_process))
    _, found = told(gpu_toy, "--gpus", 1)
    assert {f["outcome"] for f in found.values()} == {"ok"}
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1,0")
    _, found = told(gpu_toy, "--gpus", 1)
    assert found["in use"]["outcome"] == "note"


def test_clocks_that_somebody_lowered(gpu_toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUB_APPLICATION_CLOCK", "900")
    _, found = told(gpu_toy)
    assert "GPU 0-1 set below the default" in found["clocks"]["text"]
    assert "nvidia-smi -rac" in found["clocks"]["remedy"]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("STUB_CAPABILITY", "9.0", "compute capability 9.0 (GPU 0-1), 6.0 to 7.5 needed"),
        ("STUB_CAPABILITY", "5.2", "compute capability 5.2 (GPU 0-1), 6.0 to 7.5 needed"),
        ("STUB_DRIVER", "410.48", "NVIDIA driver 410.48, 418.39 or later needed"),
        ("STUB_GPUS", "1", "2 GPUs wanted, 1 usable (this machine has no more)"),
        ("STUB_UNLOADED", "1", "2 GPUs wanted, 0 usable (NVML: Driver Not Loaded)"),
        ("STUB_LOST", "1", "2 GPUs wanted, 0 usable (NVML: GPU is lost)"),
    ],
)
def test_what_refuses_a_run_is_told_by_both(
    gpu_toy: Path, name: str, value: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    code, found = told(gpu_toy)
    assert code == 4
    assert message in [f["text"] for f in found.values() if f["outcome"] == "failed"]
    refused = mrbench("run", "--recipe", gpu_toy, cwd=gpu_toy.parent)
    assert refused.returncode == 4
    assert message in refused.stderr
    assert not os.path.lexists(gpu_toy.parent / "runs")


def test_gpus_that_the_recipe_excludes_can_be_forced(
    gpu_toy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUB_CAPABILITY", "8.0")
    refused = mrbench("run", "--recipe", gpu_toy, cwd=gpu_toy.parent)
    assert refused.returncode == 4
    assert "or try it with --force" in refused.stderr
    done = mrbench("run", "--force", "--recipe", gpu_toy, "--json", cwd=gpu_toy.parent)
    assert done.returncode == 0, done.stderr
    text = "compute capability 8.0 (GPU 0-1), 6.0 to 7.5 needed"
    assert f"toy: {text}; forced" in done.stderr
    record = records(done.stdout)[0]
    assert record["forced"] == [text]
    assert f"{text} (forced)" in record["validity"]["notes"]
    assert text in mrbench("show", record["id"], cwd=gpu_toy.parent).stdout
    monkeypatch.setenv("STUB_GPUS", "1")  # nothing else can be forced
    assert mrbench("run", "--force", "--recipe", gpu_toy, cwd=gpu_toy.parent).returncode == 4


def test_the_record_names_the_gpus(gpu_toy: Path) -> None:
    done = mrbench("run", "--recipe", gpu_toy, "--json", cwd=gpu_toy.parent)
    assert done.returncode == 0, done.stderr
    machine = records(done.stdout)[0]["machine"]
    assert (machine["gpu_driver"], machine["gpu_error"]) == ("470.57.02", None)
    assert machine["gpus"][1] == {
        "name": "Tesla V100-SXM2-16GB",
        "uuid": "GPU-00000001-aaaa",
        "memory_bytes": 16 << 30,
    }
