"""What the machine did while a run trained, read from telemetry.jsonl into series.

Their seconds are those of iterations.Curve: since the first byte of the log arrived, by the clock
that telemetry and arrival times share.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import msgspec

from mrbench.errors import MrbenchError
from mrbench.launch.telemetry.reading import Telemetry, ahead_s, read_telemetry
from mrbench.model.gpus import SLOWED
from mrbench.model.plan import Plan
from mrbench.model.record import RunRecord
from mrbench.model.telemetry import GpuFacts, GpuSample, Header, TelemetrySample
from mrbench.record.rundir import RunDir
from mrbench.results.report.iterations import Curve
from mrbench.text import shorten

LONGEST = 40  # characters of a name
GIB = float(1 << 30)
MOST_BYTES = 1 << 28  # of a file; two hours with eight GPUs write 30 MB
Pick = Callable[[TelemetrySample], float | None]
# what is drawn of a GPU: value, panel, unit, factor
GPU: tuple[tuple[Callable[[GpuSample], float | None], str, str, float], ...] = (
    (lambda gpu: gpu.utilisation_percent, "Utilisation", "%", 1.0),
    (lambda gpu: gpu.memory_used_bytes, "GPU memory", "GiB", 1 / GIB),
    (lambda gpu: gpu.power_w, "Power", "W", 1.0),
    (lambda gpu: gpu.sm_clock_mhz, "SM clock", "MHz", 1.0),
    (lambda gpu: gpu.temperature_c, "Temperature", "\u00b0C", 1.0),
)
# the same of processors and memory
HOST: tuple[tuple[str, Pick, Pick], ...] = (
    ("the machine", lambda s: s.host.cpu_busy_s, lambda s: s.host.memory_used_bytes),
    ("the training", lambda s: s.tree.cpu_s, lambda s: s.tree.memory_bytes),
)
CORES, MEMORY = "Processor cores busy", "Memory of the machine"


class TimeSeries(msgspec.Struct, frozen=True, kw_only=True):
    """One value of one thing over seconds; None where it was not known."""

    panel: str
    unit: str
    name: str
    seconds: Sequence[float]
    values: Sequence[float | None]

    def within(self, began_s: float, ended_s: float) -> list[float]:
        """Return the values between two times."""
        pairs = zip(self.seconds, self.values, strict=True)
        return [v for s, v in pairs if v is not None and began_s <= s <= ended_s]


class Slowed(msgspec.Struct, frozen=True, kw_only=True):
    """When one GPU was slowed by one reason: stretches of seconds."""

    name: str
    why: str
    stretches: Sequence[tuple[float, float]]


class Activity(msgspec.Struct, frozen=True, kw_only=True):
    """All series of a run; problems: what is missing, and why."""

    lines: Sequence[TimeSeries] = ()
    slowed: Sequence[Slowed] = ()
    problems: Sequence[str] = ()


def read_activity(folder: RunDir, record: RunRecord, curve: Curve) -> Activity:
    """Read the telemetry of all of a run's machines; what cannot be read is among the problems."""
    if not folder.telemetry.exists():
        return Activity(problems=["there is no telemetry"])
    if curve.start_s is None:
        return Activity(problems=["there are no arrival times to place telemetry by"])
    return _read(folder.telemetry, record.plan, curve.start_s)


def _read(path: Path, plan: Plan, start_s: float) -> Activity:
    gpus_left = plan.gpus if plan.accelerator == "gpu" else 0
    lines: list[TimeSeries] = []
    slowed: list[Slowed] = []
    problems: list[str] = []
    header: Header | None = None
    others = sorted(path.parent.glob(f"{path.stem}.*{path.suffix}"))
    for file in (path, *others):
        try:
            telemetry = _file(file)
            seconds = ahead_s(header, file) if header else 0.0
        except MrbenchError as exc:
            problems.append(str(exc))
            continue
        if seconds is None:
            problems.append(f"{file.name}: no header")
            continue
        header = header or telemetry.header
        where = f"{shorten(telemetry.header.host, LONGEST)}/" if others else ""
        used = telemetry.header.used_gpus(gpus_left)
        gpus_left -= len(used)
        times_s = [round(sample.at_s - start_s - seconds, 2) for sample in telemetry.samples]
        node = _Node(telemetry.samples, times_s, where)
        series = (*node.gpus(used), *node.host())
        lines += [each for each in series if any(v is not None for v in each.values)]
        slowed += node.slowed(used)
        problems += [f"{where}{shorten(problem)}" for problem in telemetry.problems]
    return Activity(lines=lines, slowed=slowed, problems=problems)


def _file(path: Path) -> Telemetry:
    if path.stat().st_size > MOST_BYTES:
        raise MrbenchError(f"more than {MOST_BYTES >> 20} MiB, not drawn", file=path.name)
    return read_telemetry(path, 0.0, math.inf)


class _Node(msgspec.Struct, frozen=True):
    """The samples of one machine and their times; where: what goes before its GPUs' names."""

    samples: Sequence[TelemetrySample]
    times_s: Sequence[float]
    where: str

    def _values(self, pick: Pick) -> list[float | None]:
        return [_finite(pick(s)) for s in self.samples]

    def gpus(self, used: Sequence[GpuFacts]) -> Iterator[TimeSeries]:
        """Yield each value of each GPU."""
        for pick, panel, unit, factor in GPU:
            for gpu in used:
                values = self._values(_of(gpu, pick))
                scaled = [None if v is None else v * factor for v in values]
                yield self._series(panel, unit, f"GPU {self.where}{gpu.index}", scaled)

    def slowed(self, used: Sequence[GpuFacts]) -> Iterator[Slowed]:
        """Yield, by GPU and reason, when a GPU was slowed."""
        for gpu in used:
            values = self._values(_of(gpu, lambda g: g.slowed_bits))
            for bit, why in SLOWED.items():
                on = [v is not None and bool(int(v) & bit) for v in values]
                if any(on):
                    name = f"GPU {self.where}{gpu.index}"
                    yield Slowed(name=name, why=why, stretches=_stretches(self.times_s, on))

    def host(self) -> Iterator[TimeSeries]:
        """Yield cores and memory, of the whole machine and of the training's processes."""
        for name, cpu, memory in HOST:
            spent = zip(self.times_s, self._values(cpu), strict=True)
            busy = [None, *(_speed(a, b) for a, b in pairwise(spent))]
            gib = [None if v is None else v / GIB for v in self._values(memory)]
            yield self._series(CORES, "cores", f"{self.where}{name}", busy)
            yield self._series(MEMORY, "GiB", f"{self.where}{name}", gib)

    def _series(
        self, panel: str, unit: str, name: str, values: Sequence[float | None]
    ) -> TimeSeries:
        known = values[: len(self.times_s)]
        return TimeSeries(panel=panel, unit=unit, name=name, seconds=self.times_s, values=known)


def _of(gpu: GpuFacts, pick: Callable[[GpuSample], float | None]) -> Pick:
    return lambda sample: pick(now) if (now := (sample.gpus or {}).get(gpu.uuid or "")) else None


def _finite(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None


def _speed(a: tuple[float, float | None], b: tuple[float, float | None]) -> float | None:
    """Return how fast a counter rose; None where it was set back or is unknown."""
    (since, one), (until, two) = a, b
    if one is None or two is None or two < one or until <= since:
        return None
    return (two - one) / (until - since)


def _stretches(seconds: Sequence[float], on: Sequence[bool]) -> list[tuple[float, float]]:
    """Join neighbouring samples into stretches; each sample stands for the time up to the next."""
    stretches: list[tuple[float, float]] = []
    ends = [*seconds[1:], *seconds[-1:]]
    for begin, end, is_on in zip(seconds, ends, on, strict=True):
        if not is_on:
            continue
        if stretches and stretches[-1][1] == begin:
            stretches[-1] = (stretches[-1][0], end)
        else:
            stretches.append((begin, end))
    return stretches
