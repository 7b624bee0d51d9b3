"""What the host's processors, memory, disks and network do now."""

import os
from collections.abc import Callable, Collection
from pathlib import Path

import psutil

from mrbench.launch import processors
from mrbench.model.telemetry import HostSample

Note = Callable[[str], None]


class Host:
    """The machine that it runs on. note: told, once, what the machine doesn't report.

    cpus: the processors whose time is also counted apart from the others'.
    """

    def __init__(self, note: Note, cpus: Collection[int] = ()) -> None:
        self._note = note
        self._cpus = cpus
        self._disks, self._networks = _hardware("/sys/block"), _hardware("/sys/class/net")
        self._readers: dict[str, Callable[[], dict[str, float]]] = {
            "processors": _processors,
            "memory": _memory,
            "disks": self._disk,
            "network": self._network,
        }
        if self._cpus:
            self._readers["own processors"] = self._usable

    def sample(self) -> HostSample:
        """Return counters since the start of the machine, and memory in use."""
        values: dict[str, float] = {}
        for what, read in list(self._readers.items()):
            try:
                values |= read()
            except (OSError, NotImplementedError, RuntimeError) as exc:  # psutil's
                self._note(f"the machine does not tell its {what}: {exc}")
                del self._readers[what]
        return HostSample(**values)  # type: ignore[arg-type]  # by their names

    def _usable(self) -> dict[str, float]:
        """Add up some processors' times; psutil would make a tuple for each of all."""
        spent = processors.spent(self._cpus)
        return {"usable_busy_s": spent.busy_s, "usable_stolen_s": spent.stolen_s}

    def _disk(self) -> dict[str, float]:
        # nowrap: a counter set back is none of ours to hide; the summary leaves such seconds out
        counters = psutil.disk_io_counters(perdisk=True, nowrap=False)
        disks = [counted for name, counted in counters.items() if name in self._disks]
        if not disks:
            return {}
        return {
            "disk_read_bytes": sum(disk.read_bytes for disk in disks),
            "disk_written_bytes": sum(disk.write_bytes for disk in disks),
        }

    def _network(self) -> dict[str, float]:
        counters = psutil.net_io_counters(pernic=True, nowrap=False)
        chosen = self._networks or counters.keys() - {"lo"}
        cards = [counted for name, counted in counters.items() if name in chosen]
        if not cards:
            return {}
        return {
            "network_received_bytes": sum(card.bytes_recv for card in cards),
            "network_sent_bytes": sum(card.bytes_sent for card in cards),
        }


def _processors() -> dict[str, float]:
    """Count guests' time once: it is part of user's."""
    times = psutil.cpu_times()
    return {
        "cpu_busy_s": times.user + times.nice + times.system + times.irq + times.softirq,
        "cpu_idle_s": times.idle + times.iowait,
        "cpu_stolen_s": times.steal,
    }


def _memory() -> dict[str, float]:
    memory = psutil.virtual_memory()
    return {"memory_used_bytes": memory.total - memory.available}


def _hardware(folder: str) -> set[str]:
    """Return what is hardware: partitions, loops and bridges would count the same bytes again."""
    try:
        return {entry.name for entry in os.scandir(folder) if Path(entry, "device").exists()}
    except OSError:
        return set()
