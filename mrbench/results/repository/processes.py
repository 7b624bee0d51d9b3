"""Work on many archives at once, in as many processes as there are processors for it."""

import ctypes
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")
PR_SET_PDEATHSIG = 1  # linux/prctl.h
FEW = 8  # are done at once here


def in_processes(work: Callable[[A], B], items: Sequence[A]) -> Iterator[B]:
    """Yield what `work`, a function of a module, returns of each item, in their order."""
    workers = min(len(os.sched_getaffinity(0)), len(items) // FEW)
    if workers <= 1:
        yield from map(work, items)
        return
    pool = ProcessPoolExecutor(workers, initializer=_end_with_parent)
    try:
        yield from pool.map(work, items, chunksize=FEW)
    finally:
        pool.shutdown(cancel_futures=True)


def _end_with_parent() -> None:
    """Leave Ctrl-C to the parent, and end with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
