"""The telemetry program on real processes, and on eight GPUs of the stub that fail in every way."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mrbench.launch.telemetry.beside import command
from test_checks_gpus import build
from waiting import SAFETY_S, wait_for

Lines = list[dict[str, Any]]
SLEEP = [sys.executable, "-I", "-S", "-c", "import time; time.sleep(1000)"]
LOAD = 80
LOWEST_W, HIGHEST_W = 40 + 2.4 * (LOAD - 8), 40 + 2.4 * (LOAD + 8)
EVERYTHING = {
    *("utilisation_percent", "memory_utilisation_percent", "memory_used_bytes", "power_w"),
    *("energy_j", "sm_clock_mhz", "memory_clock_mhz", "temperature_c", "slowed_bits"),
}


class Watched:
    """A running telemetry program and what it has written."""

    def __init__(self, file: Path, program: subprocess.Popen[bytes]) -> None:
        self.file, self.program = file, program

    def lines(self) -> Lines:
        text = self.file.read_text() if self.file.exists() else ""
        return [json.loads(line) for line in text.splitlines(keepends=True) if line[-1] == "\n"]

    def samples(self) -> Lines:
        return [line for line in self.lines() if "own_cpu_s" in line]

    def problems(self) -> list[str]:
        return [line["problem"] for line in self.lines() if "problem" in line]

    def wait(self, condition: Callable[[Lines], bool]) -> Lines:
        """Wait until the samples are so."""
        wait_for(lambda: condition(self.samples()), self.lines)
        return self.samples()

    def end(self) -> dict[str, Any]:
        """End it by the end of its input; return its last line."""
        assert self.program.stdin
        self.program.stdin.close()
        assert self.program.wait(SAFETY_S) == 0
        return self.lines()[-1]


@contextmanager
def watching(folder: Path, root: int, *options: str, **variables: str) -> Iterator[Watched]:
    file = folder / "telemetry.jsonl"
    with subprocess.Popen(
        command(file, root, *options),
        stdin=subprocess.PIPE,
        env={**os.environ, **variables},
    ) as program:
        try:
            yield Watched(file, program)
        finally:
            program.kill()


@pytest.fixture
def stub(tmp_path: Path) -> Callable[..., Any]:
    """Return a function that watches eight busy GPUs, as a driver of that age."""

    def watch(*options: str, build_options: tuple[str, ...] = (), **variables: str) -> Any:  # noqa: ANN401 - a context manager
        build(tmp_path, *build_options)
        known = {"LD_LIBRARY_PATH": str(tmp_path), "STUB_GPUS": "8", "STUB_LOAD": str(LOAD)}
        return watching(tmp_path, os.getpid(), "--gpus", *options, **known | variables)

    return watch


@pytest.mark.parametrize("options", [(), ("-DOLD",), ("-DOLDEST",)], ids=["today", "510", "2019"])
def test_eight_gpus_under_load(stub: Callable[..., Any], options: tuple[str, ...]) -> None:
    with stub(build_options=options, STUB_PID=str(os.getpid())) as watched:
        first, second, *_ = watched.wait(lambda seen: len(seen) > 1)
        assert watched.end()["ended"] == "asked to"
    header = watched.lines()[0]
    assert [gpu["index"] for gpu in header["gpus"]] == list(range(8))
    assert header["driver"] == "470.57.02"
    seconds = (second["monotonic_ns"] - first["monotonic_ns"]) / 1e9
    for gpu in header["gpus"]:
        one, two = first["gpus"][gpu["uuid"]], second["gpus"][gpu["uuid"]]
        assert set(one) == EVERYTHING
        assert abs(one["utilisation_percent"] - LOAD) <= 8
        assert LOWEST_W <= one["power_w"] <= HIGHEST_W
        # by the right unit; how much later than its line each was asked for is the rest
        assert LOWEST_W * 0.5 <= (two["energy_j"] - one["energy_j"]) / seconds <= HIGHEST_W * 2
    assert first["gpus"] != second["gpus"]
    assert first["processes"]["GPU-00000000-aaaa"] == []
    (ours,) = first["processes"]["GPU-00000007-aaaa"]
    assert (ours["pid"], ours["own"], ours["memory_bytes"]) == (os.getpid(), True, 8 << 30)
    assert first["gpus"]["GPU-00000007-aaaa"]["slowed_bits"] == 0x40
    assert watched.problems() == []


@pytest.mark.parametrize("itself", [True, False])
def test_a_root_that_is_the_training_itself_counts(tmp_path: Path, *, itself: bool) -> None:
    """As on each node of several; elsewhere the root is mrbench's shim, no part of the training."""
    burn = "import time\nwhile time.process_time() < 0.5: pass\nprint(flush=True)\ntime.sleep(999)"
    with subprocess.Popen([sys.executable, "-c", burn], stdout=subprocess.PIPE) as root:
        assert root.stdout
        root.stdout.readline()
        with watching(tmp_path, root.pid, *(["--itself"] if itself else [])) as watched:
            (first, *_) = watched.wait(lambda seen: len(seen) > 0)
        root.kill()
    assert first["tree"]["processes"] == itself
    burned_s = first["tree"]["cpu_s"] if itself else first["mrbench_cpu_s"]
    assert burned_s > 0.4  # counted in ticks of 10 ms


def test_a_gpu_is_lost_on_the_way(stub: Callable[..., Any], tmp_path: Path) -> None:
    fail = tmp_path / "fail"
    with stub(STUB_FAIL=str(fail)) as watched:
        (before, *_) = watched.wait(lambda seen: len(seen) > 0)
        (tmp_path / "new").write_text("* 3 15\n")
        (tmp_path / "new").rename(fail)
        after = watched.wait(lambda seen: len(seen[-1]["gpus"]) < 8)[-1]
        fail.unlink()  # one that was lost is not asked again
        count = len(watched.samples())
        later = watched.wait(lambda seen: len(seen) > count)[-1]
    assert len(before["gpus"]) == 8
    assert set(before["gpus"]) - set(after["gpus"]) <= {"GPU-00000003-aaaa"}
    assert set(later["gpus"]) == set(before["gpus"]) - {"GPU-00000003-aaaa"}
    assert watched.problems() == ["GPU 3 (GPU-00000003-aaaa): GPU is lost"]


def test_what_a_gpu_cannot_tell_is_missing(stub: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "fail").write_text("PowerUsage -1 3\nTotalEnergyConsumption 2 3\nTemperature 5 4\n")
    with stub(STUB_FAIL=str(tmp_path / "fail")) as watched:
        last = watched.wait(lambda seen: len(seen) > 1)[-1]
    for index in range(8):
        lacks = {"power_w"} | ({"energy_j"} if index == 2 else set())
        lacks |= {"temperature_c"} if index == 5 else set()
        assert set(last["gpus"][f"GPU-{index:08d}-aaaa"]) == EVERYTHING - lacks
    problems = watched.problems()
    assert len(problems) == 10, "each is said once"
    assert "GPU 2 does not tell its energy: Not Supported" in problems
    assert "GPU 5 does not tell its temperature: Insufficient Permissions" in problems


def test_a_driver_that_fails_at_times_is_asked_again(
    stub: Callable[..., Any], tmp_path: Path
) -> None:
    fail = tmp_path / "fail"
    fail.write_text("PowerUsage 0 999\nComputeRunningProcesses -1 4\n")
    with stub(STUB_FAIL=str(fail)) as watched:
        (first, *_) = watched.wait(lambda seen: len(seen) > 0)
        fail.unlink()
        watched.wait(lambda seen: "power_w" in seen[-1]["gpus"]["GPU-00000000-aaaa"])
    assert "power_w" not in first["gpus"]["GPU-00000000-aaaa"]
    assert first["processes"] == {}
    problems = watched.problems()
    assert problems[0] == "GPU 0 did not tell its power at times: Unknown Error"
    assert "GPU 7 does not tell its processes: Insufficient Permissions" in problems


def test_mig_and_traffic(stub: Callable[..., Any]) -> None:
    with stub(STUB_MIG="1", STUB_TRAFFIC="1") as watched:
        last = watched.wait(lambda seen: len(seen) > 0)[-1]
    assert all(gpu["mig"] for gpu in watched.lines()[0]["gpus"])
    seen = last["gpus"]["GPU-00000000-aaaa"]
    assert "utilisation_percent" not in seen
    assert seen["nvlink_sent_bytes"] > seen["pcie_sent_bytes"] > 0


@pytest.mark.parametrize(
    ("variables", "error"),
    [
        ({"STUB_UNLOADED": "1"}, "NVML: Driver Not Loaded"),
        ({"LD_LIBRARY_PATH": "/nonexistent"}, "NVML: Shared Library Not Found"),
        ({"STUB_LOST": "1"}, None),
    ],
)
def test_without_gpus_the_rest_is_sampled(
    stub: Callable[..., Any], variables: dict[str, str], error: str | None
) -> None:
    with stub(**variables) as watched:
        last = watched.wait(lambda seen: len(seen) > 0)[-1]
    assert watched.lines()[0]["gpu_error"] == error
    assert last["tree"]["processes"] >= 1
    assert last["host"]["cpu_busy_s"] > 0
    assert last["host"]["memory_used_bytes"] > 0
    assert not last.get("gpus")


BURN = """
import os, time
def burn(seconds):
    while time.process_time() < seconds:
        pass
children = []
for _ in range(3):
    pid = os.fork()
    if pid == 0:
        burn(0.3)
        time.sleep(1000)
    children.append(pid)
if os.fork() == 0:
    burn(0.3)
    os._exit(0)
os.wait()  # its time is now this process's children's
print("ready", flush=True)
input()
if os.fork() == 0:
    time.sleep(1000)
time.sleep(1000)
"""


def test_the_tree_is_counted_whole(tmp_path: Path) -> None:
    burn = [sys.executable, "-I", "-S", "-c", BURN]
    with subprocess.Popen(
        burn, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    ) as root:
        assert root.stdin
        assert root.stdout
        try:
            assert root.stdout.readline() == b"ready\n"
            # the kernel tells each in whole hundredths
            with watching(tmp_path, root.pid) as watched:
                watched.wait(lambda seen: bool(seen) and seen[-1]["tree"]["cpu_s"] >= 1.1)
                found = watched.samples()[-1]["tree"]
                assert (found["processes"], found["threads"]) == (3, 3)
                assert found["cpu_s"] < 2.0
                root.stdin.write(b"\n")
                root.stdin.flush()
                watched.wait(lambda seen: seen[-1]["tree"]["processes"] == 4)
                last = watched.end()
                assert 0 < last["tree_proportional_bytes"] < found["memory_bytes"] * 2
                assert last["own_memory_bytes"] < 40e6
        finally:
            os.killpg(root.pid, 9)


def test_it_ends_with_what_it_watches(tmp_path: Path) -> None:
    with subprocess.Popen(SLEEP) as root, watching(tmp_path, root.pid) as watched:
        watched.wait(lambda seen: len(seen) > 0)
        root.kill()
        root.wait()
        assert watched.program.wait(SAFETY_S) == 0
    assert watched.lines()[-1]["ended"] == "nothing to watch"


def test_packages_of_another_python_are_left_alone(tmp_path: Path) -> None:
    for name in ("psutil", "msgspec", "pynvml"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('made for another Python')")
    file = tmp_path / "telemetry.jsonl"
    start = (
        "import os, pathlib, subprocess, sys; from mrbench.launch.telemetry.beside import command;"
        "sys.path.insert(0, sys.argv[2]); os.environ['PYTHONPATH'] = sys.argv[2];"
        "words = command(pathlib.Path(sys.argv[1]), os.getpid(), '--gpus');"
        "sys.exit(subprocess.run(words, input=b'').returncode)"
    )
    subprocess.run(
        [sys.executable, "-c", start, str(file), str(tmp_path)],
        env={**os.environ, "LD_LIBRARY_PATH": "/nonexistent"},
        check=True,
    )
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert lines[0]["gpu_error"] == "NVML: Shared Library Not Found"
    assert lines[-1]["ended"] == "asked to"


def test_a_full_disk_ends_it_quietly(tmp_path: Path) -> None:
    # a limit on the size of files fails a write just as a full disk does
    file = tmp_path / "telemetry.jsonl"
    limited = ["bash", "-c", 'ulimit -f 1; exec "$@"', "bash", *command(file, os.getpid())]
    with subprocess.Popen(limited, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as program:
        assert program.wait(SAFETY_S) == 0
        assert program.stderr
        assert program.stderr.read() == b""
    assert file.stat().st_size <= 1024


def test_a_file_that_is_there_is_not_touched(tmp_path: Path) -> None:
    file = tmp_path / "telemetry.jsonl"
    file.write_text("another run's\n")
    again = command(file, os.getpid())
    assert subprocess.run(again, stdin=subprocess.PIPE, capture_output=True, check=False).returncode
    assert file.read_text() == "another run's\n"
