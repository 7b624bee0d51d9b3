"""Runs with telemetry beside them: what their records say, and that it disturbs and outlives none.

The toy's training waits where a test must do something meanwhile, so that no clock decides.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from jobs import wait_for_file
from test_checks_gpus import build
from toy import edit, make_suite, mrbench, records
from waiting import SAFETY_S, wait_for

WAITS = """
    if i in (5, 25):
        open(f"{folder}/reached-{{i}}", "w").close()
        while not os.path.exists(f"{folder}/go-{{i}}"):
            time.sleep(0.02)
    if i % 10 == 0:
"""


@pytest.fixture
def toy(tmp_path: Path, git: Callable[..., str]) -> Path:
    """Return a toy that waits before its window for the file go-5, in its middle for go-25."""
    path = make_suite(tmp_path, git)
    train = tmp_path / "upstream" / "train.py"
    edit(train, "    if i % 10 == 0:\n", WAITS.format(folder=tmp_path).removeprefix("\n"))
    edit(train, "import sys, time\n", "import os, sys, time\n")
    old = git(tmp_path / "upstream", "rev-parse", "HEAD")
    git(tmp_path / "upstream", "commit", "-qam", "waits")
    edit(path, old, git(tmp_path / "upstream", "rev-parse", "HEAD"))
    edit(path, "stall_limit_s: 60", "stall_limit_s: 600")  # a busy machine is slow to look
    edit(path, "wall_clock_limit_s: 120", "wall_clock_limit_s: 600")
    return edit(path, "60 0.002", "6000 0.002")


def on_gpus(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = path.parents[1]
    build(folder)
    edit(path.parent / "suite.yaml", "accelerator: cpu, count: 1", "accelerator: gpu, count: 8")
    for name, value in {"GPUS": "8", "LOAD": "95", "FAIL": str(folder / "fail")}.items():
        monkeypatch.setenv(f"STUB_{name}", value)
    monkeypatch.setenv("LD_LIBRARY_PATH", str(folder))


@contextmanager
def running(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Start `mrbench run`, and wait until telemetry has begun and the training is in its window."""
    command = [sys.executable, "-m", "mrbench", "run", "--json", "--recipe", str(path)]
    with subprocess.Popen(
        command, cwd=path.parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            wait_for(lambda: samples(path) > 0)
            (path.parents[1] / "go-5").touch()
            wait_for_file(path.parents[1] / "reached-25")
            yield process
        finally:
            process.kill()


BURN = """
import sys, time
sys.stdin.read(1)
while time.process_time() < 1.0:
    pass
print(time.process_time())
"""


def test_what_others_took_stands_in_the_last_line(toy: Path) -> None:
    """The other program is timed by its processor time: how long that takes is no matter."""
    edit(toy.parent / "suite.yaml", "at_most: 99", "otherwise: note, at_most: 0")
    with (
        subprocess.Popen(
            [sys.executable, "-c", BURN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as other,
        running(toy) as process,
    ):
        burned_s = float(other.communicate("x")[0])
        count = samples(toy)
        wait_for(lambda: samples(toy) > count)
        (toy.parents[1] / "go-25").touch()
        out, told = process.communicate(timeout=SAFETY_S)
    assert process.returncode == 0, told
    (record,) = records(out)
    telemetry = record["telemetry"]
    load = telemetry["host"]["cpu_load"]
    assert load["others_cores"] * telemetry["span_s"] > 0.9 * burned_s
    assert record["validity"]["verdict"] == "valid with notes"
    (last,) = [line for line in told.splitlines() if "img/s in iterations" in line]
    assert "valid with notes: other programs took" in last
    assert "faster on a quiet machine" in last


def record_of(process: subprocess.Popen[str], path: Path) -> dict[str, Any]:
    (path.parents[1] / "go-25").touch()
    out, told = process.communicate(timeout=SAFETY_S)
    assert process.returncode == 0, told
    record: dict[str, Any] = records(out)[0]
    return record


def samples(path: Path) -> int:
    (file,) = list((path.parent / "runs").glob("*/*/*/telemetry.jsonl")) or [Path("/dev/null")]
    return file.read_text().count('"own_cpu_s"')


def programs(path: Path) -> list[int]:
    """Return the telemetry programs of this test's runs."""
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = process.read_bytes().split(b"\0")
        except OSError:
            continue
        if any(w.endswith(b"telemetry/__main__.py") for w in words) and any(
            w.startswith(os.fsencode(path.parent)) for w in words
        ):
            found.append(int(process.parent.name))
    return found


def test_a_run_on_a_cpu_is_summarized(toy: Path) -> None:
    with running(toy) as process:
        wait_for(lambda: samples(toy) > 1)
        record = record_of(process, toy)
    told = record["telemetry"]
    measured = record["measurement"]
    assert told["span_s"] == measured["ended_s"] - measured["began_s"]
    assert told["span_s"] == pytest.approx(measured["arrival_seconds"])
    assert told["samples"] >= 1
    assert told["tree"]["processes"]["mean"] == 1
    assert (told["gpus"], told["problems"]) == ([], [])
    assert "gpus_in_use" not in told
    assert set(record["files"]) == {
        *("plan.json", "train.log", "train.stamps", "exit.json", "telemetry.jsonl")
    }
    assert programs(toy) == []
    shown = mrbench("show", record["id"], cwd=toy.parent).stdout
    assert "training: 1 processes" in shown
    assert "bound by: unknown (it trains on a CPU)" in shown


def test_a_gpu_that_is_lost_does_not_end_the_run(
    toy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_gpus(toy, monkeypatch)
    with running(toy) as process:
        (toy.parents[1] / "fail").write_text("* 5 15\n")
        count = samples(toy)
        wait_for(lambda: samples(toy) > count + 1)
        record = record_of(process, toy)
    told = record["telemetry"]
    assert record["status"] == "ok"
    assert told["problems"] == ["GPU 5 (GPU-00000005-aaaa): GPU is lost"]
    assert told["gpus"][5]["energy_j"] is None
    assert told["joules_per_unit"] is None
    assert told["gpus"][4]["energy_j"] > 0


def test_eight_gpus_are_summarized(toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_gpus(toy, monkeypatch)
    with running(toy) as process:
        wait_for(lambda: samples(toy) > 2)
        record = record_of(process, toy)
    told = record["telemetry"]
    assert [gpu["index"] for gpu in told["gpus"]] == list(range(8))
    assert told["bound_by"] == "gpu"
    images = 30 * record["plan"]["work_per_iteration"]
    watts = told["joules_per_unit"] * images / told["span_s"]
    # how much later than its line each GPU was asked for is the rest
    assert watts == pytest.approx(8 * (40 + 2.4 * 95), rel=0.3)
    (file,) = (toy.parent / "runs").glob("*/*/*/telemetry.jsonl")
    looks = [json.loads(line) for line in file.read_text().splitlines()]
    began_s, ended_s = (record["measurement"][key] for key in ("began_s", "ended_s"))
    inside = [look for look in looks if began_s <= look["monotonic_ns"] / 1e9 <= ended_s]
    assert inside
    for gpu in told["gpus"]:
        used = [look["gpus"][gpu["uuid"]]["memory_used_bytes"] for look in inside]
        assert gpu["memory_used_bytes"]["max"] == max(used)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_telemetry_that_dies_does_not_end_the_run(toy: Path, number: signal.Signals) -> None:
    with running(toy) as process:
        (pid,) = programs(toy)
        os.kill(pid, number)
        record = record_of(process, toy)
    assert record["status"] == "ok"
    assert record["measurement"]["throughput"] > 0
    assert "the telemetry program was killed" in record["telemetry"]["problems"]
    assert programs(toy) == []


def test_a_folder_that_takes_no_telemetry_does_not_end_the_run(
    toy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # no program of that name: it cannot be started, as where the memory is used up
    monkeypatch.setattr("mrbench.launch.telemetry.beside.sys.executable", "/nonexistent/python")
    from mrbench.launch.telemetry.beside import Beside

    beside = Beside(toy.parent / "telemetry.jsonl", gpus=False)
    beside.start(os.getpid())
    beside.stop()
    assert not (toy.parent / "telemetry.jsonl").exists()


def test_nothing_of_telemetry_outlives_mrbench(toy: Path) -> None:
    with running(toy) as process:
        assert len(programs(toy)) == 1
        process.kill()
        wait_for(lambda: not programs(toy))
    (file,) = (toy.parent / "runs").glob("*/*/*/telemetry.jsonl")
    assert "ended" in json.loads(file.read_text().splitlines()[-1])


def test_a_ctrl_c_while_telemetry_starts_leaves_no_program_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupted(subprocess.Popen[bytes]):
        def __init__(self, *args: Any, **more: Any) -> None:  # noqa: ANN401 - as Popen
            super().__init__(*args, **more)
            os.kill(os.getpid(), signal.SIGINT)  # between its start and what the caller knows of it

    monkeypatch.setattr("mrbench.launch.telemetry.beside.subprocess.Popen", Interrupted)
    from mrbench.launch.telemetry.beside import Beside

    file = tmp_path / "telemetry.jsonl"
    beside = Beside(file, gpus=False)
    with pytest.raises(KeyboardInterrupt):
        beside.start(os.getpid())
    beside.stop()
    assert "ended" in json.loads(file.read_text().splitlines()[-1])
