"""What the host's processors, memory, disks and network do now: one read of /proc for each."""

import os

TYPE_CHECKING = False  # see nvml
if TYPE_CHECKING:
    from collections.abc import Callable

    Note = Callable[[str], None]

SECTOR_BYTES = 512  # of /proc/diskstats, whatever the disk's own
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
MOST_BYTES = 1 << 20


class Host:
    """The machine that it runs on; its files stay open, which halves the cost of reading them."""

    def __init__(self, note: "Note") -> None:
        self._disks, self._networks = _real("/sys/block"), _real("/sys/class/net")
        self._files = {}
        self.forks = -1  # processes and threads since the start of the machine
        for name in ("stat", "meminfo", "diskstats", "net/dev"):
            try:
                self._files[name] = os.open(f"/proc/{name}", os.O_RDONLY)
            except OSError as exc:
                note(f"/proc/{name} cannot be read: {exc.strerror}")

    def sample(self) -> dict[str, float]:
        """Return what can be told: counters since the start of the machine, and memory in use."""
        readers = {
            "stat": self._processors,
            "meminfo": _memory,
            "diskstats": self._disk,
            "net/dev": self._network,
        }
        values: dict[str, float] = {}
        for name, file in self._files.items():
            values.update(readers[name](os.pread(file, MOST_BYTES, 0)))
        return values

    def _processors(self, text: bytes) -> dict[str, float]:
        """Count guests' time once: it is part of user's."""
        at = text.find(b"\nprocesses ")
        self.forks = int(text[at + 11 : text.index(b"\n", at + 11)]) if at >= 0 else -1
        user, nice, system, idle, wait, interrupts, soft, steal, *_ = (
            int(word) / TICKS_PER_S for word in text[: text.index(b"\n")].split()[1:]
        )
        busy = user + nice + system + interrupts + soft
        return {"cpu_busy_s": busy, "cpu_idle_s": idle + wait, "cpu_stolen_s": steal}

    def _disk(self, text: bytes) -> dict[str, float]:
        rows = [row.split() for row in text.splitlines()]
        rows = [row for row in rows if row[2] in self._disks]
        if not rows:
            return {}
        read, written = (sum(int(row[i]) for row in rows) * SECTOR_BYTES for i in (5, 9))
        return {"disk_read_bytes": read, "disk_written_bytes": written}

    def _network(self, text: bytes) -> dict[str, float]:
        split = [row.partition(b":") for row in text.splitlines()[2:]]
        named = {name.strip(): words.split() for name, _, words in split}
        chosen = self._networks or named.keys() - {b"lo"}
        rows = [words for name, words in named.items() if name in chosen]
        if not rows:
            return {}
        received, sent = (sum(int(words[i]) for words in rows) for i in (0, 8))
        return {"network_received_bytes": received, "network_sent_bytes": sent}


def _memory(text: bytes) -> dict[str, float]:
    rows = (row.split() for row in text.splitlines()[:3])
    kib = {row[0]: int(row[1]) for row in rows}
    if b"MemAvailable:" not in kib:
        return {}
    return {"memory_used_bytes": (kib[b"MemTotal:"] - kib[b"MemAvailable:"]) * 1024}


def _real(folder: str) -> set[bytes]:
    """Return what is hardware: partitions, loops and bridges would count the same bytes again."""
    try:
        names = os.listdir(folder)  # noqa: PTH208 - pathlib costs time
    except OSError:
        return set()
    return {os.fsencode(n) for n in names if os.path.exists(f"{folder}/{n}/device")}  # noqa: PTH110 - the same
