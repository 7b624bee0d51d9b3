"""A training of nothing but matrices; writes its window's seconds, and mrbench's, to BENCH_TRUTH.

Run by telemetry_cost.py, bare and under mrbench: the window's seconds by the wall clock, those that
this process computed for, and those that mrbench, its shim and its telemetry did; and how it was
started, so that it can be started the same way again.
"""

import json
import os
import sys
import time
from pathlib import Path

import numpy as np

FIRST, LAST, EVERY = 40, 120, 20  # of 40 ms or so: a line a second


def main() -> None:
    """Train."""
    weights = np.random.default_rng(0).random((192, 192), dtype=np.float32)
    marks = []
    for i in range(LAST + 2 * EVERY):
        for _ in range(240):
            weights = np.tanh(weights @ weights / 100)
        if i % EVERY == 0:
            marks.append((time.perf_counter(), time.process_time(), _watchers_s()))
            seconds = (marks[-1][0] - marks[-2][0]) / EVERY if i else 0.0
            print(f"iter: {i} loss: 1.0 time: {seconds:.9f}", flush=True)
        if i == LAST:
            spent = [b - a for a, b in zip(marks[FIRST // EVERY], marks[-1], strict=True)]
            how = {"argv": sys.orig_argv, "folder": str(Path.cwd()), "variables": dict(os.environ)}
            told = json.dumps({"spent_s": spent, "how": how})
            Path(os.environ["BENCH_TRUTH"]).write_text(told)


def _watchers_s() -> float:
    """Return the seconds that mrbench and its children, shim and telemetry, have computed for."""
    shim = Path(f"/proc/{os.getppid()}/stat").read_text().rpartition(")")[2].split()
    mrbench = shim[1]
    children = Path(f"/proc/{mrbench}/task/{mrbench}/children").read_text().split()
    paths = [Path(f"/proc/{pid}/schedstat") for pid in (mrbench, *children)]
    return sum(int(path.read_text().split()[0]) for path in paths) / 1e9


main()
