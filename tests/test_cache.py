"""`mrbench cache`: what lies in a home, and the removal of what no run has used for long."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mrbench import files, locks
from mrbench.prepare import run_copy

DAY_S = 86400


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a home whose entries were all used 40 days ago, but for one environment."""
    home = tmp_path / "home"
    monkeypatch.setenv("MRBENCH_HOME", str(home))
    store, checkout = home / "repos" / "github.com" / "o" / "r.git", home / "work" / "r-0123"
    for file in (
        store / "objects" / "pack",
        checkout / ".git" / "objects" / "info" / "alternates",
        home / "envs" / "old" / "complete.json",
        home / "envs" / "fresh" / "complete.json",
        home / "data" / "synthetic-1" / "1.jpg",
        home / "weights" / "R-50.pkl",
        home / "logs" / "lock-a.log",
    ):
        file.parent.mkdir(parents=True)
        file.write_bytes(b"x" * 5000)
    (checkout / ".git" / "objects" / "info" / "alternates").write_text(f"{store / 'objects'}\n")
    (home / "envs" / "old.lock").touch()
    (home / "envs" / "old.log").touch()
    for path in home.rglob("*"):
        os.utime(path, (time.time() - 40 * DAY_S,) * 2)
    files.mark_used(home / "envs" / "fresh")
    return home


def _mrbench(*words: str, code: int = 0) -> str:
    command = [sys.executable, "-m", "mrbench", "cache", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


def _entries(home: Path) -> set[str]:
    told = json.loads(_mrbench("--json"))
    assert all(entry["size_bytes"] >= 4096 for entry in told)
    return {str(Path(entry["path"]).relative_to(home)) for entry in told}


ALL = {
    *("repos/github.com/o/r.git", "work/r-0123", "envs/old", "envs/fresh", "data/synthetic-1"),
    *("weights/R-50.pkl", "logs/lock-a.log"),
}


def test_what_no_run_has_used_for_so_long_is_removed(home: Path) -> None:
    assert _entries(home) == ALL
    text = _mrbench()
    assert "used 40 d ago   envs/old" in text
    assert "used today      envs/fresh" in text
    assert _mrbench("gc", "--older", "6w") == "nothing to remove\n"
    assert "would remove" in _mrbench("gc", "--dry-run")
    assert _entries(home) == ALL
    swept = json.loads(_mrbench("gc", "--json"))
    assert (len(swept["removed"]), swept["in_use"], swept["problems"]) == (5, [], [])
    assert _entries(home) == {"envs/fresh", "weights/R-50.pkl"}
    assert [path.name for path in (home / "envs").iterdir()] == ["fresh"]
    assert "R-50.pkl" in _mrbench("gc", "--weights")
    assert _entries(home) == {"envs/fresh"}


def test_a_store_stays_as_long_as_a_checkout_borrows_from_it(home: Path) -> None:
    files.mark_used(home / "work" / "r-0123")
    _mrbench("gc")
    assert {"repos/github.com/o/r.git", "work/r-0123"} <= _entries(home)


def test_what_a_living_run_or_another_process_works_on_stays(home: Path) -> None:
    with locks.hold(home / "envs" / "old.lock", "it", pytest.fail):
        assert "envs/old is in use; run again later" in _mrbench("gc", code=1)
    files.mark_used(home / "envs" / "old")
    with run_copy.own(run_copy.folder("s", "i", "now")):
        assert "in use: " in _mrbench("gc", "--older", "0h")
    assert {"envs/old", "envs/fresh"} <= _entries(home)
    _mrbench("gc", "--older", "0h")
    assert _entries(home) == {"weights/R-50.pkl"}


def test_links_are_not_followed(home: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("x")
    for kind in ("envs", "weights", "data"):
        (home / kind / "link").symlink_to(precious)
    (home / "envs" / "old" / "inside").symlink_to(precious)
    _mrbench("gc", "--older", "0h", "--weights")
    assert (precious / "file").read_text() == "x"
    assert (home / "envs" / "link").is_symlink()


def test_an_age_is_read_or_refused(home: Path) -> None:
    assert "'30' is not an age; give it as 30m, 12h, 7d or 8w" in _mrbench(
        "gc", "--older", "30", code=2
    )
    assert _entries(home) == ALL
