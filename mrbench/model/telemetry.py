"""Telemetry: the lines of telemetry.jsonl, and the summary of them that a run's record keeps.

Times are those of CLOCK_MONOTONIC, as in train.stamps. Counters only rise; a gauge is the value of
its moment. None: unknown. UNSET: the question does not arise (a run on a CPU has no foreign
programs on its GPUs), and the key is missing from the JSON.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from mrbench.model.doc import doc
from mrbench.model.gpus import cuda_order

FORMAT = 1  # of telemetry.jsonl
Count = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]  # what arithmetic in floats can take
BoundBy = Literal["gpu", "data-loading", "unknown"]


class GpuFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What does not change about a GPU; a lost one has no uuid. mig: split into instances."""

    index: Count
    uuid: str | None
    name: str | None = None
    mig: bool | None = None
    memory_total_bytes: Count | None = None
    power_limit_w: float | None = None


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """The first line: the machine, its clocks, and the process whose descendants are the training.

    visible: CUDA_VISIBLE_DEVICES. before: the processes on the GPUs before the training started.
    cpus: the processors that the training may use. quota_cores: how many of them its control group
    lets it use at a time; group_holds_us: whether the telemetry program is in that group, too.
    """

    format: Count
    period_s: float
    host: str
    boot: str | None = None
    processors: Count
    memory_total_bytes: Count | None = None
    monotonic_ns: Count
    realtime_ns: Count
    root: Count | None = None
    visible: str | None = None
    gpus: tuple[GpuFacts, ...] = ()
    gpu_error: str | None = None
    driver: str | None = None
    before: tuple[Count, ...] | None = None
    cpus: tuple[Count, ...] | None = None
    quota_cores: float | None = None
    group_holds_us: bool | None = None
    cpu_max_mhz: Count | None = None

    def used_gpus(self, number: int) -> list[GpuFacts]:
        """Return the GPUs that CUDA gave the training, at most so many."""
        known = [gpu for gpu in self.gpus if gpu.uuid]
        identities = [(gpu.index, gpu.uuid or "") for gpu in known]
        return [known[i] for i in cuda_order(identities, self.visible)][:number]

    @property
    def epoch_ns(self) -> int:
        """The time of day, in ns since 1970, when the monotonic clock was zero."""
        return self.realtime_ns - self.monotonic_ns


class HostSample(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The whole machine: counters since it booted, and its memory in use.

    usable_busy_s, usable_stolen_s: of the header's `cpus` alone, where these are not all.
    """

    cpu_busy_s: float | None = None
    cpu_idle_s: float | None = None
    cpu_stolen_s: float | None = None
    usable_busy_s: float | None = None
    usable_stolen_s: float | None = None
    memory_used_bytes: Count | None = None
    disk_read_bytes: Count | None = None
    disk_written_bytes: Count | None = None
    network_received_bytes: Count | None = None
    network_sent_bytes: Count | None = None


class TreeSample(msgspec.Struct, frozen=True, kw_only=True):
    """The training's processes. cpu_s: processor time, that of ended processes included."""

    processes: Count
    threads: Count
    cpu_s: float
    memory_bytes: Count


class LimitsSample(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What limits the training's processors; counters, and cpu_mhz of the fastest of them.

    periods, throttled: of the control group with the tightest quota, those in which it was used up;
    group_cpu_s: processor time of that group. memory_stalled_s: for which a process waited for
    memory. heat_s: for which heat slowed the processors.
    """

    periods: Count | None = None
    throttled: Count | None = None
    group_cpu_s: float | None = None
    memory_stalled_s: float | None = None
    heat_s: float | None = None
    cpu_mhz: Count | None = None


class GpuSample(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One GPU; None where its driver doesn't say. slowed_bits: NVML's clocks event reasons."""

    utilisation_percent: float | None = None
    memory_utilisation_percent: float | None = None
    memory_used_bytes: Count | None = None
    power_w: float | None = None
    energy_j: float | None = None
    sm_clock_mhz: Count | None = None
    memory_clock_mhz: Count | None = None
    temperature_c: Count | None = None
    slowed_bits: Count | None = None
    nvlink_sent_bytes: Count | None = None
    nvlink_received_bytes: Count | None = None
    pcie_sent_bytes: Count | None = None
    pcie_received_bytes: Count | None = None


class GpuProgram(msgspec.Struct, frozen=True, kw_only=True):
    """A program that computes on a GPU. own: whether it is one of the training's processes."""

    pid: Count
    memory_bytes: Count | None = None
    own: bool
    name: str | None = None


class TelemetrySample(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One look at everything. gpus, processes: by GPU's UUID; processes: in every fifth sample.

    own_cpu_s: processor time of the telemetry program itself; mrbench_cpu_s: of the rest of
    mrbench, which started it and the training.
    """

    monotonic_ns: Count
    host: HostSample
    tree: TreeSample
    limits: LimitsSample | None = None
    gpus: dict[str, GpuSample] | None = None
    processes: dict[str, tuple[GpuProgram, ...]] | None = None
    own_cpu_s: float | None = None
    mrbench_cpu_s: float | None = None

    @property
    def at_s(self) -> float:
        """Seconds of the monotonic clock."""
        return self.monotonic_ns / 1e9


class TelemetryProblem(msgspec.Struct, frozen=True, kw_only=True):
    """A line that says what could not be sampled."""

    problem: str
    monotonic_ns: Count


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """The last line: how the program ended, and what is too costly to ask every second."""

    ended: str
    monotonic_ns: Count
    tree_proportional_bytes: Count | None = None
    own_memory_bytes: Count | None = None


Line = Header | TelemetrySample | TelemetryProblem | Ending


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """A value over the window: its mean, the quantiles below which 5 % and 95 % lie, its most."""

    mean: Annotated[float, doc("Mean over the window.")]
    p5: Annotated[float, doc("Value that 5 % of the window lies below.")]
    p95: Annotated[float, doc("Value that 95 % of the window lies below.")]
    max: Annotated[float | None, doc("Highest value; null in older records.")] = None


class GpuSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A GPU over what the number covers of the window; the mean of its power weighs by time."""

    index: Annotated[Count, doc("Number of the GPU, from 0, as NVML counts.")]
    uuid: Annotated[str, doc("NVIDIA's identifier.")]
    name: Annotated[str | None, doc("Product name.")] = None
    mig: Annotated[bool | None, doc("Whether it is split into instances.")] = None
    host: Annotated[str | None, doc("Host name of its machine.")] = None
    utilisation_percent: Annotated[
        Statistics | None, doc("Share of time in which a kernel ran, in percent.")
    ] = None
    memory_utilisation_percent: Annotated[
        Statistics | None, doc("Share of time in which memory was read or written, in percent.")
    ] = None
    memory_used_bytes: Annotated[Statistics | None, doc("Memory in use, in bytes.")] = None
    power_w: Annotated[Statistics | None, doc("Power draw in watts.")] = None
    sm_clock_mhz: Annotated[Statistics | None, doc("Clock of the multiprocessors in MHz.")] = None
    memory_clock_mhz: Annotated[Statistics | None, doc("Clock of the memory in MHz.")] = None
    temperature_c: Annotated[Statistics | None, doc("Temperature in °C.")] = None
    pcie_sent_bytes_per_s: Annotated[Statistics | None, doc("Bytes sent over PCIe a second.")] = (
        None
    )
    pcie_received_bytes_per_s: Annotated[
        Statistics | None, doc("Bytes received over PCIe a second.")
    ] = None
    nvlink_sent_bytes_per_s: Annotated[
        Statistics | None, doc("Bytes sent over NVLink a second.")
    ] = None
    nvlink_received_bytes_per_s: Annotated[
        Statistics | None, doc("Bytes received over NVLink a second.")
    ] = None
    energy_j: Annotated[float | None, doc("Energy over what the number covers, in joules.")] = None
    energy_by: Annotated[
        Literal["counter", "power"] | None,
        doc("Where the energy comes from: the GPU's counter, or power times time."),
    ] = None
    slowed_share: Annotated[
        dict[str, float] | None, doc("Shares of the window, 0 to 1, by what slowed the GPU.")
    ] = None


class CpuLoad(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the processors that a training may use, over the window."""

    usable_cores: Annotated[float, doc("Processors that the training may use.")]
    training_cores: Annotated[float, doc("Of these: what the training kept busy.")]
    others_cores: Annotated[
        float, doc("What programs other than the training and mrbench kept busy.")
    ]
    stolen_cores: Annotated[float | None, doc("What the hypervisor withheld; null: unknown.")] = (
        None
    )

    @property
    def lost_share(self) -> float:
        """Share of the usable processors that others and the hypervisor took, 0 to 1."""
        lost = self.others_cores + (self.stolen_cores or 0.0)
        return lost / self.usable_cores if self.usable_cores else 0.0


class CpuLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What limited the training's processors over what the number covers; null: unknown."""

    quota_cores: Annotated[
        float | None, doc("Cores that its control group may use; null: all.")
    ] = None
    throttled_share: Annotated[
        float | None, doc("Share of periods in which that was used up, 0 to 1.")
    ] = None
    memory_stalled_share: Annotated[
        float | None, doc("Share of time in which a process waited for memory.")
    ] = None
    heat_share: Annotated[float | None, doc("Share of time in which heat slowed processors.")] = (
        None
    )
    clock_share: Annotated[
        float | None, doc("Clock of the fastest processor by the highest it can have, 0 to 1.")
    ] = None


class HostSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A machine over the window."""

    name: Annotated[str, doc("Host name.")]
    processors: Annotated[Count, doc("Logical processors.")]
    cpu_busy_cores: Annotated[Statistics | None, doc("Busy processors.")] = None
    cpu_stolen_cores: Annotated[
        Statistics | None, doc("Processors that the hypervisor withheld.")
    ] = None
    cpu_others_cores: Annotated[
        float | None, doc("Processors busy with neither training nor telemetry.")
    ] = None
    cpu_load: Annotated[
        CpuLoad | None, doc("Who used the training's processors; null: unknown, as in older runs.")
    ] = None
    cpu_limits: Annotated[
        CpuLimits | None, doc("What limited the processors; null: unknown, as in older runs.")
    ] = None
    memory_used_bytes: Annotated[Statistics | None, doc("Memory in use, in bytes.")] = None
    disk_read_bytes_per_s: Annotated[Statistics | None, doc("Bytes read from disks a second.")] = (
        None
    )
    disk_written_bytes_per_s: Annotated[
        Statistics | None, doc("Bytes written to disks a second.")
    ] = None
    network_received_bytes_per_s: Annotated[
        Statistics | None, doc("Bytes received over the network a second.")
    ] = None
    network_sent_bytes_per_s: Annotated[
        Statistics | None, doc("Bytes sent over the network a second.")
    ] = None


class TreeSummary(msgspec.Struct, frozen=True, kw_only=True):
    """The training's processes over the window."""

    processes: Annotated[Statistics | None, doc("Number of processes.")] = None
    threads: Annotated[Statistics | None, doc("Number of threads.")] = None
    cpu_cores: Annotated[Statistics | None, doc("Processors that they kept busy.")] = None
    memory_bytes: Annotated[
        Statistics | None, doc("Memory in bytes; shared pages count once for each process.")
    ] = None
    memory_proportional_bytes: Annotated[
        Count | None, doc("Memory in bytes after the window, shared pages counted once.")
    ] = None


class OwnCost(msgspec.Struct, frozen=True, kw_only=True):
    """What the telemetry program itself took over the window."""

    cpu_cores: Annotated[float | None, doc("Processors that it kept busy.")] = None
    memory_bytes: Annotated[Count | None, doc("Memory in bytes.")] = None


class NodeSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A further machine of a run; its GPUs and problems are among the run's."""

    samples: Annotated[Count, doc("Number of samples in the window.")]
    host: Annotated[HostSummary, doc("The whole machine.")]
    tree: Annotated[TreeSummary, doc("The training's processes there.")]
    own: Annotated[OwnCost, doc("What the telemetry program took.")]


class TelemetrySummary(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A run's telemetry over the measured window; host, tree and own: of the first machine.

    Without telemetry there are only `samples`, 0, and `problems`, which say why; `host` is None
    exactly then. The last three are UNSET for runs on a CPU, None if unknown. gpus_in_use: GPUs
    on which the training itself was seen. foreign: other programs on them, in words.
    """

    samples: Annotated[Count, doc("Number of samples in the window; 0: there is no telemetry.")]
    problems: Annotated[tuple[str, ...], doc("What could not be sampled, in words.")]
    span_s: Annotated[float | None, doc("Seconds of the window that the samples cover.")] = None
    host: Annotated[HostSummary | None, doc("The whole first machine.")] = None
    tree: Annotated[TreeSummary | None, doc("The training's processes on the first machine.")] = (
        None
    )
    gpus: Annotated[tuple[GpuSummary, ...] | None, doc("All GPUs that the run used.")] = None
    own: Annotated[OwnCost | None, doc("What the telemetry program took on the first machine.")] = (
        None
    )
    other_nodes: Annotated[tuple[NodeSummary, ...] | None, doc("Further machines of the run.")] = (
        None
    )
    bound_by: Annotated[
        BoundBy | None, doc("What held the training up: its GPUs, or the loading of data.")
    ] = None
    bound_by_reason: Annotated[str | None, doc("Why, in words.")] = None
    gpus_in_use: Annotated[
        Count | UnsetType | None,
        doc("Number of GPUs on which the training itself was seen; missing for runs on a CPU."),
    ] = UNSET
    foreign: Annotated[
        tuple[str, ...] | UnsetType | None,
        doc("Other programs on the run's GPUs, in words; missing for runs on a CPU."),
    ] = UNSET
    joules_per_unit: Annotated[
        float | UnsetType | None,
        doc("Energy of the GPUs for one image, in joules; missing for runs on a CPU."),
    ] = UNSET
