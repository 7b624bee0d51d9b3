"""A command of two seconds under `mrbench run` against the same command bare: at most 0.12 s."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from timing import time_commands

LIMIT_S = 0.12
TRAIN = """
import time
for i in range(10, 110, 10):
    time.sleep(0.2)
    print(f"iter: {i} loss: 1.0 time: 0.020000", flush=True)
"""
RECIPE = """
title: Two seconds
framework: none
source: {{url: "file://{upstream}", commit: {commit}}}
environment: {{kind: current}}
workload: {{per_device: 1}}
launch: {{command: "{{python}} train.py"}}
log:
  pattern: 'iter: (?P<iteration>\\d+) loss: \\S+ time: (?P<value>\\S+)'
  timing: interval_mean
  every: {every}
guards: {{evaluation: none, checkpoint: none, resume: none, stop: by itself}}
"""
SUITE = """
title: Two seconds
model: none
window: {window}
hardware: {{accelerator: cpu, count: 1, name: any}}
rules: [{{rule: foreign_load, at_most: 99, reason: the pairs are compared with one another}}]
"""


def main() -> None:
    """Print both times and their difference."""
    mrbench = str(Path(sys.executable).parent / "mrbench")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        recipe = make(folder, TRAIN, window="{first: 50, last: 100}", every=10)
        os.environ["MRBENCH_HOME"] = str(folder / "home")
        os.environ["MRBENCH_LOCKS"] = name
        commands = {
            "bare": [sys.executable, str(folder / "upstream" / "train.py")],
            "run": [mrbench, "run", "--quiet", "--recipe", str(recipe)],
        }
        seconds = time_commands(commands, runs=6, cwd=folder)
    extra = seconds["run"] - seconds["bare"]
    print(
        f"bare {seconds['bare']:.3f} s, under mrbench run {seconds['run']:.3f} s:"
        f" {extra:.3f} s longer (limit {LIMIT_S} s)"
    )


def make(folder: Path, train: str, *, window: str, every: int) -> Path:
    """Make a suite of one recipe, which trains by this script; return the recipe."""
    upstream = folder / "upstream"
    upstream.mkdir()
    (upstream / "train.py").write_text(train)
    identity = ["-c", "user.name=b", "-c", "user.email=b@example.org"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "train"]):
        subprocess.run(["git", *identity, *words], cwd=upstream, check=True)
    commit = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=upstream, text=True).strip()
    suite = folder / "two"
    suite.mkdir()
    (suite / "suite.yaml").write_text(SUITE.format(window=window))
    path = suite / "two.yaml"
    path.write_text(RECIPE.format(upstream=upstream, commit=commit, every=every))
    return path
