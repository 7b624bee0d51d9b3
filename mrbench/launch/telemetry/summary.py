"""What the record keeps of the telemetry: the measured window only, the run's own GPUs only."""

from collections.abc import Sequence
from pathlib import Path

from msgspec import UNSET

from mrbench.errors import MrbenchError
from mrbench.launch.telemetry.node import Node, describe
from mrbench.launch.telemetry.reading import Telemetry, ahead_s, read
from mrbench.launch.telemetry.series import Span
from mrbench.model.plan import Plan
from mrbench.model.run import Measurement
from mrbench.model.telemetry import BoundBy, GpuSummary, Header, NodeSummary, TelemetrySummary

MUCH_WAITING = 0.10  # of the window's seconds: the loader sets the pace
BUSY_PERCENT = 90.0  # of the time with a kernel on the GPU


def summarize(path: Path, plan: Plan, measured: Measurement) -> TelemetrySummary:
    """Summarize a run's telemetry; `problems` says what is missing and why.

    path: of the machine whose clock the arrival times have. Files beside it, telemetry.NAME.jsonl,
    are other machines'; their clocks are set by the time of day that all headers have.
    """
    if measured.began_s is None or measured.ended_s is None or measured.status != "ok":
        return _nothing("no window was measured, so none is summarized")
    span = Span(measured.began_s, measured.ended_s)
    try:
        telemetry = read(path, span.began_s, span.ended_s)
    except MrbenchError as exc:
        return _nothing(str(exc))
    wanted = plan.gpus if plan.accelerator == "gpu" else 0
    first = describe(telemetry, span, wanted)
    nodes, problems, gpus = [first], list(first.problems), list(first.gpus)
    gpus_in_use, foreign = first.gpus_in_use, first.foreign
    for other in sorted(path.parent.glob(f"{path.stem}.*{path.suffix}")):
        lacking = wanted - len(gpus)
        try:
            node = _other(other, telemetry.header, span, lacking)
        except MrbenchError as exc:
            problems.append(str(exc))
            continue
        nodes.append(node)
        gpus += node.gpus
        problems += [f"{node.host.name}: {problem}" for problem in node.problems]
        if lacking:
            gpus_in_use = _plus(gpus_in_use, node.gpus_in_use)
            foreign = _joined(foreign, node)
    problems += _lacking(telemetry, gpus, wanted)
    if measured.disagreement and measured.disagreement.cause == "buffered_output":
        problems.append("the output came in bursts: when the window was is known roughly")
    bound, reason = bound_by(plan, gpus, measured.data_share)
    return TelemetrySummary(
        samples=first.samples,
        problems=tuple(problems),
        span_s=span.seconds,
        host=first.host,
        tree=first.tree,
        gpus=tuple(gpus),
        own=first.own,
        other_nodes=tuple(
            NodeSummary(samples=n.samples, host=n.host, tree=n.tree, own=n.own) for n in nodes[1:]
        ),
        bound_by=bound,
        bound_by_reason=reason,
        gpus_in_use=gpus_in_use if wanted else UNSET,
        foreign=foreign if wanted else UNSET,
        joules_per_image=_joules_per_image(gpus, measured) if wanted else UNSET,
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


def _other(path: Path, header: Header, span: Span, gpus: int) -> Node:
    """Summarize another machine by its own clock. MrbenchError if its file can't be read."""
    seconds = ahead_s(header, path)
    if seconds is None:
        raise MrbenchError("has no header of telemetry", file=path)
    there = span.shifted(seconds)
    return describe(read(path, there.began_s, there.ended_s), there, gpus)


def _plus(one: int | None, two: int | None) -> int | None:
    return None if one is None or two is None else one + two


def _joined(programs: tuple[str, ...] | None, node: Node) -> tuple[str, ...] | None:
    if programs is None or node.foreign is None:
        return None
    return (*programs, *(f"{node.host.name}: {text}" for text in node.foreign))


def _lacking(telemetry: Telemetry, gpus: Sequence[GpuSummary], wanted: int) -> list[str]:
    if len(gpus) >= wanted or telemetry.header.gpu_error:
        return []
    visible = telemetry.header.visible
    why = "" if visible is None else f" (CUDA_VISIBLE_DEVICES={visible})"
    return [f"of {wanted} GPUs NVML tells of {len(gpus)}{why}"]


def _joules_per_image(gpus: Sequence[GpuSummary], measured: Measurement) -> float | None:
    images = measured.iterations * (measured.images_per_iteration or 0)
    energies_j = [gpu.energy_j for gpu in gpus if gpu.energy_j is not None]
    if not gpus or not images or len(energies_j) < len(gpus):
        return None
    return sum(energies_j) / images
