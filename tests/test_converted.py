"""data.converted: a dataset in another format is made once, kept, and never found half made."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine import BASE
from jobs import mentioned
from mrbench.errors import LaunchError
from toy import commit_all, edit, make_suite, mrbench, records
from waiting import wait_for

CONVERT = """
import pathlib, sys, time
data, target, wait = map(pathlib.Path, sys.argv[1:])
(target / "first").write_text(str(target))
while wait.exists():
    time.sleep(0.05)
(target / "labels").mkdir()
(target / "labels" / "a.txt").write_text((data / "a.json").read_text() * 2)
"""
SECTION = """
data:
  layout: one file
  needs: [a.json]
  converted:
    steps: ["{python} convert.py {data} {converted} WAIT"]
    makes: [labels/a.txt]
workload:"""
READ = """
import os, pathlib
print("data:", pathlib.Path(os.environ["DATA"], "labels", "a.txt").read_text(), flush=True)
"""


@pytest.fixture
def toy(tmp_path: Path, git: Callable[..., str]) -> Path:
    """Make a toy that trains on what a step makes of a.json."""
    toy = make_suite(tmp_path, git)
    upstream = tmp_path / "upstream"
    (upstream / "convert.py").write_text(CONVERT)
    git(upstream, "add", ".")
    (upstream / "train.py").write_text(READ + (upstream / "train.py").read_text())
    edit(toy, toy.read_text().partition("commit: ")[2][:40], commit_all(upstream))
    edit(toy, "\nworkload:", SECTION.replace("WAIT", str(tmp_path / "wait")))
    edit(toy, "launch:\n", 'launch:\n  variables: {DATA: "{converted}"}\n')
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.json").write_text("one")
    return toy


def _run(toy: Path, *more: str) -> tuple[dict[str, Any], str]:
    folder = toy.parent.parent
    done = mrbench("run", "--recipe", toy, "--data", folder / "data", "--json", *more, cwd=folder)
    assert done.returncode == 0, done.stderr
    (record,) = records(done.stdout)
    logs = sorted(folder.glob("runs/*/*/*/train.log"), key=lambda path: path.stat().st_mtime_ns)
    if "--executor" in more:  # the training finds it, and may not write to it
        assert record["container"]["mounts"][record["converted"]["path"]] is True
    return record["converted"], logs[-1].read_text()


def _verified(run: str, cwd: Path) -> str:
    return " ".join(mrbench("verify", run, cwd=cwd).stdout.split())


def test_it_is_made_once_until_something_that_decides_it_changes(toy: Path, tmp_path: Path) -> None:
    made, log = _run(toy)
    assert "data: oneone\n" in log
    path = Path(made["path"])
    assert (made["reused"], made["files"], made["size_bytes"]) == (False, 2, 6 + len(str(path)))
    assert (path / "first").read_text() == str(path), "a step may write down where it is"
    (path / "labels.cache").write_text("a training's own")
    again, _ = _run(toy)
    assert (again["reused"], again["path"], again["digest"]) == (True, str(path), made["digest"])
    assert f"converted data  {made['digest'][:16]}, reused" in mrbench("show", cwd=tmp_path).stdout
    listed = json.loads(mrbench("cache", "--json", cwd=tmp_path).stdout)
    assert [e["path"] for e in listed if e["kind"] == "converted"] == [str(path.parent)]
    run = str(next(tmp_path.glob("runs/*/*/*/record.json")).parent)
    assert "as it was made, by sizes" in _verified(run, tmp_path)
    (path / "labels" / "a.txt").write_text("edited")
    assert "labels/a.txt was changed" in _verified(run, tmp_path)
    mended, log = _run(toy)
    assert (mended["reused"], mended["digest"]) == (False, made["digest"])
    assert "data: oneone\n" in log
    (tmp_path / "data" / "a.json").write_text("two")
    other, log = _run(toy)
    assert not other["reused"]
    assert other["digest"] != made["digest"]
    assert "data: twotwo\n" in log
    mrbench("cache", "gc", "--older", "0d", cwd=tmp_path)
    assert not [e for e in json.loads(mrbench("cache", "--json", cwd=tmp_path).stdout) if e]


@pytest.mark.usefixtures("docker_host")
def test_in_an_image(toy: Path) -> None:
    seen = """[["{python}", "-c", "open('{converted}/labels/a.txt')"]]"""
    edit(toy, "  converted:\n", f"  prepare: {seen}\n  converted:\n")
    made, log = _run(toy, "--executor", "docker", "--image", BASE)
    assert (made["reused"], made["files"]) == (False, 2)
    assert "data: oneone\n" in log
    again, _ = _run(toy, "--executor", "docker", "--image", BASE)
    assert again["reused"]


def test_what_was_killed_half_way_is_made_anew(toy: Path, tmp_path: Path) -> None:
    (tmp_path / "wait").touch()
    home = Path(os.environ["MRBENCH_HOME"])
    command = [sys.executable, "-m", "mrbench", "run", "--recipe", str(toy)]
    with subprocess.Popen(
        [*command, "--data", "data"], cwd=tmp_path, stderr=subprocess.DEVNULL
    ) as killed:
        wait_for(lambda: [*home.glob("converted/*/*/first")])
        killed.send_signal(signal.SIGKILL)
    (half,) = home.glob("converted/*/*/first")
    waits = str(tmp_path / "wait")
    wait_for(lambda: not mentioned(waits))  # the step ends with it
    (tmp_path / "wait").unlink()
    made, log = _run(toy)
    assert (made["reused"], made["files"]) == (False, 2)
    assert Path(made["path"]) != half.parent
    assert "data: oneone\n" in log


def test_a_step_that_kills_its_group_kills_itself_alone(toy: Path, tmp_path: Path) -> None:
    steps = next(line for line in toy.read_text().splitlines() if "steps:" in line)
    edit(toy, steps, "    steps: [[sh, -c, 'sleep 1000 & kill -9 0']]")
    done = mrbench("run", "--recipe", toy, "--data", "data", cwd=tmp_path)
    assert done.returncode == LaunchError.exit_code, done.stderr
    assert "ended with -9" in done.stderr


def test_a_step_that_fails_or_makes_less_leaves_nothing(toy: Path, tmp_path: Path) -> None:
    shutil.copy(toy, tmp_path / "kept.yaml")
    edit(toy, "makes: [labels/a.txt]", "makes: [labels/b.txt]")
    done = mrbench("run", "--recipe", toy, "--data", "data", cwd=tmp_path)
    assert "the steps of data.converted made no labels/b.txt" in done.stderr
    edit(toy, "convert.py {data}", "convert.py {data}/absent")
    done = mrbench("run", "--recipe", toy, "--data", "data", cwd=tmp_path)
    assert "FileNotFoundError" in done.stderr
    home = Path(os.environ["MRBENCH_HOME"])
    assert not [path for path in home.glob("converted/*") if path.is_dir()]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (" WAIT", " {output}", "{output} is not known when data are converted"),
        ("  converted:\n", "  prepare: [echo]\n  other:\n", "data.other: unknown key"),
        ('DATA: "{converted}"', 'DATA: "{convertd}"', "did you mean 'converted'?"),
    ],
)
def test_words_that_cannot_be_are_refused(
    toy: Path, tmp_path: Path, old: str, new: str, said: str
) -> None:
    edit(toy, old.replace("WAIT", str(tmp_path / "wait")), new)
    done = mrbench("run", "--recipe", toy, "--data", "data", cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr


def test_its_folder_without_steps_is_refused(toy: Path, tmp_path: Path) -> None:
    text = toy.read_text()
    start, end = text.index("  converted:"), text.index("workload:")
    toy.write_text(text[:start] + text[end:])
    done = mrbench("run", "--recipe", toy, "--data", "data", cwd=tmp_path)
    assert "{converted}: the recipe has no data.converted" in done.stderr
