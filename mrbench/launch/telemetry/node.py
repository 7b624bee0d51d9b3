"""One machine's telemetry over the window: its GPUs that the run used, its host, its processes."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Literal

import msgspec

from mrbench.launch.telemetry import users
from mrbench.launch.telemetry.reading import Telemetry
from mrbench.launch.telemetry.series import Pick, Span, gauge, inside, integral, rate, rise
from mrbench.model.gpus import SLOWED
from mrbench.model.telemetry import (
    GpuFacts,
    GpuSample,
    GpuSummary,
    HostSample,
    HostSummary,
    OwnCost,
    Sample,
    Statistics,
    TreeSample,
    TreeSummary,
)

LONGEST_GAP = 2.5  # periods


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """A machine over the window; gpus_in_use and foreign as users.programs returns them."""

    samples: int
    host: HostSummary
    tree: TreeSummary
    gpus: tuple[GpuSummary, ...]
    own: OwnCost
    problems: tuple[str, ...]
    gpus_in_use: int | None
    foreign: tuple[str, ...] | None


def describe(telemetry: Telemetry, span: Span, gpus: int) -> Node:
    """Summarize a machine. gpus: how many the run uses, at most all that are here."""
    used = telemetry.header.used_gpus(gpus)
    gpus_in_use, foreign = users.programs(telemetry, span, used)
    return Node(
        samples=sum(span.has(s.at_s) for s in telemetry.samples),
        host=_host(telemetry, span),
        tree=_tree(telemetry, span),
        gpus=tuple(_gpu(telemetry, span, gpu) for gpu in used),
        own=_own(telemetry, span),
        problems=tuple(_problems(telemetry, span, users.problems(telemetry.header, used), gpus)),
        gpus_in_use=gpus_in_use,
        foreign=foreign,
    )


def _gpu(telemetry: Telemetry, span: Span, gpu: GpuFacts) -> GpuSummary:
    samples, uuid = telemetry.samples, gpu.uuid or ""

    def of(pick: Callable[[GpuSample], float | None]) -> Pick:
        return lambda s: pick(seen) if (seen := (s.gpus or {}).get(uuid)) else None

    def level(pick: Callable[[GpuSample], float | None]) -> Statistics | None:
        return gauge(samples, span, of(pick))

    def speed(pick: Callable[[GpuSample], float | None]) -> Statistics | None:
        return rate(samples, span, of(pick))

    energy_j, energy_by = _energy(samples, span, of(lambda g: g.energy_j), of(lambda g: g.power_w))
    return GpuSummary(
        index=gpu.index,
        uuid=uuid,
        name=gpu.name,
        mig=gpu.mig,
        host=telemetry.header.host,
        utilisation_percent=level(lambda g: g.utilisation_percent),
        memory_utilisation_percent=level(lambda g: g.memory_utilisation_percent),
        memory_used_bytes=level(lambda g: g.memory_used_bytes),
        power_w=level(lambda g: g.power_w),
        sm_clock_mhz=level(lambda g: g.sm_clock_mhz),
        memory_clock_mhz=level(lambda g: g.memory_clock_mhz),
        temperature_c=level(lambda g: g.temperature_c),
        pcie_sent_bytes_per_s=speed(lambda g: g.pcie_sent_bytes),
        pcie_received_bytes_per_s=speed(lambda g: g.pcie_received_bytes),
        nvlink_sent_bytes_per_s=speed(lambda g: g.nvlink_sent_bytes),
        nvlink_received_bytes_per_s=speed(lambda g: g.nvlink_received_bytes),
        energy_j=energy_j,
        energy_by=energy_by,
        slowed_share=_slowed(telemetry, span, uuid),
    )


def _energy(
    samples: Sequence[Sample], span: Span, counter: Pick, power: Pick
) -> tuple[float | None, Literal["counter", "power"] | None]:
    """Return the joules taken in the window, and what tells them."""
    counted_j = rise(samples, span, counter)
    if counted_j is not None:
        return counted_j, "counter"
    summed_j = integral(samples, span, power)
    return summed_j, None if summed_j is None else "power"


def _slowed(telemetry: Telemetry, span: Span, uuid: str) -> dict[str, float] | None:
    """Return the shares of the window for which something slowed it, by what."""
    looks = [(s.gpus or {}).get(uuid) for s in inside(telemetry.samples, span)]
    bits = [gpu.slowed_bits for gpu in looks if gpu and gpu.slowed_bits is not None]
    if not bits:
        return None
    counts = {why: sum(bool(b & bit) for b in bits) for bit, why in SLOWED.items()}
    return {why: count / len(bits) for why, count in counts.items() if count}


def _host(telemetry: Telemetry, span: Span) -> HostSummary:
    samples = telemetry.samples

    def speed(pick: Callable[[HostSample], float | None]) -> Statistics | None:
        return rate(samples, span, lambda s: pick(s.host))

    busy = speed(lambda h: h.cpu_busy_s)
    own = rate(samples, span, lambda s: s.own_cpu_s)
    tree = rate(samples, span, lambda s: s.tree.cpu_s)
    others = None
    if busy and tree and own:
        others = max(0.0, busy.mean - tree.mean - own.mean)
    return HostSummary(
        name=telemetry.header.host,
        processors=telemetry.header.processors,
        cpu_busy_cores=busy,
        cpu_stolen_cores=speed(lambda h: h.cpu_stolen_s),
        cpu_others_cores=others,
        memory_used_bytes=gauge(samples, span, lambda s: s.host.memory_used_bytes),
        disk_read_bytes_per_s=speed(lambda h: h.disk_read_bytes),
        disk_written_bytes_per_s=speed(lambda h: h.disk_written_bytes),
        network_received_bytes_per_s=speed(lambda h: h.network_received_bytes),
        network_sent_bytes_per_s=speed(lambda h: h.network_sent_bytes),
    )


def _tree(telemetry: Telemetry, span: Span) -> TreeSummary:
    def level(pick: Callable[[TreeSample], float]) -> Statistics | None:
        return gauge(telemetry.samples, span, lambda s: pick(s.tree))

    ending = telemetry.ending
    return TreeSummary(
        processes=level(lambda t: t.processes),
        threads=level(lambda t: t.threads),
        cpu_cores=rate(telemetry.samples, span, lambda s: s.tree.cpu_s),
        memory_bytes=level(lambda t: t.memory_bytes),
        memory_proportional_bytes=ending.tree_proportional_bytes if ending else None,
    )


def _own(telemetry: Telemetry, span: Span) -> OwnCost:
    cpu = rate(telemetry.samples, span, lambda s: s.own_cpu_s)
    ending = telemetry.ending
    return OwnCost(
        cpu_cores=cpu.mean if cpu else None,
        memory_bytes=ending.own_memory_bytes if ending else None,
    )


def _problems(telemetry: Telemetry, span: Span, of_gpus: Sequence[str], gpus: int) -> list[str]:
    texts = list(of_gpus) if gpus else []
    samples, ending = telemetry.samples, telemetry.ending
    first_s = samples[0].at_s if samples else span.ended_s
    if first_s > span.began_s:
        texts.append(f"telemetry began {first_s - span.began_s:.1f} s after the window did")
    if telemetry.ended_s < span.ended_s:
        early_s = span.ended_s - telemetry.ended_s
        texts.append(f"telemetry ended {early_s:.1f} s before the window did")
    if ending is None:
        texts.append("the telemetry program was killed")
    elif ending.ended.startswith("it could not"):
        texts.append(f"the telemetry program: {ending.ended}")
    times = [s.at_s for s in samples if span.has(s.at_s)]
    gap_s = max((b - a for a, b in pairwise(times)), default=0.0)
    if gap_s > LONGEST_GAP * telemetry.header.period_s:
        texts.append(f"for {gap_s:.1f} s of the window there is no sample")
    if not times:
        texts.append(f"no sample fell into the window of {span.seconds:.2f} s; the nearest counts")
    return [*texts, *telemetry.problems]
