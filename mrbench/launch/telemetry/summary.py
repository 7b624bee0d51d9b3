"""What the record keeps of the telemetry: the measured window only, the run's own GPUs only."""

from pathlib import Path
from typing import Any

from mrbench.launch.telemetry import node, verdict
from mrbench.launch.telemetry.reading import Values, later_s, read
from mrbench.launch.telemetry.series import Span
from mrbench.model.plan import Plan
from mrbench.model.run import Measurement

Summary = dict[str, Any]


def summarize(path: Path, plan: Plan, measured: Measurement) -> Summary:
    """Summarize a run's telemetry; `problems` says what is missing and why.

    path: of the machine whose clock the arrival times have. Files beside it, telemetry.NAME.jsonl,
    are other machines'; their clocks are set by the time of day that all headers tell.
    """
    if measured.began_s is None or measured.ended_s is None or measured.status != "ok":
        return _nothing("no window was measured, so none is summarized")
    span = Span(measured.began_s, measured.ended_s)
    told = read(path, span.began_s, span.ended_s)
    if isinstance(told, str):
        return _nothing(told)
    wanted = plan.gpus if plan.accelerator == "gpu" else 0
    found: Summary = {"span_s": span.seconds, **node.describe(told, span, wanted)}
    found["other_nodes"] = []
    for other in sorted(path.parent.glob(f"{path.stem}.*{path.suffix}")):
        _add(found, other, told.header, span, wanted - len(found["gpus"]))
    gpus, problems = found["gpus"], found["problems"]
    if len(gpus) < wanted and not told.header["gpu_error"]:
        where = told.header["visible"]
        why = "" if where is None else f" (CUDA_VISIBLE_DEVICES={where})"
        problems.append(f"of {wanted} GPUs NVML tells of {len(gpus)}{why}")
    if wanted:
        found["joules_per_image"] = _joules_per_image(gpus, measured)
    found["bound_by"], found["bound_by_reason"] = verdict.bound_by(plan, gpus, measured.data_share)
    if measured.disagreement and measured.disagreement.cause == "buffered_output":
        problems.append("the output came in bursts: when the window was is known roughly")
    return found


def _nothing(why: str) -> Summary:
    return {"samples": 0, "problems": [why]}


def _add(found: Summary, path: Path, header: Values, span: Span, wanted: int) -> None:
    """Add another machine's: its GPUs to all GPUs, the rest by itself."""
    ahead_s = later_s(header, path)
    told = None if ahead_s is None else read(path, span.began_s + ahead_s, span.ended_s + ahead_s)
    if ahead_s is None or told is None or isinstance(told, str):
        found["problems"].append(told or f"{path}: has no header of telemetry")
        return
    there = Span(span.began_s + ahead_s, span.ended_s + ahead_s)
    one = node.describe(told, there, wanted)
    name = told.header["host"]
    found["gpus"] += one.pop("gpus")
    found["problems"] += [f"{name}: {problem}" for problem in one.pop("problems")]
    if wanted:
        found["gpus_in_use"] = _plus(found["gpus_in_use"], one.pop("gpus_in_use"))
        foreign = one.pop("foreign")
        found["foreign"] = _plus(
            found["foreign"], None if foreign is None else [f"{name}: {text}" for text in foreign]
        )
    found["other_nodes"].append(one)


def _plus(one: Any, two: Any) -> Any:  # noqa: ANN401 - numbers or lists
    return None if one is None or two is None else one + two


def _joules_per_image(gpus: list[Values], measured: Measurement) -> float | None:
    images = measured.iterations * (measured.images_per_iteration or 0)
    if not gpus or not images or any(gpu["energy_j"] is None for gpu in gpus):
        return None
    total: float = sum(gpu["energy_j"] for gpu in gpus)
    return total / images
