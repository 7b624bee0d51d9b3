"""Runs that were registered beforehand, and MLPerf's way to make one number of many."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ledgers
from mrbench.model.registration import Registered
from mrbench.record import ledger
from mrbench.results.aggregation import median_of_sets
from toy import edit, make_suite, mrbench
from waiting import SAFETY_S


@pytest.fixture
def toy(tmp_path: Path, git: Callable[..., str]) -> Path:
    return make_suite(tmp_path, git)


def rows(folder: Path, *words: object) -> list[dict[str, Any]]:
    done = mrbench("table", *words, "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def test_the_median_set_is_scored_without_its_fastest_and_slowest() -> None:
    # the mean of the two times in the middle
    assert median_of_sets([10, 40, 20, 100], 4) == pytest.approx(2 / (1 / 40 + 1 / 20))
    # each set of three has the score of its middle run: here 20, 30, 40
    assert median_of_sets([10, 20, 30, 40, 50], 3) == pytest.approx(30)
    # 20, 30, 40, 40: of the two in the middle the slower one
    assert median_of_sets([10, 20, 30, 40, 50, 35], 3) == pytest.approx(30)


def test_one_failed_run_of_a_set_is_its_slowest_and_two_make_it_void() -> None:
    assert median_of_sets([None, 20, 40], 3) == pytest.approx(20)
    assert median_of_sets([None, 20, None], 3) is None
    assert median_of_sets([10, 20, 30, None, None], 3) == pytest.approx(20)  # 20, 20, none
    assert median_of_sets([10, 20, None, None], 3) is None  # 10, none
    assert median_of_sets([None] * 5, 3) is None


def test_a_table_aggregates_as_mlperf_does_and_says_so(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    folders = ledgers.alike(runs, 5)
    for number, folder in enumerate(folders):
        record = json.loads((folder / "record.json").read_bytes())
        record["measurement"]["throughput"] = 10.0 * (number + 1)
        ledgers.change(folder, measurement=record["measurement"])
        ledgers.enter(runs, folder)
    (row,) = rows(tmp_path, "smoke", "--aggregate", "mlperf:3")
    assert row["throughput"] == pytest.approx(30)
    assert row["aggregation"] == "mlperf:3 of 5"
    assert (row["low_throughput"], row["high_throughput"]) == (None, None)
    told = mrbench("table", "smoke", "--aggregate", "mlperf:3", cwd=tmp_path).stdout
    assert "30.00 (mlperf:3 of 5)" in told
    assert "MLPerf Training's rule" in told
    # what was removed counts as failed, and not as never run
    assert mrbench("runs", "rm", folders[0].name, cwd=tmp_path).returncode == 0
    (row,) = rows(tmp_path, "smoke", "--aggregate", "mlperf:5")
    assert row["throughput"] == pytest.approx(3 / (1 / 20 + 1 / 30 + 1 / 40))
    assert mrbench("runs", "rm", folders[1].name, cwd=tmp_path).returncode == 0
    (row,) = rows(tmp_path, "smoke", "--aggregate", "mlperf:5")
    assert (row["throughput"], row["validity"]) == (None, "invalid")
    assert "has two that are not valid" in row["reason"]
    (row,) = rows(tmp_path, "smoke", "--aggregate", "mlperf:6")
    assert row["reason"] == "mlperf:6 needs 6 runs, and there are 5"
    for way in ("median", "mlperf:2", "mlperf:x"):
        done = mrbench("table", "smoke", "--aggregate", way, cwd=tmp_path)
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
        assert "give mean, or mlperf:N with N from 3" in done.stderr


def test_runs_are_bound_to_what_was_registered(toy: Path, tmp_path: Path) -> None:
    words = ("--recipe", toy)
    made = mrbench(
        "register",
        *words,
        "--repeat",
        3,
        "--aggregate",
        "mlperf:3",
        "-o",
        "plan.json",
        cwd=tmp_path,
    )
    assert made.returncode == 0, made.stderr
    registered = json.loads((tmp_path / "plan.json").read_bytes())
    assert made.stdout.endswith(f"plan.json: digest {registered['digest']}\n")
    bound = ("run", *words, "--registered", "plan.json")
    done = mrbench(*bound, "--repeat", 5, cwd=tmp_path)
    assert (done.returncode, "3 runs of each plan are registered" in done.stderr) == (2, True)
    done = mrbench(*bound, "--window", "10:50", cwd=tmp_path)
    assert done.returncode == 2
    assert "toy: window.last is 50, registered is 40" in done.stderr
    assert not (tmp_path / "runs").exists()
    planned = json.loads(mrbench(*bound, "--dry-run", "--json", cwd=tmp_path).stdout)
    assert planned[0]["runs"] == 3
    assert mrbench(*bound, cwd=tmp_path).returncode == 0
    done = mrbench(*bound, cwd=tmp_path)
    assert (done.returncode, "all 3 registered runs" in done.stderr) == (2, True)
    began, *_ = ledgers.read(tmp_path / "runs")
    assert began["registered"] == registered["digest"]
    (row,) = rows(tmp_path, "toys")
    assert row["registered"]["digest"] == registered["digest"]
    assert row["aggregation"] == "mlperf:3 of 3"
    told = " ".join(mrbench("table", "toys", "--aggregate", "mean", cwd=tmp_path).stdout.split())
    assert f"toy: registered beforehand as {registered['digest'][:16]}, 3 runs, mlperf:3" in told
    assert "3 were begun; shown is mean" in told
    assert mrbench("verify", "runs/ledger.jsonl", cwd=tmp_path).returncode == 0
    assert mrbench("run", *words, cwd=tmp_path).returncode == 0  # one beside them
    (row,) = rows(tmp_path, "toys")
    assert (row["registered"], row["ledger_runs"]) == (None, 4)


def test_what_is_registered_need_not_be_named_again(tmp_path: Path) -> None:
    words = ("--set", "batch=2,4", "--window", "0:20", "--repeat", 2, "-o", "plan.json")
    assert mrbench("register", "demo", *words, cwd=tmp_path).returncode == 0
    registered = json.loads((tmp_path / "plan.json").read_bytes())
    planned = mrbench("run", "--registered", "plan.json", "--dry-run", "--json", cwd=tmp_path)
    found = json.loads(planned.stdout)
    assert [(plan["parameters"]["batch"], plan["runs"]) for plan in found] == [(2, 2), (4, 2)]
    assert len(registered["plans"]) == 2


def test_two_at_once_begin_no_more_runs_than_registered(toy: Path, tmp_path: Path) -> None:
    words = ("--recipe", str(toy))
    done = mrbench("register", *words, "--repeat", 2, "-o", "plan.json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    command = [sys.executable, "-m", "mrbench", "run", *words, "--registered", "plan.json"]
    with contextlib.ExitStack() as running:
        both = [
            running.enter_context(
                subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
            )
            for _ in range(2)
        ]
        told = [each.communicate(timeout=SAFETY_S)[1] for each in both]
    began = [e["run"] for e in ledgers.read(tmp_path / "runs") if e["kind"] == "began"]
    assert len(began) == 2, told
    assert sorted(f.as_posix() for f in (tmp_path / "runs").glob("*/*/*")) == sorted(
        (tmp_path / "runs" / name).as_posix() for name in began
    )


def test_registered_runs_of_several_folders_are_counted_together(tmp_path: Path) -> None:
    shown = {}
    for name in ("here", "there"):
        (folder,) = ledgers.alike(tmp_path / name, 1)
        record = json.loads((folder / "record.json").read_bytes())
        ledger.append(
            tmp_path / name,
            "began",
            run=f"{record['id']}-{name}",
            plan=record["plan_digest"],
            registered=Registered(digest="a" * 64, repeat=1, aggregation="mean", margin=0.03),
        )
        shown[f"{record['id']}-{name}"] = str(folder)
    found = ledger.of_plan(record["plan_digest"], shown)
    assert found is not None
    assert set(found.registered["a" * 64]) == set(shown)
    assert found.count == len(shown)


def test_a_registration_that_was_edited_binds_nothing(toy: Path, tmp_path: Path) -> None:
    words = ("--recipe", toy)
    done = mrbench("register", *words, "--repeat", 2, "-o", "plan.json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (
        mrbench("register", *words, "--repeat", 2, "-o", "plan.json", cwd=tmp_path).returncode == 1
    )
    edit(tmp_path / "plan.json", '"repeat": 2', '"repeat": 20')
    done = mrbench("run", *words, "--registered", "plan.json", cwd=tmp_path)
    assert (done.returncode, len(done.stderr.splitlines())) == (7, 1)
    assert "was edited after it was registered" in done.stderr
    (tmp_path / "plan.json").write_text("[]")
    done = mrbench("run", *words, "--registered", "plan.json", cwd=tmp_path)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    done = mrbench("run", *words, "--registered", "plan.json", "--missing", cwd=tmp_path)
    assert "--missing: not allowed with argument --registered" in done.stderr
