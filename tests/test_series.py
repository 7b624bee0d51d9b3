"""A series of runs: its name, and how it goes on where some of it is lacking."""

import contextlib
import json
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mrbench import locks
from mrbench.record import rundir
from mrbench.record.rundir import RunDir
from toy import commit_all, edit, make_suite, mrbench, records
from waiting import SAFETY_S, wait_for


def implementations(folder: Path) -> list[str]:
    """Return the implementation of each run that has a record."""
    return [path.parents[1].name for path in sorted(folder.glob("runs/*/*/*/record.json"))]


@pytest.fixture
def toy(tmp_path: Path, git: Callable[..., str]) -> Path:
    return make_suite(tmp_path, git)


def test_all_runs_of_a_command_have_its_name(toy: Path, tmp_path: Path) -> None:
    done = mrbench("run", "--recipe", toy, "--repeat", 2, "--name", "night", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    listed = json.loads(mrbench("runs", "--tag", "night", "--json", cwd=tmp_path).stdout)
    assert [run["tags"] for run in listed] == [["night"]] * 2
    assert mrbench("verify", *(run["folder"] for run in listed), cwd=tmp_path).returncode == 0
    shown = mrbench("show", "night", cwd=tmp_path)
    assert "'night' is a tag of 2 runs; `mrbench runs --tag night` lists them" in shown.stderr


@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
def test_a_name_that_cannot_be_a_tag_starts_nothing(
    toy: Path, tmp_path: Path, dry: tuple[str, ...]
) -> None:
    done = mrbench("run", "--recipe", toy, "--name", "../x", *dry, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("mrbench: '../x' cannot be a tag; use 1 to 64 letters")
    assert not (tmp_path / "runs").exists()


def test_missing_runs_what_lacks_of_the_present_plan(toy: Path, tmp_path: Path) -> None:
    other = toy.with_name("other.yaml")
    other.write_text(toy.read_text())
    assert mrbench("run", "--recipe", toy, cwd=tmp_path).returncode == 0
    words = ("run", "--recipe", toy, other, "--repeat", 2, "--missing")
    dry = mrbench(*words, "--dry-run", cwd=tmp_path)
    assert dry.stdout.splitlines()[:2] == ["toy: has 1 of 2 valid runs; 1 to run", "other:"]
    assert "\ntoy:\n" in dry.stdout
    assert implementations(tmp_path) == ["toy"]
    done = mrbench(*words, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    made = [(r["plan"]["implementation"], r["series"]) for r in records(done.stdout)]
    assert made == [  # as they would have come: other 1, toy 2, other 2
        ("other", {"run": 1, "runs": 3, "repeat": 1, "repeats": 2}),
        ("toy", {"run": 2, "runs": 3, "repeat": 2, "repeats": 2}),
        ("other", {"run": 3, "runs": 3, "repeat": 2, "repeats": 2}),
    ]
    again = mrbench(*words, cwd=tmp_path)
    assert again.returncode == 0
    said = [line.partition("] ")[2] for line in again.stderr.splitlines()]
    assert said == [
        *(f"{name}: skipped: has 2 of 2 valid runs" for name in ("toy", "other")),
        "nothing is left to run",
    ]
    assert mrbench(*words, "--dry-run", "--json", cwd=tmp_path).stdout == "[]\n"
    assert len(implementations(tmp_path)) == 4
    edited = min(tmp_path.glob("runs/toys/toy/*/record.json"))
    edit(edited, '"exit_code": 0', '"exit_code": 5')
    left_out = mrbench(*words, "--dry-run", cwd=tmp_path).stdout
    assert left_out.startswith(f"left out: runs/toys/toy/{edited.parent.name}/record.json: is not")
    assert "toy: has 1 of 2 valid runs; 1 to run" in left_out
    shorter = mrbench(*words, "--dry-run", "--window", "20:40", cwd=tmp_path).stdout
    assert "valid runs" not in shorter, "of another plan there is none"
    later = mrbench(*words, "--dry-run", "--since", "2999-01-01", cwd=tmp_path).stdout
    assert "valid runs" not in later


def test_failed_runs_again_what_failed_last_and_has_no_valid_run(toy: Path, tmp_path: Path) -> None:
    paths = [toy.with_name(f"{name}.yaml") for name in ("sound", "mended", "broken", "new")]
    for path in paths:
        path.write_text(toy.read_text())
    for path in paths[1:3]:
        edit(path, "60 0.002", "20 0.002 broken")
    done = mrbench("run", "--recipe", *paths[:3], cwd=tmp_path)
    assert done.returncode == 5
    edit(paths[1], "20 0.002 broken", "60 0.002")
    done = mrbench("run", "--recipe", *paths, "--failed", "--json", cwd=tmp_path)
    said = {line.partition("] ")[2].partition(" (")[0] for line in done.stderr.splitlines()}
    assert {
        "sound: skipped: has a valid run",
        "mended: again: failed",
        "broken: again: failed",
        "new: skipped: was never run; --missing runs it",
    } <= said
    made = [(r["plan"]["implementation"], r["status"]) for r in records(done.stdout)]
    assert made == [("mended", "ok"), ("broken", "failed")]
    edit(paths[1], "title: Toy", "title: Other")  # another plan, which was never run
    done = mrbench("run", "--recipe", paths[1], "--failed", cwd=tmp_path)
    assert done.returncode == 0
    assert "mended: skipped: its latest run is valid, of another plan" in done.stderr
    assert done.stderr.endswith("nothing is left to run\n")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--failed", "--repeat", 3), "give --missing --repeat 3"),
        (("--failed", "--missing"), "not allowed with argument"),
        (("--since", "7d"), "--since is for --missing and --failed"),
        (("--missing", "--since", "noon"), "'noon' is not a time; give 30m"),
    ],
)
def test_what_does_not_fit_together(
    words: tuple[object, ...], told: str, toy: Path, tmp_path: Path
) -> None:
    done = mrbench("run", "--recipe", toy, *words, cwd=tmp_path)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert told in done.stderr


@pytest.fixture
def paced(toy: Path, tmp_path: Path) -> Path:
    """Let each training take a file out of tokens/ before its first iteration."""
    tokens = tmp_path / "tokens"
    tokens.mkdir()
    train = tmp_path / "upstream" / "train.py"
    waiting = f"""while not (found := os.listdir({str(tokens)!r})): time.sleep(0.05)
os.remove(os.path.join({str(tokens)!r}, found[0]))
"""
    edit(train, "import sys, time", "import os, sys, time")
    edit(train, "for i in range", f"{waiting}for i in range")
    edit(toy, toy.read_text().partition("commit: ")[2][:40], commit_all(tmp_path / "upstream"))
    return toy


def let_train(folder: Path, number: int) -> None:
    for i in range(number):
        (folder / "tokens" / str(i)).touch()


@contextlib.contextmanager
def second_waits(folder: Path, *words: object) -> Iterator[subprocess.Popen[str]]:
    """Yield a series while its second run trains, and waits for a token."""
    before = len(implementations(folder))
    let_train(folder, 1)
    command = [sys.executable, "-m", "mrbench", "run", *map(str, words)]
    with subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True) as process:
        wait_for(lambda: len(implementations(folder)) > before and trains(folder))
        yield process


def trains(folder: Path) -> bool:
    logs = [path for path in folder.glob("runs/*/*/*/train.log") if path.stat().st_size]
    return len(logs) > len(implementations(folder))


def test_an_interrupted_series_goes_on_with_the_command_that_it_names(
    paced: Path, tmp_path: Path
) -> None:
    """A run of the same plan from another day is no part of the series."""
    let_train(tmp_path, 1)
    assert mrbench("run", "--recipe", paced, cwd=tmp_path).returncode == 0
    time.sleep(1.0)  # times are compared to the second
    with second_waits(tmp_path, "--recipe", paced, "--repeat", 3) as running:
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=SAFETY_S)
    assert running.returncode == 130
    last = said.splitlines()[-1]
    found = re.fullmatch(
        r"mrbench: interrupted; 1 of 3 runs are done; `mrbench (run --missing --since \S+ .*)`"
        " goes on with the rest",
        last,
    )
    assert found, last
    let_train(tmp_path, 2)
    done = mrbench(*shlex.split(found[1]), "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "toy: has 1 of 3 valid runs; 2 to run" in done.stderr
    assert [r["series"]["repeat"] for r in records(done.stdout)] == [2, 3]


def test_a_series_whose_mrbench_was_killed_goes_on(paced: Path, tmp_path: Path) -> None:
    words = ("--recipe", paced, "--repeat", 2, "--name", "night")
    with second_waits(tmp_path, *words) as running:
        dry = mrbench("run", *words, "--missing", "--dry-run", cwd=tmp_path)
        assert dry.stdout.splitlines() == [
            "toy: skipped: has 1 of 2 valid runs, 1 at work",
            "nothing is left to run",
        ]
        failed = mrbench("run", *words[:2], "--failed", "--dry-run", cwd=tmp_path)
        assert failed.stdout.startswith("toy: skipped: one of its runs is under way\n")
        running.kill()
    (killed,) = rundir.find_unfinished(tmp_path / "runs", "toys")

    def is_over() -> bool:
        with locks.attempt(RunDir(killed).plan) as lock:
            return lock is not None

    wait_for(is_over)
    listed = json.loads(mrbench("runs", "--tag", "night", "--json", cwd=tmp_path).stdout)
    assert [run["folder"] for run in listed if run["verdict"] == "no record"] == [
        f"runs/toys/toy/{killed.name}"
    ]
    dry = mrbench("run", *words, "--missing", "--dry-run", cwd=tmp_path)
    name = f"toys/toy/{killed.name}"
    rest = f"; {name} has no record (`mrbench collect` may finish it); 1 to run"
    assert dry.stdout.splitlines()[0] == f"toy: has 1 of 2 valid runs{rest}"
    for path in tmp_path.glob("runs/*/*/*/record.json"):
        path.unlink()
        path.with_name("plan.json").unlink()
    failed = mrbench("run", *words[:2], "--failed", "--dry-run", cwd=tmp_path)
    assert failed.stdout.startswith(f"toy: again: killed ({name})\n")


@pytest.mark.usefixtures("slurm")
def test_what_is_with_a_cluster_is_not_submitted_twice(toy: Path, tmp_path: Path) -> None:
    words = ("run", "--recipe", toy, "--executor", "slurm", "--detach")
    assert mrbench(*words, cwd=tmp_path).returncode == 0
    again = mrbench(*words, "--missing", cwd=tmp_path)
    assert again.returncode == 0
    assert "toy: skipped: has 0 of 1 valid runs, 1 at work\n" in again.stderr
    assert mrbench("collect", "--wait", cwd=tmp_path).returncode == 0
    again = mrbench(*words, "--missing", cwd=tmp_path)
    assert "toy: skipped: has 1 of 1 valid runs\n" in again.stderr
