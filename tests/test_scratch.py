"""Scratch folders: who owns one, and what is removed of those that nobody owns any more."""

import contextlib
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from mrbench.prepare import run_copy
from toy import as_a_user, make_suite, mrbench

STRESS = """
import sys
from pathlib import Path
from mrbench.prepare import run_copy
for i in range(40):
    with run_copy.own(Path(sys.argv[1]) / f"{sys.argv[2]}-{i}") as own:
        (own.path / "output").mkdir()
        assert (own.path / run_copy.OWNER).exists()
"""


@pytest.fixture
def parent(tmp_path: Path) -> Path:
    return tmp_path / "mrbench-home" / "scratch"


def test_it_is_gone_in_the_end_however_that_comes(parent: Path) -> None:
    with run_copy.own(parent / "a") as own:
        assert own.path.is_dir()
    with contextlib.suppress(ZeroDivisionError), run_copy.own(parent / "b") as own:
        own.hand_over(parent)
        raise ZeroDivisionError
    assert not list(parent.iterdir())


def test_one_that_a_run_owns_stays_until_the_run_has_its_record(
    parent: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    with run_copy.own(parent / "a") as own:
        own.hand_over(run)
    assert run_copy.sweep(parent)[0] == []
    (run / "record.json").touch()
    assert run_copy.sweep(parent)[0] == [parent / "a"]
    assert not own.path.exists()


def test_cleanup_removes_both_kinds_and_nothing_that_lives(parent: Path, tmp_path: Path) -> None:
    """Folders of an older mrbench are among them: it made no .owner where a run was the owner."""
    run = tmp_path / "run"
    run.mkdir()
    code = f"""
        from pathlib import Path
        from mrbench.prepare import run_copy
        with run_copy.own(Path({str(parent / "living")!r})):
            print("owned", flush=True)
            input()
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "owned\n"
        for name, marker, text in (
            ("killed", run_copy.OWNER, ""),
            ("submitted", run_copy.RUN, f"{run}\n"),
            ("removed", run_copy.RUN, f"{tmp_path}/gone\n"),
            ("prepared", "src", ""),
        ):
            (parent / name).mkdir()
            (parent / name / marker).write_text(text)
        done = mrbench("cleanup", cwd=tmp_path)
        assert f"removed folder {parent / 'killed'}" in done.stdout
        assert f"removed folder {parent / 'removed'}" in done.stdout
        assert {path.name for path in parent.iterdir()} == {"living", "submitted", "prepared"}
        other.communicate("\n")


def test_many_at_once_do_not_sweep_one_another_away(parent: Path) -> None:
    command = [sys.executable, "-c", STRESS, str(parent)]
    running = [subprocess.Popen([*command, str(i)], stderr=subprocess.PIPE) for i in range(6)]
    told = [process.communicate()[1].decode() for process in running]
    assert [process.returncode for process in running] == [0] * 6, told
    assert not list(parent.iterdir())


def test_two_runs_of_the_same_second_get_two_folders(parent: Path) -> None:
    """They may have the same name, in two folders of runs."""
    with run_copy.own(parent / "a") as one, run_copy.own(parent / "a") as other:
        assert one.path != other.path
        assert run_copy.sweep(parent)[0] == []
    assert not list(parent.iterdir())


def test_a_home_of_another_user_is_told_before_anything_starts(
    tmp_path: Path, git: Callable[..., str]
) -> None:
    toy = make_suite(tmp_path, git)
    scratch = tmp_path / "mrbench-home" / "scratch"
    scratch.mkdir(parents=True)
    scratch.chmod(0o555)
    done = as_a_user("run", "--recipe", toy, cwd=tmp_path)
    assert done.returncode == 4
    assert f"{scratch} is {scratch.owner()}'s, and not yours to write to" in done.stderr
    assert "set MRBENCH_HOME to a folder of your own" in done.stderr
