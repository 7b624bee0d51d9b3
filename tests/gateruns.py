"""Runs for tests of the gate: a training that prints seconds that its source states.

No clock decides what these tests find: the log's own seconds lead, and they come from the commit
(PACE) and the number of the run (NOISE). The training keeps to them, by and large, as a log that
another clock contradicts by a fifth is no number.
"""

import contextlib
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mrbench import cli
from toy import commit_all, edit, make_suite, mrbench
from toyruns import at_home, record_of, rewrite

TRAIN = '''
"""Prints seconds per iteration that are PACE, but for a little noise from run to run."""
import pathlib, sys, time
PACE = 0.025
NOISE = (1.0, 1.006, 0.994)
turns = pathlib.Path(sys.argv[2])
turn = int(turns.read_text()) if turns.exists() else 0
turns.write_text(str(turn + 1))
began = time.monotonic()
for i in range(10, 61, 10):
    time.sleep(max(0.0, began + i * PACE - time.monotonic()))
    print(f"iter: {i} loss: 0.5 time: {PACE * NOISE[turn % len(NOISE)]:.6f}", flush=True)
time.sleep(60)
'''


def make(folder: Path, git: Callable[..., str]) -> dict[str, str]:
    """Run the toy three times at each of two commits; return the commits, `old` and `slower`."""
    with at_home(folder):
        recipe = make_suite(folder, git)
        train = folder / "upstream" / "train.py"
        train.write_text(TRAIN)
        commits = {"old": commit_all(folder / "upstream")}
        edit(train, "PACE = 0.025", "PACE = 0.0275")
        commits["slower"] = commit_all(folder / "upstream")
        edit(recipe, "per_device: 4", "per_device: 1")
        edit(recipe, "60 0.002", f"60 {folder / 'turns'}")
        for name, commit in commits.items():
            done = mrbench(
                *("run", "--recipe", recipe, "--commit", commit, "--repeat", 3),
                *("--runs", folder / name),
                cwd=folder,
            )
            assert done.returncode == 0, done.stderr
    return commits


def check(*words: object) -> int:
    """Run `mrbench check`, print a line for each of its checks; return its exit code."""
    told = io.StringIO()
    with contextlib.redirect_stdout(told):
        code = cli.main(["check", "--format", "json", *map(str, words)])
    for row in json.loads(told.getvalue() or '{"checks": []}')["checks"]:
        line = f"{row['outcome']}: {row['subject']}: {row['topic']}: {row['text']}"
        print(line, f"-> {row['remedy']}" if row["remedy"] else "")  # noqa: T201 - as mrbench does
    return code


def runs_of(folder: Path) -> list[Path]:
    """Return the runs' folders, oldest first."""
    found = (folder / "toys" / "toy").iterdir()
    return sorted(found, key=lambda run: str(record_of(run)["started"]))


def record(folder: Path, number: int = 0) -> dict[str, Any]:
    """Return the record of a run."""
    return record_of(runs_of(folder)[number])


def change(folder: Path, how: Callable[[dict[str, Any]], object]) -> Path:
    """Change all records of a folder, as someone does who knows of their digests."""
    for run in runs_of(folder):
        rewrite(run, how, digest=True)
    return folder


def faster(by: float) -> Callable[[dict[str, Any]], object]:
    """Return what makes a record's run faster by a factor."""

    def how(record: dict[str, Any]) -> None:
        record["measurement"]["throughput"] *= by
        record["measurement"]["interval"] = None

    return how


def renamed(suffix: str) -> Callable[[dict[str, Any]], object]:
    """Return what makes a record that of another run."""
    return lambda record: record.update(id=record["id"] + suffix)


def at(rates: Sequence[float]) -> Callable[[dict[str, Any]], object]:
    """Return what gives one record after the other these images per second."""
    left = iter(rates)

    def how(record: dict[str, Any]) -> None:
        record["measurement"].update(throughput=next(left), interval=None)

    return how
