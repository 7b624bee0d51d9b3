"""Telemetry: the lines of telemetry.jsonl, and the summary of them that a run's record keeps.

Times are those of CLOCK_MONOTONIC, as in train.stamps. Counters only rise; a gauge is the value of
its moment. None: unknown. UNSET: the question does not arise (a run on a CPU has no foreign
programs on its GPUs), and the key is missing from the JSON.
"""

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

FORMAT = 1  # of telemetry.jsonl
BoundBy = Literal["gpu", "data-loading", "unknown"]


class GpuFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What does not change about a GPU; a lost one has no uuid. mig: split into instances."""

    index: int
    uuid: str | None
    name: str | None
    mig: bool | None
    memory_total_bytes: int | None
    power_limit_w: float | None


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """The first line: the machine, its clocks, and the process whose descendants are the training.

    visible: CUDA_VISIBLE_DEVICES. before: the processes on the GPUs before the training started.
    """

    format: int
    period_s: float
    host: str
    boot: str | None
    processors: int
    memory_total_bytes: int
    monotonic_ns: int
    realtime_ns: int
    root: int
    visible: str | None
    gpus: tuple[GpuFacts, ...]
    gpu_error: str | None
    driver: str | None
    before: tuple[int, ...] | None

    @property
    def boot_epoch_ns(self) -> int:
        """The time of day, in ns since 1970, when the monotonic clock was zero."""
        return self.realtime_ns - self.monotonic_ns


class HostSample(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The whole machine: counters since it booted, and its memory in use."""

    cpu_busy_s: float | None = None
    cpu_idle_s: float | None = None
    cpu_stolen_s: float | None = None
    memory_used_bytes: int | None = None
    disk_read_bytes: int | None = None
    disk_written_bytes: int | None = None
    network_received_bytes: int | None = None
    network_sent_bytes: int | None = None


class TreeSample(msgspec.Struct, frozen=True, kw_only=True):
    """The training's processes. cpu_s: processor time, that of ended processes included."""

    processes: int
    threads: int
    cpu_s: float
    memory_bytes: int


class GpuSample(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One GPU; None where its driver doesn't say. slowed_bits: NVML's clocks event reasons."""

    utilisation_percent: float | None = None
    memory_utilisation_percent: float | None = None
    memory_used_bytes: int | None = None
    power_w: float | None = None
    energy_j: float | None = None
    sm_clock_mhz: int | None = None
    memory_clock_mhz: int | None = None
    temperature_c: int | None = None
    slowed_bits: int | None = None
    nvlink_sent_bytes: int | None = None
    nvlink_received_bytes: int | None = None
    pcie_sent_bytes: int | None = None
    pcie_received_bytes: int | None = None


class GpuProgram(msgspec.Struct, frozen=True, kw_only=True):
    """A program that computes on a GPU. own: whether it is one of the training's processes."""

    pid: int
    memory_bytes: int | None
    own: bool
    name: str | None


class Sample(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One look at everything. gpus, processes: by GPU's UUID; processes: in every fifth sample."""

    monotonic_ns: int
    host: HostSample
    tree: TreeSample
    gpus: dict[str, GpuSample] | None = None
    processes: dict[str, tuple[GpuProgram, ...]] | None = None
    own_cpu_s: float | None = None  # processor time of the telemetry program itself

    @property
    def at_s(self) -> float:
        """Seconds of the monotonic clock."""
        return self.monotonic_ns / 1e9


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """A line that says what could not be sampled."""

    problem: str
    monotonic_ns: int


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """The last line: how the program ended, and what is too costly to ask every second."""

    ended: str
    monotonic_ns: int
    tree_proportional_bytes: int | None = None
    own_memory_bytes: int | None = None


Line = Header | Sample | Problem | Ending


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """A value over the window: its mean, and the quantiles below which 5 % and 95 % of it lie."""

    mean: float
    p5: float
    p95: float


class GpuSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A GPU over the window. slowed_share: shares of the window, by what slowed the GPU."""

    index: int
    uuid: str
    name: str | None = None
    mig: bool | None = None
    host: str | None = None
    utilisation_percent: Statistics | None = None
    memory_utilisation_percent: Statistics | None = None
    memory_used_bytes: Statistics | None = None
    power_w: Statistics | None = None
    sm_clock_mhz: Statistics | None = None
    memory_clock_mhz: Statistics | None = None
    temperature_c: Statistics | None = None
    pcie_sent_bytes_per_s: Statistics | None = None
    pcie_received_bytes_per_s: Statistics | None = None
    nvlink_sent_bytes_per_s: Statistics | None = None
    nvlink_received_bytes_per_s: Statistics | None = None
    energy_j: float | None = None
    energy_by: Literal["counter", "power"] | None = None
    slowed_share: dict[str, float] | None = None


class HostSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A machine over the window. cpu_others_cores: busy with neither training nor telemetry."""

    name: str
    processors: int
    cpu_busy_cores: Statistics | None = None
    cpu_stolen_cores: Statistics | None = None
    cpu_others_cores: float | None = None
    memory_used_bytes: Statistics | None = None
    disk_read_bytes_per_s: Statistics | None = None
    disk_written_bytes_per_s: Statistics | None = None
    network_received_bytes_per_s: Statistics | None = None
    network_sent_bytes_per_s: Statistics | None = None


class TreeSummary(msgspec.Struct, frozen=True, kw_only=True):
    """The training's processes over the window.

    memory_proportional_bytes: with shared pages counted once, after the window.
    """

    processes: Statistics | None = None
    threads: Statistics | None = None
    cpu_cores: Statistics | None = None
    memory_bytes: Statistics | None = None
    memory_proportional_bytes: int | None = None


class OwnCost(msgspec.Struct, frozen=True, kw_only=True):
    """What the telemetry program itself took: cores over the window, and memory."""

    cpu_cores: float | None = None
    memory_bytes: int | None = None


class NodeSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A further machine of a run; its GPUs and problems are among the run's."""

    samples: int
    host: HostSummary
    tree: TreeSummary
    own: OwnCost


class TelemetrySummary(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A run's telemetry over the measured window; host, tree and own: of the first machine.

    Without telemetry there are only `samples`, 0, and `problems`, which say why; `host` is None
    exactly then. The last three are UNSET for runs on a CPU, None if unknown. gpus_in_use: GPUs
    on which the training itself was seen. foreign: other programs on them, in words.
    """

    samples: int
    problems: tuple[str, ...]
    span_s: float | None = None
    host: HostSummary | None = None
    tree: TreeSummary | None = None
    gpus: tuple[GpuSummary, ...] | None = None
    own: OwnCost | None = None
    other_nodes: tuple[NodeSummary, ...] | None = None
    bound_by: BoundBy | None = None
    bound_by_reason: str | None = None
    gpus_in_use: int | UnsetType | None = UNSET
    foreign: tuple[str, ...] | UnsetType | None = UNSET
    joules_per_image: float | UnsetType | None = UNSET
