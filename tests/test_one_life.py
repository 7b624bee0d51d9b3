"""One life of a run for all executors: the same failure leaves the same record."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine import BASE
from mrbench import locks
from toy import edit, make_suite, mrbench
from waiting import SAFETY_S, wait_for

# How a recipe fails: what is changed of it, and the status that its run has then.
FAILURES = {
    "absent-source": ("/upstream\n", "/nowhere\n", "failed"),
    "absent-program": ('"{python} train.py', '"/no/such/python train.py', "failed"),
    "absent-folder": ("  stall_limit_s", "  directory: nowhere\n  stall_limit_s", "failed"),
    "broken": ("60 0.002", "20 0.002 broken", "failed"),
    "silent": ('"{python} train.py 60 0.002"', "sh -c 'exit 3'", "failed"),
    "short": ("60 0.002", "20 0.002", "incomplete_window"),
    "mute": ("60 0.002", "0 0.002", "no_iterations"),
    "slow": ("60 0.002", "60 300", "stalled"),
    "endless": ("60 0.002", "9999 30", "timed_out"),
    "sound": ("60 0.002", "9999 0.01", "ok"),  # is always stopped after the window
}
# What differs from run to run.
VARIES = re.compile(r"\d{8}T\d{6}Z-\w+|\d\.\d{6}|/(local|docker|slurm)/")
# What only one of the executors can tell.
OWN = {"slurm", "other_machines", "container", "cluster_container"}
INTERRUPTED = "interrupted by the user; run again, and let it end by itself"
WORKS_ALIKE = ["local", "slurm"]


@pytest.fixture
def toy(tmp_path: Path, git: Callable[..., str]) -> Path:
    return make_suite(tmp_path, git)


@pytest.fixture
def failing(toy: Path) -> list[Path]:
    """Make a recipe for each way to fail."""
    recipes = []
    for name, (old, new, _) in FAILURES.items():
        path = toy.with_name(f"{name}.yaml")
        path.write_text(toy.read_text())
        recipes.append(edit(path, old, new))
    edit(toy.with_name("slow.yaml"), "stall_limit_s: 60", "stall_limit_s: 5")
    edit(toy.with_name("endless.yaml"), "wall_clock_limit_s: 120", "wall_clock_limit_s: 5")
    return recipes


def prints_first(folder: Path) -> bool:
    """Tell whether the first of a series prints; on a cluster, others may have begun before."""
    plans = sorted(folder.glob("runs/*/*/*/plan.json"))
    log = plans[0].with_name("train.log") if plans else folder / "none"
    return log.exists() and log.stat().st_size > 0


def records_of(folder: Path, *words: object) -> Iterator[tuple[str, dict[str, Any]]]:
    """Run, and yield each record with its implementation's name; fewer would be an error."""
    runs = folder / "-".join(map(str, words[:1]))
    done = mrbench("run", "--executor", *words, "--runs", runs, cwd=folder)
    assert "Traceback" not in done.stderr
    if (runs / "ledger.jsonl").exists():  # not where none came so far as to train
        told = mrbench("verify", runs / "ledger.jsonl", cwd=folder)
        assert told.returncode == 0, told.stdout
    for path in sorted(runs.glob("*/*/*/record.json")):
        yield path.parents[1].name, json.loads(path.read_text())


def comparable(record: dict[str, Any]) -> dict[str, Any]:
    """Return what must not depend on the executor: how it ended, and which parts there are."""
    shared: dict[str, Any] = {name: record.get(name) for name in ("status", "exit_code", "forced")}
    shared["reason"] = VARIES.sub("", record["reason"])
    shared["keys"] = sorted(record.keys() - OWN)
    shared["exit"] = {n: v for n, v in (record.get("exit") or {}).items() if n != "seconds"}
    shared["exit"].pop("oom_kills", None)
    # what a sound measurement has of doubts depends on how busy the machine is
    measured = (record["status"] != "ok" and record["measurement"]) or {}
    shared["failure"] = (measured.get("failure") or {}).get("cause")
    shared["measured"] = sorted(name for name, value in measured.items() if value is not None)
    return shared


@pytest.mark.usefixtures("slurm")
def test_a_cluster_records_what_this_machine_records(failing: list[Path], tmp_path: Path) -> None:
    here = dict(records_of(tmp_path, "local", "--recipe", *failing))
    there = dict(records_of(tmp_path, "slurm", "--recipe", *failing))
    expected = {name: status for name, (_, _, status) in FAILURES.items()}
    assert {name: record["status"] for name, record in here.items()} == expected
    assert there.keys() == here.keys()
    for name in FAILURES:
        assert comparable(there[name]) == comparable(here[name]), name
    for record in (*here.values(), *there.values()):
        assert record["ended"] >= record["started"]
        assert "plan.json" in record["files"]


def test_so_does_a_container(failing: list[Path], tmp_path: Path, docker_host: str) -> None:
    assert docker_host
    # of their limits, which the same shim watches, a container's own start takes a part
    failing = [path for path in failing if path.stem not in ("slow", "endless")]
    inside = dict(records_of(tmp_path, "docker", "--image", BASE, "--recipe", *failing))
    here = dict(records_of(tmp_path, "local", "--recipe", *failing))
    assert inside.keys() == here.keys() == {path.stem for path in failing}
    for name, record in inside.items():
        alike, other = comparable(record), comparable(here[name])
        if name == "absent-program":  # it is the engine that looks for it, in a container that runs
            alike["keys"].remove("machine")
        if name in ("absent-program", "broken"):  # the engine hands on its two outputs in any order
            assert alike.pop("reason")
            assert other.pop("reason")
        assert alike == other, name


@pytest.mark.usefixtures("slurm")
def test_a_file_in_the_place_of_the_scratch_folders(toy: Path, tmp_path: Path) -> None:
    """Neither preparation that fails stops the series; nothing was submitted."""
    (tmp_path / "mrbench-home").mkdir()
    (tmp_path / "mrbench-home" / "scratch").touch()
    for executor in WORKS_ALIKE:
        words = (executor, "--recipe", toy, "--repeat", 2)
        found = [record for _, record in records_of(tmp_path, *words)]
        assert [r["status"] for r in found] == ["failed"] * 2
        assert [r["exit_code"] for r in found] == [1, 1]
        assert all("scratch" in r["reason"] and "files" in r for r in found)


def test_a_run_is_prepared_before_it_waits_for_the_machine(toy: Path, tmp_path: Path) -> None:
    broken = toy.with_name("broken.yaml")
    broken.write_text(toy.read_text())
    edit(broken, "/upstream\n", "/nowhere\n")
    with locks.machine_wide(("cpu",), pytest.fail):
        done = mrbench("run", "--recipe", broken, cwd=tmp_path)  # would wait for ever
        assert done.returncode == 3
        assert "waiting for cpu" not in done.stderr
    stages = []
    with contextlib.ExitStack() as held:
        held.enter_context(locks.machine_wide(("cpu",), pytest.fail))
        command = [sys.executable, "-m", "mrbench", "run", "--recipe", str(toy)]
        with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as running:
            assert running.stderr is not None
            for line in running.stderr:
                stages.append(line.partition("toy: ")[2])
                if "waiting for cpu" in line:
                    held.close()
    assert running.returncode == 0
    stages = [text for text in stages if "other programs keep" not in text]  # on a busy machine
    waits = next(i for i, text in enumerate(stages) if "waiting for cpu" in text)
    assert f"process {os.getpid()} of " in stages[waits]
    assert stages[waits - 1].startswith("copying the checkout")
    after = [text for text in stages[waits + 1 :] if "will slow the run" not in text]
    assert after[0].startswith("starting the training")


@pytest.mark.usefixtures("slurm")
@pytest.mark.parametrize("executor", WORKS_ALIKE)
def test_an_interrupted_run_is_recorded_as_one(toy: Path, tmp_path: Path, executor: str) -> None:
    edit(toy, "60 0.002", "1000000 3")
    command = [sys.executable, "-m", "mrbench", "run", "--recipe", str(toy), "--repeat", "2"]
    with subprocess.Popen([*command, "--executor", executor], cwd=tmp_path) as running:
        wait_for(lambda: prints_first(tmp_path))
        os.kill(running.pid, signal.SIGINT)
        assert running.wait(SAFETY_S) == 130
    first = min(tmp_path.glob("runs/*/*/*/record.json"))
    record = json.loads(first.read_text())
    assert (record["status"], record["exit_code"]) == ("interrupted", 130)
    assert record["reason"] == f"{INTERRUPTED}; see {first.parent}/train.log"
    assert record["exit"]["reason"] == "interrupted"
    assert "ended" in record
    assert "train.log" in record["files"]


def test_nothing_is_kept_of_a_run_that_was_interrupted_before_it_began(
    toy: Path, tmp_path: Path
) -> None:
    with locks.machine_wide(("cpu",), pytest.fail):
        command = [sys.executable, "-m", "mrbench", "run", "--recipe", str(toy)]
        with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as running:
            assert running.stderr is not None
            for line in running.stderr:
                if "waiting for cpu" in line:
                    os.kill(running.pid, signal.SIGINT)
                    break
            said = running.stderr.read()
    assert running.returncode == 130
    assert "toy: interrupted before its training began; nothing is kept of it" in said
    assert not (tmp_path / "runs").exists()  # which this run had made
    assert not list((tmp_path / "mrbench-home" / "scratch").iterdir())
