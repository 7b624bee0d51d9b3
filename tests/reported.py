"""Runs for tests of the report: of a toy on the stub's GPUs, kept ones, hostile ones, many."""

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mrbench.files import digest_of
from mrbench.record.rundir import RunDir
from test_checks_gpus import build
from toy import commit_all, edit, make_suite, mrbench, on_any_count

KEPT = Path(__file__).parent / "kept"
HOSTILE = "</script><img src=x onerror=alert(1)><b>&amp;\u202e\x1b[31m"
SECONDS = 5.0  # that a run on the stub's GPUs takes in its window


def on_gpus(folder: Path, git: Callable[..., str]) -> Path:
    """Train the toy on four and on eight of the stub's GPUs; return runs/."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("MRBENCH_HOME", str(folder / "mrbench-home"))
        patched.setenv("MRBENCH_LOCKS", str(folder))
        build(folder)
        patched.setenv("LD_LIBRARY_PATH", str(folder))
        patched.setenv("STUB_GPUS", "8")
        patched.setenv("STUB_LOAD", "88")
        patched.setenv("STUB_PIDS", str(folder / "pids"))
        toy = on_any_count(make_suite(folder, git))
        edit(toy, "launch:\n", "launch:\n  inherit: [STUB_PIDS]\n")
        suite = toy.parent / "suite.yaml"
        edit(
            suite,
            "accelerator: cpu, count: 1, name: any CPU",
            "accelerator: gpu, count: 8, name: V100",
        )
        edit(suite, "last: 40", f"last: {10 + round(SECONDS / 0.05)}")
        train = folder / "upstream" / "train.py"
        edit(train, "import sys, time\n", TRAIN)
        commit = commit_all(folder / "upstream")
        text = toy.read_text()
        old = text.partition("commit: ")[2][:40]
        toy.write_text(text.replace(old, commit).replace("60 0.002", "6000 0.05"))
        done = mrbench("run", "--recipe", toy, "--gpus", "4,8", cwd=folder)
        assert done.returncode == 0, done.stderr
    return folder / "runs"


TRAIN = """import os, sys, time
with open(os.environ["STUB_PIDS"], "w") as pids:
    pids.write(" ".join(f"{i} {os.getpid()}" for i in range(8)))
"""


def kept(runs: Path) -> Path:
    """Copy the kept runs into a folder of runs."""
    shutil.copytree(KEPT / "smoke", runs / "smoke")
    return runs


def change(run: Path, alter: Callable[[dict[str, Any]], object]) -> Path:
    """Change a run's record and make its digest anew."""
    record = json.loads((run / "record.json").read_text())
    alter(record)
    record["digest"] = digest_of(record)
    RunDir(run).record.write_text(json.dumps(record))
    return run


def hostile(run: Path, into: Path) -> Path:
    """Copy a run into the same suite with texts that want to be more than texts."""
    copy = shutil.copytree(run, into / "hostile" / run.name)

    def alter(record: dict[str, Any]) -> None:
        record["plan"] |= {"implementation": HOSTILE, "title": HOSTILE, "framework": HOSTILE}
        record["id"] = f"{record['id']}{HOSTILE}"
        record["reason"] = HOSTILE
        record["machine"] |= {"host": HOSTILE, "cpu": HOSTILE}
        record["measurement"] |= {"warnings": [HOSTILE, "%{x}$\\alpha$"]}
        record.pop("validity", None)

    return change(copy, alter)


def many(run: Path, into: Path, count: int, seconds: int = 300) -> Path:
    """Make `count` runs of one, with telemetry of so many seconds; return their folder of runs."""
    lines = [json.loads(line) for line in (run / "telemetry.jsonl").read_text().splitlines()]
    header, samples = lines[0], [line for line in lines if "host" in line and "tree" in line]
    for i in range(count):
        copy = shutil.copytree(run, into / "toys" / f"toy{i}" / run.name)

        def alter(record: dict[str, Any], number: int = i) -> None:
            record["plan"]["implementation"] = f"toy{number}"
            record["id"] = f"toys/toy{number}/{run.name}"
            record["plan_digest"] = f"{number:064d}"
            record["measurement"]["throughput"] *= 1 + number / 100

        change(copy, alter)
        made, noise = [header], random.Random(i)
        for second in range(seconds):
            sample = samples[(second + i) % len(samples)]
            later = samples[0]["monotonic_ns"] + second * 10**9
            gpus = {name: _noisy(values, noise) for name, values in sample["gpus"].items()}
            made.append(sample | {"monotonic_ns": later, "gpus": gpus})
        text = "".join(json.dumps(line) + "\n" for line in made)
        (copy / "telemetry.jsonl").write_text(text)
    return into


def _noisy(values: dict[str, float], noise: random.Random) -> dict[str, float]:
    """Let each value differ as real ones do, so that they take as many digits."""
    return {
        name: round(value * noise.uniform(0.7, 1.0), 3 if name == "power_w" else None)
        for name, value in values.items()
    }
