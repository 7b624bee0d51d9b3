"""Control groups of both versions, laid out as Linux does: which quota holds a training up."""

import math
import os
from pathlib import Path

import pytest

from mrbench.launch.telemetry import cgroups
from mrbench.launch.telemetry import limits as limits_module
from mrbench.launch.telemetry.limits import Limits

STAT = "nr_periods 200\nnr_throttled 50\nthrottled_{unit} 1000\n"


class Groups:
    """A /proc and a mount of control groups. path: of the training, its parent of this process."""

    def __init__(self, folder: Path, *, unified: bool, root: str = "/") -> None:
        self.proc, self.mount = folder / "proc", folder / "cgroup"
        self.unified = unified
        kind = "cgroup2" if unified else "cgroup"
        options = "rw" if unified else "rw,cpu,cpuacct"
        mount = f"31 24 0:27 {root} {self.mount} rw,nosuid - {kind} none {options}\n"
        noise = "24 1 0:5 / /sys rw - sysfs sysfs rw\n32 24 0:28 / /x rw - cgroup none rw,cpuset\n"
        noise += "33 24 0:9 / /y rw - tmpfs  rw\n"  # mounted without a name
        for who in ("7", "self"):
            (self.proc / who).mkdir(parents=True)
        (self.proc / "self" / "mountinfo").write_text(noise + mount)
        self.mount.mkdir()

    def join(self, who: str, path: str) -> None:
        line = f"0::{path}\n" if self.unified else f"5:cpuset:/else\n4:cpu,cpuacct:{path}\n"
        (self.proc / who / "cgroup").write_text(line)

    def limit(self, path: str, cores: float | None) -> Path:
        folder = self.mount / path
        folder.mkdir(parents=True, exist_ok=True)
        if self.unified:
            quota = "max" if cores is None else str(int(cores * 100000))
            (folder / "cpu.max").write_text(f"{quota} 100000\n")
            (folder / "cpu.stat").write_text(f"usage_usec 3500000\n{STAT.format(unit='usec')}")
        else:
            quota = "-1" if cores is None else str(int(cores * 50000))
            (folder / "cpu.cfs_quota_us").write_text(f"{quota}\n")
            (folder / "cpu.cfs_period_us").write_text("50000\n")
            (folder / "cpu.stat").write_text(STAT.format(unit="time"))
            (folder / "cpuacct.usage").write_text("3500000000\n")
        return folder


@pytest.fixture(params=[True, False], ids=["version 2", "version 1"])
def groups(request: pytest.FixtureRequest, tmp_path: Path) -> Groups:
    found = Groups(tmp_path, unified=request.param)
    found.join("7", "/pod/job/step")
    found.join("self", "/pod/job")
    for path in ("pod/job/step", "pod/job", "pod"):
        found.limit(path, None)
    return found


def test_the_tightest_quota_above_the_training_counts(groups: Groups) -> None:
    assert cgroups.tightest(7, groups.proc) is None
    groups.limit("pod", 8)
    tight = groups.limit("pod/job", 1.5)
    found = cgroups.tightest(7, groups.proc)
    assert found
    assert (found.folder, found.quota_cores, found.holds_us) == (tight, 1.5, True)
    assert cgroups.throttling(found) == cgroups.Throttling(200, 50, 3.5)
    alone = groups.limit("pod/job/step", 0.5)
    found = cgroups.tightest(7, groups.proc)
    assert found
    assert (found.folder, found.quota_cores, found.holds_us) == (alone, 0.5, False)
    (alone / "cpu.stat").unlink()
    assert cgroups.throttling(found) is None


def test_a_mount_that_shows_a_part_only(tmp_path: Path) -> None:
    """As in a container: its own group stands at the mount's root."""
    groups = Groups(tmp_path, unified=True, root="/docker/abc")
    groups.join("7", "/docker/abc/inner")
    groups.join("self", "/../elsewhere")  # outside of the namespace
    groups.limit("", 2)
    groups.limit("inner", 1)
    found = cgroups.tightest(7, groups.proc)
    assert found
    assert (found.quota_cores, found.holds_us) == (1, False)


def test_memory_pressure_is_the_groups_where_it_tells(tmp_path: Path) -> None:
    groups = Groups(tmp_path, unified=True)
    groups.join("7", "/job")
    machine = groups.proc / "pressure" / "memory"
    assert cgroups.pressure_file(7, groups.proc) == machine
    file = groups.limit("job", 1) / "memory.pressure"
    file.write_text("some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n")
    assert cgroups.pressure_file(7, groups.proc) == file


def test_what_this_machine_tells() -> None:
    """Whatever it is that it tells: no value is made up, and nothing fails."""
    notes: list[str] = []
    limits = Limits(os.getpid(), os.sched_getaffinity(0), notes.append)
    first, second = limits.sample(), limits.sample()
    for name in ("periods", "throttled", "group_cpu_s", "memory_stalled_s", "heat_s"):
        one, two = getattr(first, name), getattr(second, name)
        assert (one is None) == (two is None)
        assert one is None or two >= one >= 0


def test_only_a_machine_that_is_always_slow_is_not_asked_for_its_clocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look that had to wait, as any may on a busy machine, costs that look alone."""
    for cpu, khz in enumerate((2_000_000, 3_000_000)):
        folder = tmp_path / f"cpu{cpu}" / "cpufreq"
        folder.mkdir(parents=True)
        for name in ("scaling_cur_freq", "cpuinfo_max_freq"):
            (folder / name).write_text(str(khz))
    notes: list[str] = []
    monkeypatch.setattr(limits_module, "CPUS", tmp_path)
    monkeypatch.setattr(limits_module, "CLOCKS_EVERY", 1)
    limits = Limits(os.getpid(), (0, 1), notes.append)
    told = []
    for slow in (False, True, True, False, True, True, True, False):
        monkeypatch.setattr(limits_module, "SLOWEST_S", 0.0 if slow else math.inf)
        told.append(limits.sample().cpu_mhz)
    assert told == [3000, None, None, 3000, None, None, None, None]
    assert len(notes) == 1
    assert "too slowly" in notes[0]
