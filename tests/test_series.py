"""A series of runs: its name, and how it goes on where some of it is lacking."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from toy import make_suite, mrbench


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
