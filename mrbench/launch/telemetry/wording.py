"""The telemetry of a record, in words, for `mrbench show`."""

from collections.abc import Iterator
from typing import Any

Values = dict[str, Any]
GIB, MB = 1 << 30, 1e6


def describe(summary: Values | None) -> str:
    """Lay out a summary, a line for each GPU, host and the training's processes."""
    if not summary:
        return "none"
    return "\n".join([*_lines(summary), *summary.get("problems", ())]) or "none"


def _lines(summary: Values) -> Iterator[str]:
    if "span_s" not in summary:
        return
    own = summary["own"]
    took = _number(own["cpu_cores"], 100, ".2f")
    yield (
        f"{summary['samples']} samples in {summary['span_s']:.1f} s;"
        f" it took {took} % of a core itself and {_number(own['memory_bytes'], 1 / MB, '.0f')} MB"
    )
    yield f"bound by: {summary['bound_by']} ({summary['bound_by_reason']})"
    here = summary["host"]["name"]
    for gpu in summary["gpus"]:
        yield _gpu(gpu, "" if gpu["host"] == here else f"{gpu['host']}/")
    if summary["gpus"]:
        foreign = summary["foreign"]
        told = "unknown" if foreign is None else "; ".join(foreign) or "none"
        joules = _number(summary["joules_per_image"], 1, ".3g")
        yield f"{joules} J per image; other programs on its GPUs: {told}"
    for node in (summary, *summary["other_nodes"]):
        yield from _node(node)


def _node(summary: Values) -> Iterator[str]:
    host, tree = summary["host"], summary["tree"]
    yield (
        f"training: {_mean(tree['processes'], 1, '.0f')} processes,"
        f" {_mean(tree['cpu_cores'], 1, '.2f')} cores,"
        f" {_mean(tree['memory_bytes'], 1 / GIB, '.2f')} GiB"
        f" ({_number(tree['memory_proportional_bytes'], 1 / GIB, '.2f')} with shared pages once)"
    )
    yield (
        f"host {host['name']}: {_mean(host['cpu_busy_cores'], 1, '.2f')} of"
        f" {host['processors']} cores busy, {_number(host['cpu_others_cores'], 1, '.2f')} of them"
        f" with other programs; {_mean(host['memory_used_bytes'], 1 / GIB, '.1f')} GiB in use"
    )
    yield (
        f"disk {_mean(host['disk_read_bytes_per_s'], 1 / MB, '.1f')} MB/s read,"
        f" {_mean(host['disk_written_bytes_per_s'], 1 / MB, '.1f')} written; network"
        f" {_mean(host['network_received_bytes_per_s'], 1 / MB, '.1f')} MB/s received,"
        f" {_mean(host['network_sent_bytes_per_s'], 1 / MB, '.1f')} sent"
    )


def _gpu(gpu: Values, where: str) -> str:
    words = [
        f"{_range(gpu['utilisation_percent'], 1)} % busy",
        f"{_range(gpu['power_w'], 1)} W",
        f"{_mean(gpu['memory_used_bytes'], 1 / GIB, '.1f')} GiB",
        f"{_range(gpu['sm_clock_mhz'], 1)} MHz",
        f"{_range(gpu['temperature_c'], 1)} C",
    ]
    slowed = gpu["slowed_share"]
    if slowed is None:
        words.append("slowed: unknown")
    words += [f"slowed by {why} for {part:.0%}" for why, part in (slowed or {}).items()]
    return f"GPU {where}{gpu['index']} {gpu['uuid']}: {', '.join(words)}"


def _number(value: float | None, factor: float, form: str) -> str:
    return "unknown" if value is None else f"{value * factor:{form}}"


def _mean(stats: Values | None, factor: float, form: str) -> str:
    return _number(stats["mean"] if stats else None, factor, form)


def _range(stats: Values | None, factor: float) -> str:
    """Return the mean, and p5 to p95 where they differ from it."""
    if stats is None:
        return "unknown"
    mean, low, high = (f"{stats[name] * factor:.0f}" for name in ("mean", "p5", "p95"))
    return mean if low == high else f"{mean} ({low}-{high})"
