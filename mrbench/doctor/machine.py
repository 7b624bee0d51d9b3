"""The machine itself: mrbench's own Python, processors, memory, /dev/shm, open files."""

import os
import resource
import sys
import time
from pathlib import Path

import psutil

from mrbench import __version__
from mrbench.doctor import quiet, stated
from mrbench.doctor.base import Plans, of_plan
from mrbench.launch.processors import look
from mrbench.launch.telemetry.cgroups import tightest
from mrbench.model.finding import Finding
from mrbench.model.places import Places
from mrbench.text import size_text

# The largest process tree seen in a training of the seven at the smallest sizes (tensorpack).
LEAST_MEMORY_BYTES = 3 << 30
# Loaders of PyTorch pass images through it; Docker gives 64 MiB unless told otherwise, which one
# batch of sixteen 800x1333 images (float32, 205 MB) overflows.
LEAST_SHARED_BYTES = 1 << 30
SHARED = "/dev/shm"  # noqa: S108 - asked for its size only
# what a container may use, which psutil doesn't know; version 2 and 1 of cgroups
LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def itself(_plans: Plans, _places: Places) -> list[Finding]:
    """Report the versions of mrbench and its Python."""
    number = ".".join(map(str, sys.version_info[:3]))
    return [Finding("mrbench", "ok", f"{__version__}, Python {number} ({sys.executable})")]


def processors(_plans: Plans, _places: Places) -> list[Finding]:
    """Report the CPUs that this process may use, and whether others use them."""
    usable, before = len(os.sched_getaffinity(0)), look()
    time.sleep(quiet.FRESH_S)
    busy = quiet.others(before, look())
    text = f"{usable} of {os.cpu_count()} usable, load {os.getloadavg()[0]:.1f}"
    group = tightest(os.getpid())
    if group:
        text += f", {group.quota_cores:g} by the quota of {group.folder}"
    if busy is not None and busy > usable * quiet.NOTE_SHARE:
        text += f"; others keep {busy:.1f} busy"
        remedy = "`mrbench run --wait-until-quiet` waits for them"
        return [Finding("CPUs", "note", text, remedy)]
    return [Finding("CPUs", "ok", text)]


def memory(_plans: Plans, _places: Places) -> list[Finding]:
    """Report total and free memory."""
    machine = psutil.virtual_memory()
    total = min(machine.total, *map(_limit, LIMITS))
    free = min(machine.available, total)
    text = f"{size_text(free)} free of {size_text(total)}"
    if free < LEAST_MEMORY_BYTES:
        remedy = f"end other programs; small trainings take {size_text(LEAST_MEMORY_BYTES)}"
        return [Finding("memory", "note", text, remedy)]
    return [Finding("memory", "ok", text)]


def shared_memory(_plans: Plans, _places: Places) -> list[Finding]:
    """Report the size of /dev/shm."""
    try:
        disk = os.statvfs(SHARED)
    except OSError:
        remedy = "mount a tmpfs there; loaders of PyTorch need it"
        return [Finding(SHARED, "note", "is not there", remedy)]
    total, free = disk.f_blocks * disk.f_frsize, disk.f_bavail * disk.f_frsize
    text = f"{size_text(free)} free of {size_text(total)}"
    if free < LEAST_SHARED_BYTES:
        remedy = "mount -o remount,size=8G /dev/shm (as root); in Docker: --shm-size 8g"
        return [Finding(SHARED, "note", text, remedy)]
    return [Finding(SHARED, "ok", text)]


def open_files(plans: Plans, _places: Places) -> list[Finding]:
    """Report the limits on open files against what the recipes state."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    text = f"soft limit {_count(soft)}, hard limit {_count(hard)}"
    findings = []
    for plan in plans:
        least = stated.open_files(plan.environment)
        if least and hard != resource.RLIM_INFINITY and hard < least:
            shortage = f"{text}; the recipe raises it to {least}"
            remedy = "raise the hard limit (limits.conf, LimitNOFILE=, docker run --ulimit nofile)"
            findings.append(of_plan(plan, "open files", "note", shortage, remedy))
    return findings or [Finding("open files", "ok", text)]


def _count(limit: int) -> str:
    return "unlimited" if limit == resource.RLIM_INFINITY else str(limit)


def _limit(path: str) -> float:
    """Return a control group's limit; without one, infinity."""
    try:
        return float(Path(path).read_text())  # "max" is no number
    except (OSError, ValueError):
        return float("inf")
