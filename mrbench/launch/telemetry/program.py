r"""The program's one loop: look at everything each second, write a line of JSON, end in time.

telemetry.jsonl holds a header, then samples; a line with `problem` says what isn't known, the
last one, with `ended`, how it ended. All times are those of CLOCK_MONOTONIC, as in train.stamps. It
ends when standard input does, if that is a pipe or a socket, or the process that it watches.
"""

import contextlib
import os
import select
import stat
import time
from pathlib import Path

import msgspec
import psutil

from mrbench.launch import gpus
from mrbench.launch.telemetry.gpu_sampler import GpuSampler, open_all
from mrbench.launch.telemetry.host import Host
from mrbench.launch.telemetry.limits import Limits
from mrbench.launch.telemetry.tree import Tree
from mrbench.model.telemetry import (
    FORMAT,
    Ending,
    GpuProgram,
    Header,
    Line,
    TelemetryProblem,
    TelemetrySample,
)

PERIOD_S = 1.0
PROCESSES_EVERY = 5  # samples: who is on the GPUs changes seldom
LAST_LOOK_S = 0.2  # for memory with shared pages counted once


class Observer:
    """All that is looked at, and the file that it is written to."""

    def __init__(self, out: int, root: int, *, with_gpus: bool, shim: bool) -> None:
        self._out = out
        self._encoder = msgspec.json.Encoder()
        self._held: list[TelemetryProblem] = []  # until the header is written
        self._has_header = False
        self.gpus: list[GpuSampler] = []
        self.error: str | None = None
        self.driver: str | None = None
        if with_gpus:
            try:
                self.gpus, self.driver = open_all(self.note)
            except gpus.Unavailable as exc:
                self.error = str(exc)
        self.tree = Tree(root, shim=shim)
        cpus = self.tree.cpus or set()
        self.limits = Limits(root, cpus, self.note)
        self.host = Host(self.note, cpus if len(cpus) != os.cpu_count() else ())
        self._strangers: set[int] = set()
        self._count = 0

    def start(self, before: tuple[int, ...] | None) -> None:
        """Write the header. before: the processes on the GPUs when the training was not started."""
        group = self.limits.group
        header = Header(
            format=FORMAT,
            period_s=PERIOD_S,
            host=os.uname().nodename,
            boot=_boot_id(),
            processors=len(os.sched_getaffinity(0)),
            memory_total_bytes=psutil.virtual_memory().total,
            monotonic_ns=time.monotonic_ns(),
            realtime_ns=time.time_ns(),
            root=self.tree.root,
            visible=os.environ.get("CUDA_VISIBLE_DEVICES"),
            gpus=tuple(gpu.facts() for gpu in self.gpus),
            gpu_error=self.error,
            driver=self.driver,
            before=before,
            cpus=tuple(sorted(self.tree.cpus)) if self.tree.cpus else None,
            quota_cores=group.quota_cores if group else None,
            group_holds_us=group.holds_us if group else None,
            cpu_max_mhz=self.limits.max_mhz,
        )
        self._has_header = True
        self._write(header)
        for problem in self._held:
            self._write(problem)

    def note(self, problem: str) -> None:
        """Say what isn't known."""
        line = TelemetryProblem(problem=problem, monotonic_ns=time.monotonic_ns())
        if self._has_header:
            self._write(line)
        else:
            self._held.append(line)

    def sample(self, *, last: bool = False) -> None:
        """Look at everything once."""
        at_ns = time.monotonic_ns()
        host, tree = self.host.sample(), self.tree.sample()
        # by UUID, since numbers mean something else to CUDA, to a container, to another boot
        on_gpus = {str(gpu.uuid): gpu.sample() for gpu in self.gpus if not gpu.lost}
        look = self._count % PROCESSES_EVERY == 0 or last
        self._write(
            TelemetrySample(
                monotonic_ns=at_ns,
                host=host,
                tree=tree,
                limits=self.limits.sample(),
                gpus=on_gpus if self.gpus else None,
                processes=self._processes() if self.gpus and look else None,
                own_cpu_s=time.process_time(),
                mrbench_cpu_s=self.tree.mrbench_s(),
            )
        )
        self._count += 1

    def end(self, why: str) -> None:
        """Say how it ended."""
        at_ns, until_s = time.monotonic_ns(), time.monotonic() + LAST_LOOK_S
        self._write(
            Ending(
                ended=why,
                monotonic_ns=at_ns,
                tree_proportional_bytes=self.tree.proportional_bytes(until_s),
                own_memory_bytes=psutil.Process().memory_info().rss,
            )
        )

    def _processes(self) -> dict[str, tuple[GpuProgram, ...]]:
        """Return the programs on each GPU; one that nobody knows may be a new one of the tree."""
        asked = {str(gpu.uuid): gpu.processes() for gpu in self.gpus}
        known = {uuid: programs for uuid, programs in asked.items() if programs is not None}
        unknown = {p for programs in known.values() for p in programs if p not in self.tree}
        if unknown - self._strangers:
            self.tree.search()
        self._strangers = unknown
        return {
            uuid: tuple(
                GpuProgram(pid=p, memory_bytes=size, own=p in self.tree, name=gpus.program(p))
                for p, size in programs.items()
            )
            for uuid, programs in known.items()
        }

    def _write(self, line: Line) -> None:
        text = self._encoder.encode(line) + b"\n"
        while text:
            text = text[os.write(self._out, text) :]


def _boot_id() -> str | None:
    try:  # psutil knows the time of the boot, which clocks that are set make ambiguous
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip() or None
    except OSError:
        return None


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
        listed = words[words.index("--before") + 1].split(",")
        before = tuple(int(pid) for pid in listed if pid)
    out = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o666)
    observer = Observer(out, root, with_gpus="--gpus" in words, shim="--itself" not in words)
    try:
        observer.start(before)
        why = watch(observer, 0)
    except Exception as exc:  # noqa: BLE001 - nobody else could tell; mostly the disk is full
        why = f"it could not go on: {exc}"
    with contextlib.suppress(OSError):  # then the last line is missing, which tells as much
        observer.end(why)
    os._exit(0)  # the interpreter's own ending would only take time
