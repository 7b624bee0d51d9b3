"""`mrbench runs` lists what is stored, and removes what is named and nothing else."""

import json
import os
from pathlib import Path

import pytest

import manyruns
from mrbench import locks
from mrbench.cli.commands.runs import find_removable
from mrbench.record.rundir import RunDir
from toy import mrbench

MADE = 10


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    """Make runs of the suite smoke, a minute apart, oldest first."""
    return manyruns.make(tmp_path / "runs", MADE)


def names_listed(*words: str, cwd: Path) -> list[str]:
    done = mrbench("runs", *words, "--json", cwd=cwd)
    assert done.returncode == 0, done.stderr
    return [run["folder"].rpartition("/")[2] for run in json.loads(done.stdout)]


def names(runs: list[Path]) -> list[str]:
    return [run.name for run in runs]


def put(runs: Path, name: str) -> Path:
    """Make a run without a record."""
    folder = runs / "smoke" / "toy" / name
    folder.mkdir(parents=True)
    RunDir(folder).plan.write_text("{}")
    return folder


def test_runs_are_listed_newest_last_with_unit_and_verdict(
    runs: list[Path], tmp_path: Path
) -> None:
    heading, *lines = mrbench("runs", cwd=tmp_path).stdout.splitlines()
    assert heading.split()[0] == "run"
    assert [line.split()[0] for line in lines] == names(runs)
    assert all(" img/s  valid" in line for line in lines)
    assert "2026-01-01 00:03" in lines[3]
    assert f"smoke/{runs[3].parent.name}" in lines[3]


def test_runs_are_chosen_by_suite_implementation_and_time(runs: list[Path], tmp_path: Path) -> None:
    name = runs[0].parent.name
    of_name = [run.name for run in runs if run.parent.name == name]
    assert names_listed(cwd=tmp_path) == names(runs)
    assert names_listed("--impl", name, cwd=tmp_path) == of_name
    assert names_listed("--suite", "demo", cwd=tmp_path) == []
    assert names_listed("--since", "2026-01-01T00:04", cwd=tmp_path) == names(runs)[4:]
    assert names_listed("--since", "2026-01-01T02:04+02:00", cwd=tmp_path) == names(runs)[4:]
    assert names_listed("--since", "9999d", cwd=tmp_path) == names(runs)
    assert names_listed("--since", "999w", cwd=tmp_path) == names(runs)
    for text in ("7x", "9999999d", "yesterday", "-1d"):
        done = mrbench("runs", f"--since={text}", cwd=tmp_path)
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
        assert f"--since: '{text}' is not a time; give 30m, 12h, 7d, 8w or a date" in done.stderr


def test_a_number_that_does_not_count_is_not_listed(runs: list[Path], tmp_path: Path) -> None:
    path = runs[0] / "record.json"
    record = json.loads(path.read_text())
    record["validity"] |= {"verdict": "invalid", "why": "others were at work"}
    path.write_text(json.dumps(record))
    manyruns.seal(runs[0])
    put(tmp_path / "runs", "20251231T000000Z-0123abcd")
    (runs[1] / "record.json").write_text("[]")
    done = mrbench("runs", "--json", cwd=tmp_path)
    assert done.returncode == 1
    assert f"left out: {runs[1].relative_to(tmp_path)}/record.json: " in done.stderr
    unfinished, invalid, *others = json.loads(done.stdout)
    assert (unfinished["verdict"], unfinished["started"]) == ("no record", "2025-12-31T00:00:00Z")
    assert (invalid["verdict"], invalid["throughput"]) == ("invalid", None)
    assert invalid["why"] == "others were at work"
    assert len(others) == MADE - 2
    lines = mrbench("runs", cwd=tmp_path).stdout.splitlines()
    assert not any("img/s" in line for line in lines[1:3])


def test_exactly_the_named_runs_are_removed(runs: list[Path], tmp_path: Path) -> None:
    first, second, third, *others = runs
    named = (first.name, second.relative_to(tmp_path), f"{third}/", first)
    told = mrbench("runs", "rm", *named, "--dry-run", cwd=tmp_path).stdout
    assert told.count("would remove runs/smoke/") == 3
    assert all(run.exists() for run in runs)
    done = mrbench("runs", "rm", *named, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("removed runs/smoke/") == 3
    assert done.stdout.splitlines()[-1].endswith(" KiB")
    assert names_listed(cwd=tmp_path) == names(others)


@pytest.mark.parametrize("name", ["", ".", "..", "/", "smoke", "runs", "*", "record.json", "0"])
def test_what_is_not_the_whole_name_of_a_run_removes_nothing(
    name: str, runs: list[Path], tmp_path: Path
) -> None:
    for text in (name, runs[0].parent.name, runs[0].name[1:], f"{runs[0]}/record.json"):
        done = mrbench("runs", "rm", runs[1].name, text, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (1, "")
        assert "no run " in done.stderr
    assert all((run / "record.json").exists() for run in runs)


def test_a_choice_of_the_list_is_not_one_of_what_is_removed(
    runs: list[Path], tmp_path: Path
) -> None:
    done = mrbench("runs", "--suite", "smoke", "rm", runs[0].name, cwd=tmp_path)
    assert done.returncode == 2
    (tmp_path / "other").mkdir()
    done = mrbench("runs", "--runs", "other", "rm", runs[0].name, cwd=tmp_path)
    assert "under other" in done.stderr
    assert runs[0].exists()


def test_removal_follows_no_links_and_stays_in_the_folder_of_runs(
    runs: list[Path], tmp_path: Path
) -> None:
    other = manyruns.make(tmp_path / "elsewhere", 1)[0]
    other = other.rename(other.with_name("20250101T000000Z-00000000"))
    kept = tmp_path / "dear"
    kept.mkdir()
    (kept / "file").write_text("x" * 5_000_000)
    (runs[0] / "link").symlink_to(kept)
    (tmp_path / "runs" / "linked").symlink_to(other.parents[1])
    link = runs[0].parent / other.name[:-1]
    link.symlink_to(other)
    for name in (str(other), f"linked/{other.parent.name}/{other.name}", link.name):
        done = mrbench("runs", "rm", name, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (1, ""), name
    assert (other / "record.json").exists()
    done = mrbench("runs", "rm", runs[0].name, cwd=tmp_path)
    assert done.stdout.splitlines()[-1].endswith(" KiB")
    assert not os.path.lexists(runs[0])
    assert (kept / "file").exists()


def test_a_run_that_lives_is_refused_and_then_none_is_removed(
    runs: list[Path], tmp_path: Path
) -> None:
    folder = put(tmp_path / "runs", "20260102T000000Z-0123abcd")
    with locks.attempt(RunDir(folder).plan):
        done = mrbench("runs", "rm", runs[0].name, folder.name, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"toy/{folder.name}: is still at work; end its mrbench first" in done.stderr
    RunDir(folder).submission.write_text("{}")
    assert "is with a cluster" in mrbench("runs", "rm", folder.name, cwd=tmp_path).stderr
    RunDir(folder).submission.unlink()
    assert runs[0].exists()
    assert find_removable([folder.name], tmp_path / "runs") == [folder]
    assert mrbench("runs", "rm", folder.name, cwd=tmp_path).returncode == 0
    assert not folder.exists()


def test_names_draw_nothing_on_the_terminal(tmp_path: Path) -> None:
    put(tmp_path / "runs", "20260102T000000Z-\x1b[2J")
    (tmp_path / "runs" / "b\x1b[2J" / "a").mkdir(parents=True)
    done = mrbench("runs", cwd=tmp_path)
    assert done.returncode == 0
    assert "no record" in done.stdout
    assert "\x1b" not in done.stdout
