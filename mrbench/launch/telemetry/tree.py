"""The training's own processes: processor time, memory, how many; all below one process.

psutil finds them. Their counters are read by hand, each second, by one read of a file that stays
open: psutil makes three of them, and took 2.0 ms for 40 processes instead of 0.3, more than the
0.2 % of a core that all of telemetry may take. An open file has a second virtue: it is never that
of another process with the same number.
"""

import contextlib
import os
import time
from pathlib import Path

import psutil

from mrbench.model.telemetry import TreeSample

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
SEARCH_SHARE = 0.0005  # of a core, at most, on a machine of many processes


class Tree:
    """The descendants of a process; they stay in it when their parents end.

    shim: whether the root is mrbench's shim, and no part of the training. cpus: the processors that
    they may use; None where that is unknown.
    """

    def __init__(self, root: int, *, shim: bool = True) -> None:
        self.root = root
        self._shim = root if shim else None
        self.cpus: set[int] | None = None
        with contextlib.suppress(OSError):
            self.cpus = os.sched_getaffinity(root)
        self._mrbench = [
            os.open(f"/proc/{pid}/stat", os.O_RDONLY)
            for pid in ({root, os.getppid()} if shim else ())
            if Path(f"/proc/{pid}/stat").exists()
        ]
        self._files: dict[int, int] = {}  # the open /proc/PID/stat
        self._next_s = 0.0  # when to search again
        self._known = set(psutil.pids())  # processes of this machine, in the tree or not
        self._add(root)
        with contextlib.suppress(psutil.Error):
            for child in psutil.Process(root).children(recursive=True):
                self._add(child.pid)

    def __contains__(self, pid: int) -> bool:
        """Tell whether a process belongs to it."""
        return pid in self._files

    @property
    def gone(self) -> bool:
        """Tell whether the root has ended."""
        return self.root not in self._files

    def sample(self) -> TreeSample:
        """Add up the counters of its processes.

        cpu_s includes the time of descendants that have ended, as their parents count it.
        """
        if time.monotonic() >= self._next_s:
            self.search()
        ticks = pages = threads = 0
        for pid, file in list(self._files.items()):
            try:
                fields = os.pread(file, 1024, 0).rpartition(b")")[2].split()
            except OSError:  # it has ended, and its parent has its time
                fields = []
            if not fields or (pid == self.root and fields[0] in b"ZX"):
                os.close(self._files.pop(pid))
                continue
            # utime, stime, cutime, cstime of proc(5); the root is the shim, no part of the training
            ticks += sum(map(int, fields[13 if pid == self._shim else 11 : 15]))
            if pid != self._shim:
                pages += int(fields[21])
                threads += int(fields[17])
        return TreeSample(
            processes=len(self._files) - (self._shim in self._files),
            threads=threads,
            cpu_s=ticks / TICKS_PER_S,
            memory_bytes=pages * PAGE_BYTES,
        )

    def mrbench_s(self) -> float | None:
        """Return the processor time of the shim, and of the mrbench that started this.

        None once one of them has ended: a counter that falls back tells nothing.
        """
        try:
            read = [os.pread(file, 1024, 0).rpartition(b")")[2].split() for file in self._mrbench]
        except OSError:
            return None
        return sum(int(ticks) for fields in read for ticks in fields[11:13]) / TICKS_PER_S

    def proportional_bytes(self, until_s: float) -> int | None:
        """Return its memory with shared pages counted once; None if it takes too long.

        The kernel walks all page tables for it and holds the process up meanwhile: only at the end.
        """
        total = 0
        for pid in self._files:
            if time.monotonic() > until_s:
                return None
            if pid != self._shim:
                try:
                    total += psutil.Process(pid).memory_full_info().pss
                except psutil.Error:
                    continue
        return total or None

    def search(self) -> None:
        """Look at the processes that are new on this machine; every second, if that is cheap.

        A process that is found late brings along the processor time of several seconds.
        """
        began_s = time.process_time()
        pids = set(psutil.pids())
        parents = {}
        for pid in pids - self._known:
            try:
                parents[pid] = psutil.Process(pid).ppid()
            except psutil.Error:  # it has ended
                continue
        while children := [pid for pid, parent in parents.items() if parent in self._files]:
            for pid in children:
                del parents[pid]
                self._add(pid)
        self._known = pids
        took_s = time.process_time() - began_s
        self._next_s = time.monotonic() + took_s / SEARCH_SHARE

    def _add(self, pid: int) -> None:
        if pid not in self._files:
            try:
                self._files[pid] = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
            except OSError:  # it has ended, or too many files are open
                return
