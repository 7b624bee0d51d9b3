"""Processor time as the kernel counts it in /proc, for some of the machine's processors."""

import os
import time
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import NamedTuple

from mrbench.prepare import shim_process

_first: list["Look | None"] = []
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Spent(NamedTuple):
    """Seconds since the machine booted, of some processors together."""

    busy_s: float
    stolen_s: float


def spent(cpus: Collection[int]) -> Spent:
    """Add up these processors' times; a guest's time is part of the user's. OSError."""
    names = {f"cpu{number}" for number in cpus}
    busy = stolen = 0
    for line in Path("/proc/stat").read_text(encoding="ascii").splitlines():
        if not line.startswith("cpu"):
            break
        name, *ticks = line.split()
        if name in names:
            user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, ticks[:8])
            busy += user + nice + system + irq + softirq
            stolen += steal
    return Spent(busy / TICKS_PER_S, stolen / TICKS_PER_S)


class Look(NamedTuple):
    """Seconds of processor time so far: of the usable processors, and of mrbench's processes."""

    at_s: float
    busy_s: float
    own_s: float


def look() -> Look | None:
    """Read the counters; None where they cannot be read."""
    ours = sum(os.times()[:4]) + of_processes(shim_process.standing_by())
    try:
        busy_s, stolen_s = spent(os.sched_getaffinity(0))
    except (OSError, ValueError):
        return None
    return Look(time.monotonic(), busy_s + stolen_s, ours)


def begin() -> None:
    """Take a first look as soon as mrbench starts: what others do until a launch shows in it."""
    _first.append(look())


def first() -> Look | None:
    """Return the look of `begin`, once; a new one where there is none."""
    return _first.pop() if _first else look()


def of_processes(pids: Iterable[int]) -> float:
    """Return the seconds that these processes have spent; one that has ended counts as none."""
    ticks = 0
    for pid in pids:
        try:
            text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        ticks += sum(map(int, text.rpartition(")")[2].split()[11:13]))  # utime, stime of proc(5)
    return ticks / TICKS_PER_S
