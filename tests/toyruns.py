"""Real runs of the toy, made once for a module of tests, and copies of them to tamper with."""

import contextlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mrbench.files import digest_of
from mrbench.record.rundir import RunDir
from toy import edit, make_suite, mrbench


@contextlib.contextmanager
def at_home(folder: Path) -> Iterator[None]:
    """Run with a home of its own, for what a module of tests shares."""
    with pytest.MonkeyPatch.context() as patched:
        for name in [n for n in os.environ if n.startswith(("GIT_", "XDG_", "MRBENCH_"))]:
            patched.delenv(name)
        cache = os.environ.get("UV_CACHE_DIR") or str(Path.home() / ".cache" / "uv")
        patched.setenv("UV_CACHE_DIR", cache)
        patched.setenv("HOME", str(folder))
        patched.setenv("MRBENCH_HOME", str(folder / "mrbench-home"))
        patched.setenv("MRBENCH_LOCKS", str(folder))
        yield


def make_runs(
    folder: Path,
    git: Callable[..., str],
    count: int = 2,
    *,
    prints: tuple[str, ...] = (),
    variables: str = "{}",
    kept: str = "kept\n",
) -> list[Path]:
    """Run the toy in a folder that has its own home; return the runs' folders, oldest first.

    prints: what the training says first; kept: the content of the file that is kept.
    """
    with at_home(folder):
        toy = make_suite(folder, git)
        train = folder / "upstream" / "train.py"
        first = f'open(sys.argv[3], "w").write({kept!r}); [print(t) for t in {prints!r}]'
        edit(train, 'print("training"', f'{first}; print("training"')
        edit(train, "if len(sys.argv) > 3:", "if len(sys.argv) > 4:")
        git(folder / "upstream", "commit", "-qam", "keep a file")
        commit = git(folder / "upstream", "rev-parse", "HEAD")
        edit(toy, "launch:\n", f"launch:\n  variables: {variables}\n")
        text = toy.read_text()
        old = text.partition("commit: ")[2][:40]
        text = text.replace(old, commit).replace("60 0.002", "60 0.002 {output}/notes.txt")
        toy.write_text(text.replace("  every: 10\n", "  every: 10\n  keep: [notes.txt]\n"))
        done = mrbench("run", "--recipe", toy, "--repeat", count, cwd=folder)
        assert done.returncode == 0, done.stderr
    return sorted((folder / "runs" / "toys" / "toy").iterdir(), key=lambda p: p.stat().st_ctime_ns)


def copy(run: Path, into: Path) -> Path:
    """Copy a run to where the command line in `into` finds it."""
    return shutil.copytree(run, into / "runs" / "toys" / "toy" / run.name)


def record_of(run: Path) -> dict[str, Any]:
    """Read a run's record."""
    record: dict[str, Any] = json.loads((run / "record.json").read_text())
    return record


TOOK = "other programs took 0.21 of 2 cores: it may be faster on a quiet machine"


def load(record: dict[str, Any]) -> None:
    """Make a record one of a run beside other programs."""
    finding = {"rule": "foreign_load", "outcome": "failed", "text": TOOK, "reason": "r"}
    validity = {"verdict": "valid with notes", "notes": [TOOK]}
    known = {"usable_cores": 2, "training_cores": 1, "others_cores": 0.21, "stolen_cores": 0}
    if host := (record["telemetry"] or {}).get("host"):
        host["cpu_load"] = known
    record["validity"] = validity | {"findings": [finding | {"otherwise": "note"}]}


def rewrite(run: Path, change: Callable[[dict[str, Any]], object], *, digest: bool) -> None:
    """Change a record; with `digest`, as someone does who knows of its own digest."""
    record = record_of(run)
    change(record)
    if digest:
        record["digest"] = digest_of(record)
    RunDir(run).record.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n")
