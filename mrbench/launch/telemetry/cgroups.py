"""The control group that limits a training's processor time, versions 1 and 2: quota, throttling.

A quota may stand at any level above the training (a container's, a job's, a pod's): the tightest
one is what holds it up. See cgroups(7), and Documentation/admin-guide/cgroup-v2.rst of Linux.
"""

from pathlib import Path, PurePosixPath
from typing import NamedTuple


class Mount(NamedTuple):
    """A hierarchy's mount: where it is, and which group stands at its root; unified: version 2."""

    place: Path
    root: str
    unified: bool


class Group(NamedTuple):
    """The group with the tightest quota. holds_us: whether this very process is in it, too."""

    folder: Path
    unified: bool
    quota_cores: float
    holds_us: bool


class Throttling(NamedTuple):
    """Counters of a group: its periods, those in which its quota was used up, its seconds."""

    periods: int
    throttled: int
    cpu_s: float | None


def tightest(pid: int, proc: Path = Path("/proc")) -> Group | None:
    """Return the group that limits a process's processor time most; None where none does."""
    found: list[Group] = []
    for mount in _mounts(proc):
        path, ours = (_path(proc / who / "cgroup", mount) for who in (str(pid), "self"))
        for folder in _upwards(mount.place, path):
            quota = quota_cores(folder, unified=mount.unified)
            if quota is not None:
                mine = (mount.place / ours).is_relative_to(folder)
                found.append(Group(folder, mount.unified, quota, mine))
    return min(found, key=lambda group: group.quota_cores, default=None)


def pressure_file(pid: int, proc: Path = Path("/proc")) -> Path:
    """Return the file that tells how long memory was waited for: the group's, else the machine's.

    See Documentation/accounting/psi.rst of Linux.
    """
    for mount in _mounts(proc):
        path = _path(proc / str(pid) / "cgroup", mount)
        file = mount.place / path / "memory.pressure"
        if mount.unified and path and file.exists():
            return file
    return proc / "pressure" / "memory"


def throttling(group: Group) -> Throttling | None:
    """Read a group's counters; None where they cannot be read."""
    try:
        counted = dict(
            line.split() for line in (group.folder / "cpu.stat").read_text().splitlines()
        )
        cpu_s = int(counted["usage_usec"]) / 1e6 if "usage_usec" in counted else None
        usage = group.folder / "cpuacct.usage"
        if cpu_s is None and usage.exists():
            cpu_s = int(usage.read_text()) / 1e9
        return Throttling(int(counted["nr_periods"]), int(counted["nr_throttled"]), cpu_s)
    except (OSError, ValueError, KeyError):
        return None


def quota_cores(folder: Path, *, unified: bool) -> float | None:
    """Return how many cores a group may use; None without a quota."""
    try:
        if unified:
            quota, period = (folder / "cpu.max").read_text().split()
        else:
            quota = (folder / "cpu.cfs_quota_us").read_text()
            period = (folder / "cpu.cfs_period_us").read_text()
        cores = int(quota) / int(period)  # "max" is no number
    except (OSError, ValueError, ZeroDivisionError):
        return None
    return cores if cores > 0 else None


def _mounts(proc: Path) -> list[Mount]:
    """Return where control groups with the cpu controller are mounted, by proc(5)'s mountinfo."""
    try:
        lines = (proc / "self" / "mountinfo").read_text().splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        before, _, after = line.partition(" - ")
        _, _, _, root, place, *_ = before.split()
        kind, _, options = after.split(" ", maxsplit=2)  # what is mounted may have no name
        if kind == "cgroup2":
            found.append(Mount(Path(place), root, unified=True))
        elif kind == "cgroup" and "cpu" in options.split(","):
            found.append(Mount(Path(place), root, unified=False))
    return found


def _path(file: Path, mount: Mount) -> str:
    """Return a process's group below a mount; its root where that shows another part."""
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return ""
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers if mount.unified else "cpu" in controllers.split(","):
            inside = PurePosixPath(path)
            if ".." not in inside.parts and inside.is_relative_to(mount.root):
                return str(inside.relative_to(mount.root)).removeprefix(".")
    return ""


def _upwards(place: Path, path: str) -> list[Path]:
    """Return the folders of a group and of those above it, up to the mount."""
    inside = PurePosixPath(path)
    return [place / part for part in (inside, *inside.parents)]
