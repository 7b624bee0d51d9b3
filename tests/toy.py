"""A toy implementation for tests: a real git repository whose training prints a real log."""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from mrbench import cli

LIMIT_S = 900  # a safety net
READING = {"compare", "list", "pack", "parse", "report", "schema", "show", "table", "verify"}
READING |= {"baseline", "check", "new", "results", "runs"}

TRAIN = '''
"""Prints an iteration log; the first argument is the number of iterations."""
import sys, time
iterations, seconds = int(sys.argv[1]), float(sys.argv[2])
began = time.monotonic()
print("training", flush=True)
for i in range(1, iterations + 1):
    time.sleep(seconds)
    if i % 10 == 0:
        now = time.monotonic()
        print(f"iter: {i} loss: 0.5 time: {(now - began) / 10:.6f}", flush=True)
        began = now
if len(sys.argv) > 3:
    raise SystemExit(sys.argv[3])
'''

# Before TRAIN: one of several nodes says so, and only the first goes on.
SHOW = """
import sys
if "--rank" in sys.argv:
    print("started with", *sys.argv[3:], flush=True)
    if sys.argv[4] != "0":
        sys.exit()
    del sys.argv[3:]
"""

RECIPE = """
title: Toy
framework: none
source:
  url: file://{url}
  commit: {commit}
environment:
  kind: current
workload:
  per_device: 4
launch:
  command: "{{python}} train.py 60 0.002"
  stall_limit_s: 60
  wall_clock_limit_s: 120
log:
  pattern: 'iter: (?P<iteration>\\d+) loss: (?P<loss>\\S+) time: (?P<value>[\\d.]+)'
  timing: interval_mean
  every: 10
guards:
  evaluation: there is none
  checkpoint: there is none
  resume: there is none
  stop: by mrbench, after the window
"""

SUITE = """
title: Toys
model: none
window: {first: 10, last: 40}
hardware: {accelerator: cpu, count: 1, name: any CPU}
rules:
  - {rule: foreign_load, at_most: 99, reason: no test of this suite is about speed}
  - {rule: cpu_throttling, at_most: 99, at_least: 0, reason: the same}
  - {rule: memory_pressure, at_most: 99, reason: the same}
"""


def make_upstream(folder: Path, git: Callable[..., str]) -> str:
    """Make a repository with train.py in it; return its commit."""
    folder.mkdir(parents=True)
    git(folder, "init", "-q")
    (folder / "train.py").write_text(textwrap.dedent(TRAIN))
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "train")
    return git(folder, "rev-parse", "HEAD")


def commit_all(folder: Path) -> str:
    """Commit what was changed in an upstream; return the commit."""
    git = ["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run([*git, "commit", "-qam", "on"], check=True)
    told = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    return told.stdout.strip()


def make_suite(folder: Path, git: Callable[..., str], name: str = "toy") -> Path:
    """Make an upstream and, in toys/, a suite with one recipe; return the recipe's path."""
    commit = make_upstream(folder / "upstream", git)
    toys = folder / "toys"
    toys.mkdir()
    (toys / "suite.yaml").write_text(SUITE)
    path = toys / f"{name}.yaml"
    path.write_text(RECIPE.format(url=folder / "upstream", commit=commit))
    return path


def edit(path: Path, old: str, new: str) -> Path:
    """Replace a text that must be there."""
    text = path.read_text()
    assert old in text, f"{old!r} is not in {path}"
    path.write_text(text.replace(old, new))
    return path


def on_any_count(path: Path) -> Path:
    """Let the toy be told on how many devices it trains."""
    return edit(path, "launch:\n", 'launch:\n  variables: {DEVICES: "{gpus}"}\n')


def mrbench(*words: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the command line in a folder, as a user does; the time limit is a safety net.

    What only reads runs in this process, which spares a second Python its start.
    """
    texts = list(map(str, words))
    if texts and texts[0] in READING:
        return _here(texts, cwd)
    command = [sys.executable, "-m", "mrbench", *texts]
    return subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )


def _here(words: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    encoding = os.environ.get("PYTHONIOENCODING", "utf-8")
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding, write_through=True) for _ in range(2))
    handlers = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    with contextlib.chdir(cwd), redirect_stdout(out), redirect_stderr(err):
        try:
            code = cli.main(words)
        except SystemExit as exc:  # from argparse
            code = int(exc.code or 0)
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
    said, complaints = (s.buffer.getvalue().decode() for s in (out, err))
    return subprocess.CompletedProcess(words, code, said, complaints)


def as_a_user(*words: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the command line without what lets root read and write everything."""
    command = [sys.executable, "-m", "mrbench", *map(str, words)]
    if os.geteuid() == 0:
        command = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", *command]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def events(printed: str) -> list[dict[str, Any]]:
    """Return the events that `mrbench run --json` printed, one a line."""
    return [json.loads(line) for line in printed.splitlines()]


def records(printed: str) -> list[dict[str, Any]]:
    """Return the records among them."""
    return [event["record"] for event in events(printed) if event["event"] == "run_ended"]


def outcomes(record: dict[str, Any]) -> dict[str, str]:
    """Return what each of the suite's rules found in a record: ok, failed or not checked."""
    return {f["rule"]: f["outcome"] for f in record["validity"]["findings"]}
