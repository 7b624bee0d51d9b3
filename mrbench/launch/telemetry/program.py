r"""The program's one loop: look at everything each second, write a line of JSON, end in time.

telemetry.jsonl holds a header, then samples; a line with `problem` says what could not be told, the
last one, with `ended`, how it ended. All times are those of CLOCK_MONOTONIC, as in train.stamps. It
ends when standard input does, if that is a pipe or a socket, or the process that it watches.
"""

import json
import os
import select
import stat
import time

from mrbench.launch.telemetry import gpus, nvml
from mrbench.launch.telemetry.host import Host
from mrbench.launch.telemetry.tree import Tree

FORMAT = 1
PERIOD_S = 1.0
PROCESSES_EVERY = 5  # samples: who is on the GPUs changes seldom
LAST_LOOK_S = 0.2  # for memory with shared pages counted once
TYPE_CHECKING = False  # see nvml
if TYPE_CHECKING:
    from typing import Any

    Values = dict[str, Any]


class Observer:
    """All that is looked at, and the file that it is written to."""

    def __init__(self, out: int, root: int, *, with_gpus: bool) -> None:
        self._out = out
        self._held: list[Values] = []  # until the header is written
        self._header = False
        self.gpus: list[gpus.Gpu] = []
        self.error: str | None = None
        self.driver: str | None = None
        if with_gpus:
            try:
                self.gpus, self.driver = gpus.open_all(self.note)
            except nvml.Unavailable as exc:
                self.error = str(exc)
        self.host, self.tree = Host(self.note), Tree(root)
        self._strangers: set[int] = set()
        self._count = 0

    def start(self, before: list[int] | None) -> None:
        """Write the header. before: the processes on the GPUs when the training was not started."""
        header: Values = {
            "format": FORMAT,
            "period_s": PERIOD_S,
            "host": os.uname().nodename,
            "boot": _first_line("/proc/sys/kernel/random/boot_id"),
            "processors": len(os.sched_getaffinity(0)),
            "memory_total_bytes": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
            "monotonic_ns": time.monotonic_ns(),
            "realtime_ns": time.time_ns(),
            "root": self.tree.root,
            "visible": os.environ.get("CUDA_VISIBLE_DEVICES"),
            "gpus": [gpu.facts() for gpu in self.gpus],
            "gpu_error": self.error,
            "driver": self.driver,
            "before": before,
        }
        self._header = True
        for line in (header, *self._held):
            self._write(line)

    def note(self, problem: str) -> None:
        """Say what could not be told."""
        line: Values = {"problem": problem, "monotonic_ns": time.monotonic_ns()}
        if self._header:
            self._write(line)
        else:
            self._held.append(line)

    def sample(self, *, last: bool = False) -> None:
        """Look at everything once."""
        line: Values = {"monotonic_ns": time.monotonic_ns()}
        line["host"] = self.host.sample()
        line["tree"] = self.tree.sample(self.host.forks)
        if self.gpus:
            # by name, since numbers mean something else to CUDA, to a container, to another boot
            line["gpus"] = {gpu.uuid: gpu.sample() for gpu in self.gpus if not gpu.lost}
            if self._count % PROCESSES_EVERY == 0 or last:
                line["processes"] = self._processes()
        line["own_cpu_s"] = time.process_time()
        self._count += 1
        self._write(line)

    def end(self, why: str) -> None:
        """Say how it ended."""
        until_s = time.monotonic() + LAST_LOOK_S
        line: Values = {"ended": why, "monotonic_ns": time.monotonic_ns()}
        line["tree_proportional_bytes"] = self.tree.proportional_bytes(until_s)
        line["own_memory_bytes"] = _own_memory_bytes()
        self._write(line)

    def _processes(self) -> "dict[str, list[Values]]":
        """Return the programs on each GPU; one that nobody knows may be a new one of the tree."""
        seen = {gpu.uuid: gpu.processes() for gpu in self.gpus}
        found = {uuid: programs for uuid, programs in seen.items() if programs is not None}
        unknown = {p for programs in found.values() for p in programs if p not in self.tree}
        if unknown - self._strangers:
            self.tree.search()
        self._strangers = unknown
        return {
            str(uuid): [
                {"pid": p, "memory_bytes": size, "own": p in self.tree, "name": _name(p)}
                for p, size in programs.items()
            ]
            for uuid, programs in found.items()
        }

    def _write(self, line: "Values") -> None:
        words = json.dumps(line, separators=(",", ":")).encode() + b"\n"
        while words:
            words = words[os.write(self._out, words) :]


def _name(pid: int) -> str | None:
    """Return a program's name; None if it is in another container or has ended."""
    return _first_line(f"/proc/{pid}/comm")


def _first_line(path: str) -> str | None:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - pathlib costs a tenth of the start
            return file.readline().decode(errors="replace").strip() or None
    except OSError:
        return None


def _own_memory_bytes() -> int:
    with open("/proc/self/status", "rb") as file:  # noqa: PTH123 - as above
        text = file.read()
    return int(text[text.index(b"\nVmHWM:") + 7 :].split(None, 1)[0]) * 1024


def watch(observer: Observer, orders: int) -> str:
    """Sample on the seconds, not a second after each sample, until it is to end; return why."""
    poller = select.poll()
    kind = os.fstat(orders).st_mode
    if stat.S_ISFIFO(kind) or stat.S_ISSOCK(kind):  # else nobody is there to end it
        poller.register(orders, select.POLLIN)
    began_s, count = time.monotonic(), 0
    while not observer.tree.gone:
        observer.sample()
        now_s = time.monotonic()
        # a sample that is late leaves out those that it has missed
        count = max(count + 1, int((now_s - began_s) / PERIOD_S))
        if poller.poll(max(0, int((began_s + count * PERIOD_S - now_s) * 1000 + 0.5))):
            observer.sample(last=True)
            return "asked to"
    return "nothing to watch"


def main(words: list[str]) -> None:
    """Carry out what __main__ tells."""
    path, root = words[0], int(words[1])
    before = None
    if "--before" in words:
        before = [int(pid) for pid in words[words.index("--before") + 1].split(",") if pid]
    out = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o666)
    observer = Observer(out, root, with_gpus="--gpus" in words)
    try:
        observer.start(before)
        why = watch(observer, 0)
    except Exception as exc:  # noqa: BLE001 - nobody else could tell; mostly the disk is full
        why = f"it could not go on: {exc}"
    try:  # noqa: SIM105 - contextlib is not imported for this
        observer.end(why)
    except OSError:  # then the last line is missing, which tells as much
        pass
    os._exit(0)  # the interpreter's own ending would only take time
