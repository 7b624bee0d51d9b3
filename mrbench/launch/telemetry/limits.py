"""What slows a training's processors beside other programs: a quota, lack of memory, heat."""

import os
import time
from collections.abc import Callable, Collection
from pathlib import Path

from mrbench.launch.telemetry import cgroups
from mrbench.model.telemetry import LimitsSample

Note = Callable[[str], None]
CPUS = Path("/sys/devices/system/cpu")
MOST_CLOCKS = 64  # processors whose clocks are read
CLOCKS_EVERY = 5  # samples
SLOWEST_S = 0.005  # to read one clock: some kernels ask the other processors, and wait
TOO_SLOW = "the machine tells its processors' clocks too slowly to ask for them"
SLOW_LOOKS = 3  # in a row: on a busy machine it is this program that waits, now and then


class Limits:
    """Quota, memory pressure, heat and clocks of the processors that a process may use."""

    def __init__(self, root: int, cpus: Collection[int], note: Note) -> None:
        self._note = note
        self.group = cgroups.tightest(root)
        self._pressure = _open(cgroups.pressure_file(root))
        self._heat = [file for cpu in _first_of_packages(cpus) if (file := _heat_file(cpu))]
        chosen = sorted(cpus)[:MOST_CLOCKS]
        self._clocks = [f for cpu in chosen if (f := _open(_clock(cpu, "scaling_cur_freq")))]
        fastest_khz = max((_read(_clock(cpu, "cpuinfo_max_freq")) for cpu in chosen), default=0)
        self.max_mhz = fastest_khz // 1000 or None
        self._count = self._slow = 0

    def sample(self) -> LimitsSample:
        """Return counters, and the clock of the fastest processor in every fifth sample."""
        group = cgroups.throttling(self.group) if self.group else None
        look = self._count % CLOCKS_EVERY == 0
        self._count += 1
        return LimitsSample(
            periods=group.periods if group else None,
            throttled=group.throttled if group else None,
            group_cpu_s=group.cpu_s if group else None,
            memory_stalled_s=_stalled_s(self._pressure),
            heat_s=self._heat_s(),
            cpu_mhz=self._mhz() if look and self._clocks else None,
        )

    def _heat_s(self) -> float | None:
        read = [number for file in self._heat if (number := _number(file)) is not None]
        return sum(read) / 1000 / len(read) if read else None

    def _mhz(self) -> int | None:
        read = []
        for file in self._clocks:
            began_s = time.monotonic()
            khz = _number(file)
            read += [khz] if khz else []
            if time.monotonic() - began_s > SLOWEST_S:
                self._slow += 1
                if self._slow == SLOW_LOOKS:
                    self._note(TOO_SLOW)
                    self._clocks = []
                return None  # the fastest may be one that was not read
        self._slow = 0
        return max(read) // 1000 if read else None


def _clock(cpu: int, name: str) -> Path:
    return CPUS / f"cpu{cpu}" / "cpufreq" / name


def _first_of_packages(cpus: Collection[int]) -> list[int]:
    """Return one processor of each package: they tell the same of it."""
    firsts: dict[int, int] = {}
    for cpu in sorted(cpus):
        file = CPUS / f"cpu{cpu}" / "topology" / "physical_package_id"
        firsts.setdefault(_read(file), cpu)
    return list(firsts.values())


def _heat_file(cpu: int) -> int | None:
    """Open what counts the milliseconds for which heat slowed the processor's package (Intel)."""
    return _open(CPUS / f"cpu{cpu}" / "thermal_throttle" / "package_throttle_total_time_ms")


def _read(file: Path) -> int:
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return 0


def _open(file: Path) -> int | None:
    try:
        return os.open(file, os.O_RDONLY)
    except OSError:
        return None


def _number(file: int) -> int | None:
    try:
        return int(os.pread(file, 64, 0))
    except (OSError, ValueError):
        return None


def _stalled_s(file: int | None) -> float | None:
    """Read the seconds for which some process waited for memory: `some ... total=MICROSECONDS`."""
    if file is None:
        return None
    try:
        text = os.pread(file, 256, 0)
        return int(text.partition(b"total=")[2].split()[0]) / 1e6
    except (OSError, ValueError, IndexError):
        return None
