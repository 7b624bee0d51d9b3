"""Summarize telemetry for the record: the measured window and the run's own GPUs only."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import UNSET

from mrbench.errors import MrbenchError
from mrbench.launch.telemetry import cpus
from mrbench.launch.telemetry.reading import (
    Pick,
    Span,
    Telemetry,
    ahead_s,
    gauge,
    inside,
    integral,
    rate,
    read_telemetry,
    rise,
)
from mrbench.model.gpus import SLOWED
from mrbench.model.measurement import Measurement
from mrbench.model.plan import Plan
from mrbench.model.telemetry import (
    BoundBy,
    GpuFacts,
    GpuProgram,
    GpuSample,
    GpuSummary,
    Header,
    HostSample,
    HostSummary,
    NodeSummary,
    OwnCost,
    Statistics,
    TelemetrySample,
    TelemetrySummary,
    TreeSample,
    TreeSummary,
)

MUCH_WAITING = 0.10  # of the window's seconds: the loader sets the pace
LONGEST_GAP = 2.5  # periods
BUSY_PERCENT = 90.0  # of the time with a kernel on the GPU


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """A machine over the window; gpus_in_use and foreign as _programs returns them."""

    summary: NodeSummary
    gpus: tuple[GpuSummary, ...]
    problems: tuple[str, ...]
    gpus_in_use: int | None
    foreign: tuple[str, ...] | None


def summarize(path: Path, plan: Plan, measured: Measurement) -> TelemetrySummary:
    """Summarize a run's telemetry; `problems` says what is missing and why.

    path: of the machine whose clock the arrival times have. Files beside it, telemetry.NAME.jsonl,
    are other machines'; their clocks are set by the time of day that all headers have.
    """
    if measured.began_s is None or measured.ended_s is None or measured.status != "ok":
        return _nothing("no window was measured, so none is summarized")
    span = Span(((measured.began_s, measured.ended_s),))
    timed = Span(tuple((s.began_s, s.ended_s) for s in measured.timed)) if measured.timed else span
    try:
        telemetry = read_telemetry(path, span.began_s, span.ended_s)
    except MrbenchError as exc:
        return _nothing(exc.seen_from(path.parent))
    needed = plan.gpus if plan.accelerator == "gpu" else 0
    first = _describe(telemetry, span, timed, needed)
    others, problems, gpus = list[NodeSummary](), list(first.problems), list(first.gpus)
    gpus_in_use, foreign = first.gpus_in_use, first.foreign
    for other in sorted(path.parent.glob(f"{path.stem}.*{path.suffix}")):
        lacking = needed - len(gpus)
        try:
            node = _other(other, telemetry.header, span, timed, lacking)
        except MrbenchError as exc:
            problems.append(exc.seen_from(path.parent))
            continue
        others.append(node.summary)
        gpus += node.gpus
        problems += [f"{node.summary.host.name}: {problem}" for problem in node.problems]
        if lacking:
            gpus_in_use = _plus(gpus_in_use, node.gpus_in_use)
            foreign = _joined(foreign, node)
    problems += _lacking(telemetry, gpus, needed)
    if measured.disagreement and measured.disagreement.cause == "buffered_output":
        problems.append("the output came in bursts: when the window was is known roughly")
    bound, reason = bound_by(plan, gpus, measured.data_share)
    return TelemetrySummary(
        samples=first.summary.samples,
        problems=tuple(problems),
        span_s=span.seconds,
        host=first.summary.host,
        tree=first.summary.tree,
        gpus=tuple(gpus),
        own=first.summary.own,
        other_nodes=tuple(others),
        bound_by=bound,
        bound_by_reason=reason,
        gpus_in_use=gpus_in_use if needed else UNSET,
        foreign=foreign if needed else UNSET,
        joules_per_unit=_joules_per_unit(gpus, measured) if needed else UNSET,
    )


def bound_by(
    plan: Plan, gpus: Sequence[GpuSummary], data_share: float | None
) -> tuple[BoundBy, str]:
    """Return what held the training up, its GPUs or the loading of data, and the reason."""
    waited = None if data_share is None else f"{data_share:.1%} of the window was spent on waiting"
    if data_share is not None and data_share >= MUCH_WAITING:
        return "data-loading", f"{waited} for data"
    if plan.accelerator != "gpu":
        return "unknown", f"it trains on a CPU{f'; {waited} for data' if waited else ''}"
    known = [gpu.utilisation_percent.mean for gpu in gpus if gpu.utilisation_percent]
    if not known or len(known) < plan.gpus:
        return "unknown", f"the utilisation of {plan.gpus - len(known)} GPUs is not known"
    text = f"GPUs computed for {sum(known) / len(known):.0f} % of the time"
    if len(known) > 1:
        text += f", the idlest for {min(known):.0f} %"
    text += f"; {waited} for data" if waited else "; the log does not tell the wait for data"
    return ("gpu" if sum(known) / len(known) >= BUSY_PERCENT else "unknown"), text


def _nothing(why: str) -> TelemetrySummary:
    return TelemetrySummary(samples=0, problems=(why,))


def _other(path: Path, header: Header, span: Span, timed: Span, gpus: int) -> Node:
    """Summarize another machine by its own clock. MrbenchError if its file can't be read."""
    seconds = ahead_s(header, path)
    if seconds is None:
        raise MrbenchError("has no header of telemetry", file=path)
    there = span.shifted(seconds)
    telemetry = read_telemetry(path, there.began_s, there.ended_s)
    return _describe(telemetry, there, timed.shifted(seconds), gpus)


def _plus(one: int | None, two: int | None) -> int | None:
    return None if one is None or two is None else one + two


def _joined(programs: tuple[str, ...] | None, node: Node) -> tuple[str, ...] | None:
    if programs is None or node.foreign is None:
        return None
    return (*programs, *(f"{node.summary.host.name}: {text}" for text in node.foreign))


def _lacking(telemetry: Telemetry, gpus: Sequence[GpuSummary], needed: int) -> list[str]:
    if len(gpus) >= needed or telemetry.header.gpu_error:
        return []
    visible = telemetry.header.visible
    why = "" if visible is None else f" (CUDA_VISIBLE_DEVICES={visible})"
    return [f"of {needed} GPUs NVML tells of {len(gpus)}{why}"]


def _joules_per_unit(gpus: Sequence[GpuSummary], measured: Measurement) -> float | None:
    timed = sum(s.iterations for s in measured.timed) if measured.timed else measured.iterations
    images = timed * (measured.work_per_iteration or 0)
    energies_j = [gpu.energy_j for gpu in gpus if gpu.energy_j is not None]
    if not gpus or not images or len(energies_j) < len(gpus):
        return None
    return sum(energies_j) / images


def _describe(telemetry: Telemetry, span: Span, timed: Span, gpus: int) -> Node:
    """Summarize a machine. gpus: how many the run uses, at most all that are here.

    timed: what the number covers of the window. What a GPU did goes by that, as its energy is
    divided by the images that were counted.
    """
    used = telemetry.header.used_gpus(gpus)
    gpus_in_use, foreign = _programs(telemetry, span, used)
    return Node(
        summary=NodeSummary(
            samples=sum(span.has(s.at_s) for s in telemetry.samples),
            host=_host(telemetry, span, timed),
            tree=_tree(telemetry, span),
            own=_own(telemetry, span),
        ),
        gpus=tuple(_gpu(telemetry, timed, gpu) for gpu in used),
        problems=tuple(_problems(telemetry, span, _gpu_problems(telemetry.header, used), gpus)),
        gpus_in_use=gpus_in_use,
        foreign=foreign,
    )


def _gpu(telemetry: Telemetry, span: Span, gpu: GpuFacts) -> GpuSummary:
    samples, uuid = telemetry.samples, gpu.uuid or ""

    def of(pick: Callable[[GpuSample], float | None]) -> Pick:
        return lambda s: pick(sample) if (sample := (s.gpus or {}).get(uuid)) else None

    def level(pick: Callable[[GpuSample], float | None]) -> Statistics | None:
        return gauge(samples, span, of(pick))

    def speed(pick: Callable[[GpuSample], float | None]) -> Statistics | None:
        return rate(samples, span, of(pick))

    energy_j, energy_by = _energy(samples, span, of(lambda g: g.energy_j), of(lambda g: g.power_w))
    power_w = level(lambda g: g.power_w)
    if power_w and energy_j is not None:  # weighted by time, which a mean of samples is not
        power_w = msgspec.structs.replace(power_w, mean=energy_j / span.seconds)
    return GpuSummary(
        index=gpu.index,
        uuid=uuid,
        name=gpu.name,
        mig=gpu.mig,
        host=telemetry.header.host,
        utilisation_percent=level(lambda g: g.utilisation_percent),
        memory_utilisation_percent=level(lambda g: g.memory_utilisation_percent),
        memory_used_bytes=level(lambda g: g.memory_used_bytes),
        power_w=power_w,
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
    samples: Sequence[TelemetrySample], span: Span, counter: Pick, power: Pick
) -> tuple[float | None, Literal["counter", "power"] | None]:
    """Return the joules taken in the window, and their source."""
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


def _host(telemetry: Telemetry, span: Span, timed: Span) -> HostSummary:
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
        cpu_load=cpus.load(telemetry, timed),
        cpu_limits=cpus.limits(telemetry, timed),
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
    gap_s = max((span.overlap(a.at_s, b.at_s) for a, b in pairwise(samples)), default=0.0)
    sampled = any(span.has(sample.at_s) for sample in samples)
    if sampled and gap_s > LONGEST_GAP * telemetry.header.period_s:
        texts.append(f"for {gap_s:.1f} s of the window there is no sample")
    if not sampled:
        texts.append(f"no sample fell into the window of {span.seconds:.2f} s; the nearest counts")
    return [*texts, *telemetry.problems]


def _programs(
    telemetry: Telemetry, span: Span, used: Sequence[GpuFacts]
) -> tuple[int | None, tuple[str, ...] | None]:
    """Return on how many of these GPUs the training ran, and the other programs there.

    The first is None if NVML's process ids are not those of this machine (a container has its own);
    the others are then only those that were there before the launch. Both are None if nobody knows.
    """
    looks = inside([s for s in telemetry.samples if s.processes], span)
    programs: dict[tuple[int, int], GpuProgram] = {}
    for look in looks:
        for gpu in used:
            for program in (look.processes or {}).get(gpu.uuid or "", ()):
                programs[gpu.index, program.pid] = program
    ours = {index for (index, _), program in programs.items() if program.own}
    before = telemetry.header.before
    if not looks or (not ours and before is None):
        return None, None
    return len(ours) or None, tuple(
        f"GPU {index}: {program.name or 'a program'} (pid {pid})"
        for (index, pid), program in programs.items()
        if (not program.own if ours else pid in (before or ()))
    )


def _gpu_problems(header: Header, used: Sequence[GpuFacts]) -> list[str]:
    """Say what keeps GPUs from being watched."""
    if header.gpu_error:
        return [header.gpu_error]
    split = [str(gpu.index) for gpu in used if gpu.mig]
    if not split:
        return []
    return [
        f"GPU {', '.join(split)} split by MIG: NVML tells of the whole GPU, not of the instance"
    ]
