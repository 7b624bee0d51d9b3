"""Runs are named as people name them: the latest, an implementation's latest, an archive."""

import json
import shutil
from pathlib import Path

import pytest

import manyruns
from mrbench.record import rundir
from toy import mrbench

MADE = 16  # two of each of the kept runs and more, so that each implementation has a latest one


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    """Make runs of the suite smoke, oldest first."""
    return manyruns.make(tmp_path / "runs", MADE)


def of_same(run: Path, runs: list[Path]) -> list[Path]:
    return [other for other in runs if other.parent == run.parent]


def shown(*words: str, cwd: Path) -> str:
    """Return the id of the record that `show --json` prints."""
    done = mrbench("show", *words, "--json", cwd=cwd)
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert record == json.loads((cwd / "runs" / record["id"] / "record.json").read_text())
    return str(record["id"])


def test_show_takes_the_latest_and_an_implementations_latest(
    runs: list[Path], tmp_path: Path
) -> None:
    latest = of_same(runs[0], runs)[-1]
    name = latest.parent.name
    assert latest != runs[-1]
    assert shown(cwd=tmp_path).endswith(runs[-1].name)
    assert shown(name, cwd=tmp_path).endswith(latest.name)
    assert shown(f"smoke/{name}", cwd=tmp_path).endswith(latest.name)
    assert shown(runs[0].name, cwd=tmp_path).endswith(runs[0].name)


def test_a_run_without_a_record_is_said_to_have_none(runs: list[Path], tmp_path: Path) -> None:
    (runs[0] / "record.json").unlink()
    for command in ("show", "verify"):
        done = mrbench(command, runs[0].name, cwd=tmp_path)
        assert done.returncode == 1
        assert f"{runs[0].name} has no record (yet, or was killed)" in done.stderr


def test_a_name_of_two_suites_is_refused_in_one_line(runs: list[Path], tmp_path: Path) -> None:
    name = runs[0].parent.name
    shutil.copytree(runs[0].parent, tmp_path / "runs" / "another" / name)
    for command in ("show", "verify", "compare", "report"):
        done = mrbench(command, name, cwd=tmp_path)
        assert done.returncode == 2
        assert done.stderr == (
            f"mrbench: {name!r} has runs in 2 suites; give one of: another/{name}, smoke/{name}\n"
        )
    assert shown(f"smoke/{name}", cwd=tmp_path).startswith("smoke/")


def test_compare_of_an_implementation_takes_its_latest_two_runs(
    runs: list[Path], tmp_path: Path
) -> None:
    older, newer = of_same(runs[0], runs)[-2:]
    name = newer.parent.name
    done = mrbench("compare", name, cwd=tmp_path)
    assert f"{name}: A is its latest run but one, B its latest\n" in done.stdout
    sides = json.loads(mrbench("compare", name, "--json", cwd=tmp_path).stdout)
    rates = [rundir.load(run / "record.json").throughput for run in (older, newer)]
    assert [sides[side]["throughput"] for side in "ab"] == rates
    for run in of_same(newer, runs)[:-1]:
        shutil.rmtree(run)
    done = mrbench("compare", name, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{name} has one run only" in done.stderr


def test_archives_and_names_of_implementations_are_taken_wherever_runs_are(
    tmp_path: Path,
) -> None:
    shutil.copytree(manyruns.KEPT / "smoke", tmp_path / "runs" / "smoke")
    name = "detectron2"
    (run,) = (tmp_path / "runs" / "smoke" / name).iterdir()
    packed = mrbench("pack", name, "-o", "run.tar.gz", cwd=tmp_path)
    assert packed.returncode == 0, packed.stderr
    assert "run " in mrbench("show", "run.tar.gz", cwd=tmp_path).stdout
    record = json.loads(mrbench("show", "run.tar.gz", "--json", cwd=tmp_path).stdout)
    assert record["id"] == f"smoke/{name}/{run.name}"
    for command in (("verify",), ("compare", name), ("report", "-o", "one.html")):
        done = mrbench(*command, "run.tar.gz", cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
    done = mrbench("verify", name, cwd=tmp_path)
    assert run.name in done.stdout
    done = mrbench("report", name, "-o", "two.html", cwd=tmp_path)
    assert "two.html: 1 run," in done.stdout
