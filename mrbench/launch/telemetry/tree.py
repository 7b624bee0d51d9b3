"""The training's own processes: processor time, memory, how many; all below one process."""

import os
import time

from mrbench.launch.shim.tree import descendants

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
# A search looks at every process of the machine, the costliest of all; trainings start theirs early
SEARCH_S, SEARCH_LATER_S = 1.0, 10.0  # between two searches: at first, doubling; later on
SEARCH_SHARE = 0.001  # of the time, at most, on a machine of many processes


class Tree:
    """Processes by their open files: one read each, and a number used again is no mistake."""

    def __init__(self, root: int) -> None:
        self.root = root
        self._files: dict[int, int] = {}
        self._next_s, self._wait_s = 0.0, SEARCH_S
        self._forks = -1
        self.search()

    def __contains__(self, pid: int) -> bool:
        """Tell whether a process belongs to it."""
        return pid in self._files

    @property
    def gone(self) -> bool:
        """Tell whether the root has ended."""
        return self.root not in self._files

    def sample(self, forks: int) -> dict[str, float]:
        """Add up what its processes tell. forks: a count that moves when any process is made.

        cpu_s includes the time of descendants that have ended, as their parents tell it.
        """
        if forks != self._forks or forks < 0:
            self._search_again(forks)
        ticks = pages = threads = 0
        for pid, file in list(self._files.items()):
            try:
                fields = os.pread(file, 1024, 0).rpartition(b")")[2].split()
            except OSError:  # it has ended, and its parent has its time
                fields = []
            if not fields or (pid == self.root and fields[0] in b"ZX"):
                os.close(self._files.pop(pid))
                continue
            ticks += sum(map(int, fields[13 if pid == self.root else 11 : 15]))
            if pid != self.root:
                pages += int(fields[21])
                threads += int(fields[17])
        number = len(self._files) - (not self.gone)
        return {
            "processes": number,
            "threads": threads,
            "cpu_s": ticks / TICKS_PER_S,
            "memory_bytes": pages * PAGE_BYTES,
        }

    def proportional_bytes(self, until_s: float) -> int | None:
        """Return its memory with shared pages counted once; None if it takes too long.

        The kernel walks all page tables for it and holds the process up meanwhile: only at the end.
        """
        total = 0
        for pid in self._files:
            if time.monotonic() > until_s:
                return None
            try:
                with open(f"/proc/{pid}/smaps_rollup", "rb") as file:  # noqa: PTH123 - pathlib costs time
                    text = file.read()
            except OSError:
                continue
            at = text.find(b"\nPss:")
            if pid != self.root and at >= 0:
                total += int(text[at + 5 :].split(None, 1)[0]) * 1024
        return total or None

    def search(self) -> None:
        """Look for new processes; they keep their place when their parents end."""
        for pid in (self.root, *descendants(self.root)):
            if pid not in self._files:
                try:
                    self._files[pid] = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
                except OSError:  # it has ended, or too many files are open
                    continue

    def _search_again(self, forks: int) -> None:
        began_s = time.monotonic()
        if began_s < self._next_s:
            return
        self.search()
        took_s = time.monotonic() - began_s
        self._next_s = began_s + max(self._wait_s, took_s / SEARCH_SHARE) - 0.1
        self._wait_s = min(2 * self._wait_s, SEARCH_LATER_S)
        self._forks = forks
