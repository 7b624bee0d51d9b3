"""A training of nothing but matrices; writes what it measured by its own clock to BENCH_TRUTH.

Run by telemetry_cost.py, bare and under mrbench. It tells the window's seconds by the wall clock,
those that this process computed for, and those that mrbench, its shim and its telemetry did; and
how it was started, so that it can be started the same way again. Under mrbench two turns precede
the window, one of them with all of mrbench stopped.

Bare and watched trainings of fixed matrices differed by -0.7 % to +0.5 % from session to session,
and as much with all of mrbench stopped; most likely by which pages a process happens to get, since
these decide what of its matrices the second-level cache can hold at once. Hence the matrices move
to another place every few products (as Curtsinger and Berger 2013 do with code, stack and heap).
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FIRST, LAST, EVERY = 100, 180, 20  # of 40 ms or so: a line a second
FIRST_TURN, TURN = 20, 40  # longer than telemetry's second, so that it samples as often as it would
SIDE, POOL_BYTES = 192, 64 << 20
Matrix = NDArray[np.float32]


class Mark(NamedTuple):
    """Where the three clocks stood, in seconds."""

    wall_s: float
    own_s: float
    mrbench_s: float


def main() -> None:
    """Train."""
    truth = Path(os.environ["BENCH_TRUTH"])
    watched = truth.with_suffix(".watched").exists()
    turns = random.sample([signal.SIGSTOP, signal.SIGCONT], 2) if watched else []
    starts = {FIRST_TURN + TURN * k: order for k, order in enumerate(turns)}
    pool = np.ones(POOL_BYTES, dtype=np.uint8)
    weights = np.random.default_rng(0).random((SIDE, SIDE), dtype=np.float32)
    marks: list[Mark] = []
    for i in range(LAST + 2 * EVERY):
        if i % EVERY == 0:
            if watched and (i in starts or i == FIRST):
                _tell(starts.get(i, signal.SIGCONT))
            marks.append(Mark(time.perf_counter(), time.process_time(), _mrbench_s()))
            seconds = (marks[-1].wall_s - marks[-2].wall_s) / EVERY if i else 0.0
            print(f"iter: {i} loss: 1.0 time: {seconds:.9f}", flush=True)
        if i == LAST:
            spent = {order.name: _between(marks, at, at + TURN) for at, order in starts.items()}
            how = {"argv": sys.orig_argv, "folder": str(Path.cwd()), "variables": {**os.environ}}
            told = {"window": _between(marks, FIRST, LAST), **spent, "how": how}
            truth.write_text(json.dumps(told))
        weights = _train(pool, weights)


def _train(pool: NDArray[np.uint8], weights: Matrix) -> Matrix:
    for _ in range(12):
        here, there = _place(pool), _place(pool)
        here[:] = weights
        for _ in range(20):
            np.matmul(here, here, out=there)
            np.divide(there, 100, out=there)
            np.tanh(there, out=here)
        weights = here
    return weights.copy()


def _place(pool: NDArray[np.uint8]) -> Matrix:
    size = SIDE * SIDE * 4
    start = random.randrange((len(pool) - size) // 64) * 64
    return pool[start : start + size].view(np.float32).reshape(SIDE, SIDE)


def _between(marks: list[Mark], start: int, end: int) -> list[float]:
    pair = marks[start // EVERY], marks[end // EVERY]
    return [b - a for a, b in zip(*pair, strict=True)]


def _mrbench() -> list[int]:
    """Return the processes of mrbench: itself and its children, shim and telemetry."""
    shim = Path(f"/proc/{os.getppid()}/stat").read_text().rpartition(")")[2].split()
    mrbench = int(shim[1])
    children = Path(f"/proc/{mrbench}/task/{mrbench}/children").read_text().split()
    return [mrbench, *map(int, children)]


def _mrbench_s() -> float:
    paths = [Path(f"/proc/{pid}/schedstat") for pid in _mrbench()]
    return sum(int(path.read_text().split()[0]) for path in paths) / 1e9


def _tell(order: signal.Signals) -> None:
    for pid in _mrbench():
        os.kill(pid, order)


main()
