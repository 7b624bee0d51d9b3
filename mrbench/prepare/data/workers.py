"""A parallel map over the machine's cores; its processes end when this one does."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection
from typing import TypeVar

from mrbench.errors import UnavailableError

T = TypeVar("T")
R = TypeVar("R")


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0))


def parallel_map(
    work: Callable[[T], R], items: Sequence[T], *, processes: int, at_a_time: int = 1
) -> Iterator[R]:
    """Yield work(item) for each item, in order; one process means this one.

    work and the items must be picklable. Starting a process takes some tenths of a second.
    """
    if processes == 1:
        yield from map(work, items)
        return
    pool = ProcessPoolExecutor(
        processes,
        mp_context=multiprocessing.get_context("spawn"),  # forks copy locks of other threads
        initializer=_begin,
    )
    try:
        yield from pool.map(work, items, chunksize=at_a_time)
    except BrokenProcessPool as exc:
        text = "a process that helped was killed, as when memory runs out"
        raise UnavailableError(text, "free some and try again") from exc
    finally:
        pool.shutdown(cancel_futures=True)


def _begin() -> None:
    """Leave Ctrl-C to the first process, and do not outlive it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
