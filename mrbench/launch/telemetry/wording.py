"""The telemetry of a record, in words, for `mrbench show`."""

from collections.abc import Iterator

from mrbench.model.telemetry import (
    GpuSummary,
    HostSummary,
    OwnCost,
    Statistics,
    TelemetrySummary,
    TreeSummary,
)

GIB, MIB = 1 << 30, 1 << 20


def describe(summary: TelemetrySummary | None, unit: str = "image") -> str:
    """Lay out a summary, a line for each GPU, host and the training's processes.

    unit: one piece of the work that energy is told of.
    """
    if summary is None:
        return "none"
    return "\n".join([*_lines(summary, unit), *summary.problems]) or "none"


def _lines(summary: TelemetrySummary, unit: str) -> Iterator[str]:
    if summary.host is None:
        return
    own = summary.own or OwnCost()
    yield (
        f"{summary.samples} samples in {_number(summary.span_s, 1, '.1f')} s;"
        f" it took {_number(own.cpu_cores, 100, '.2f')} % of a core itself"
        f" and {_number(own.memory_bytes, 1 / MIB, '.0f')} MiB"
    )
    yield f"bound by: {summary.bound_by} ({summary.bound_by_reason})"
    for gpu in summary.gpus or ():
        yield _gpu(gpu, "" if gpu.host == summary.host.name else f"{gpu.host}/")
    if summary.gpus:
        foreign = summary.foreign
        programs = "; ".join(foreign) or "none" if isinstance(foreign, tuple) else "unknown"
        joules = summary.joules_per_unit
        per_unit = _number(joules if isinstance(joules, float) else None, 1, ".3g")
        yield f"{per_unit} J per {unit}; other programs on its GPUs: {programs}"
    yield from _node(summary.host, summary.tree or TreeSummary())
    for node in summary.other_nodes or ():
        yield from _node(node.host, node.tree)


def _node(host: HostSummary, tree: TreeSummary) -> Iterator[str]:
    yield (
        f"training: {_mean(tree.processes, 1, '.0f')} processes,"
        f" {_mean(tree.cpu_cores, 1, '.2f')} cores,"
        f" {_memory(tree.memory_bytes, '.2f')}"
        f" ({_number(tree.memory_proportional_bytes, 1 / GIB, '.2f')} with shared pages once)"
    )
    yield (
        f"host {host.name}: {_mean(host.cpu_busy_cores, 1, '.2f')} of"
        f" {host.processors} cores busy, {_number(host.cpu_others_cores, 1, '.2f')} of them"
        f" with other programs; {_mean(host.memory_used_bytes, 1 / GIB, '.1f')} GiB in use"
    )
    yield (
        f"disk {_mean(host.disk_read_bytes_per_s, 1 / MIB, '.1f')} MiB/s read,"
        f" {_mean(host.disk_written_bytes_per_s, 1 / MIB, '.1f')} written; network"
        f" {_mean(host.network_received_bytes_per_s, 1 / MIB, '.1f')} MiB/s received,"
        f" {_mean(host.network_sent_bytes_per_s, 1 / MIB, '.1f')} sent"
    )


def _gpu(gpu: GpuSummary, where: str) -> str:
    words = [
        f"{_range(gpu.utilisation_percent)} % busy",
        f"{_range(gpu.power_w)} W",
        _memory(gpu.memory_used_bytes, ".1f"),
        f"{_range(gpu.sm_clock_mhz)} MHz",
        f"{_range(gpu.temperature_c)} C",
    ]
    if gpu.slowed_share is None:
        words.append("slowed: unknown")
    words += [f"slowed by {why} for {share:.0%}" for why, share in (gpu.slowed_share or {}).items()]
    return f"GPU {where}{gpu.index} {gpu.uuid}: {', '.join(words)}"


def _number(value: float | None, factor: float, form: str) -> str:
    return "unknown" if value is None else f"{value * factor:{form}}"


def _mean(stats: Statistics | None, factor: float, form: str) -> str:
    return _number(stats.mean if stats else None, factor, form)


def _memory(stats: Statistics | None, form: str) -> str:
    """Return the mean and the peak; of older records the mean alone."""
    mean = f"{_mean(stats, 1 / GIB, form)} GiB"
    return mean if stats is None or stats.max is None else f"{mean}, peak {stats.max / GIB:{form}}"


def _range(stats: Statistics | None) -> str:
    """Return the mean, and p5 to p95 where they differ from it."""
    if stats is None:
        return "unknown"
    mean, low, high = (f"{value:.0f}" for value in (stats.mean, stats.p5, stats.p95))
    return mean if low == high else f"{mean} ({low}-{high})"
