"""What the record keeps of the telemetry: the measured window only, the run's own GPUs only."""

from itertools import pairwise
from pathlib import Path
from typing import Any

from mrbench import nvml
from mrbench.outcome import Measurement
from mrbench.plan import Plan
from mrbench.telemetry import users, verdict
from mrbench.telemetry.reading import Telemetry, Values, read
from mrbench.telemetry.series import Pick, Span, gauge, inside, integral, rate, rise

Summary = dict[str, Any]
GAUGES = (
    "utilisation_percent",
    "memory_utilisation_percent",
    "memory_used_bytes",
    "power_w",
    "sm_clock_mhz",
    "memory_clock_mhz",
    "temperature_c",
)
LINKS = ("pcie_sent", "pcie_received", "nvlink_sent", "nvlink_received")
HOST = ("disk_read", "disk_written", "network_received", "network_sent")
LONGEST_GAP = 2.5  # periods


def summarize(path: Path, plan: Plan, measured: Measurement) -> Summary:
    """Summarize a run's telemetry; `problems` says what is missing and why."""
    if measured.began_s is None or measured.ended_s is None or measured.status != "ok":
        return {"samples": 0, "problems": ["no window was measured, so none is summarized"]}
    span = Span(measured.began_s, measured.ended_s)
    told = read(path, span.began_s, span.ended_s)
    if isinstance(told, str):
        return {"samples": 0, "problems": [told]}
    on_gpus = plan.accelerator == "gpu"
    used = users.chosen(told.header, plan.gpus) if on_gpus else []
    gpus = [_gpu(told, span, gpu) for gpu in used]
    found: Summary = {
        "samples": sum(span.began_s <= s.at_s <= span.ended_s for s in told.samples),
        "span_s": span.seconds,
        "host": _host(told, span),
        "tree": _tree(told, span),
        "gpus": gpus,
        "own": _own(told, span),
    }
    if on_gpus:
        found |= users.of_gpus(told, span, used)
        found["joules_per_image"] = _joules_per_image(gpus, measured)
    found["bound_by"], found["bound_by_reason"] = verdict.bound_by(plan, gpus, measured.data_share)
    found["problems"] = _problems(told, span, plan, used)
    if measured.disagreement and measured.disagreement.cause == "buffered_output":
        found["problems"].append("the output came in bursts: when the window was is known roughly")
    return found


def _gpu(told: Telemetry, span: Span, gpu: Values) -> Values:
    uuid = gpu["uuid"]

    def value(name: str, values: Values) -> float | None:
        seen: float | None = values.get("gpus", {}).get(uuid, {}).get(name)
        return seen

    def picked(name: str) -> Pick:
        return lambda values: value(name, values)

    found: Values = {name: gpu[name] for name in ("index", "uuid", "name", "mig")}
    found |= {name: gauge(told.samples, span, picked(name)) for name in GAUGES}
    for name in LINKS:
        found[f"{name}_bytes_per_s"] = rate(told.samples, span, picked(f"{name}_bytes"))
    energy_j, by = rise(told.samples, span, picked("energy_j")), "counter"
    if energy_j is None:
        energy_j, by = integral(told.samples, span, picked("power_w")), "power"
    found |= {"energy_j": energy_j, "energy_by": by if energy_j is not None else None}
    found["slowed_share"] = _slowed(told, span, picked("slowed_bits"))
    return found


def _slowed(told: Telemetry, span: Span, pick: Pick) -> dict[str, float] | None:
    """Return the shares of the window for which something slowed it, by what."""
    seen = [v for s in inside(told.samples, span) if (v := pick(s.values)) is not None]
    if not seen:
        return None
    counts = {why: sum(bool(int(v) & bit) for v in seen) for bit, why in nvml.SLOWED.items()}
    return {why: count / len(seen) for why, count in counts.items() if count}


def _host(told: Telemetry, span: Span) -> Values:
    def picked(name: str) -> Pick:
        return lambda values: values["host"].get(name)

    cores = told.header["processors"]
    busy = rate(told.samples, span, picked("cpu_busy_s"))
    stolen = rate(told.samples, span, picked("cpu_stolen_s"))
    own = rate(told.samples, span, lambda values: values.get("own_cpu_s"))
    tree = rate(told.samples, span, lambda values: values["tree"].get("cpu_s"))
    others = None
    if busy and tree and own:
        others = max(0.0, busy["mean"] - tree["mean"] - own["mean"])
    return {
        "name": told.header["host"],
        "processors": cores,
        "cpu_busy_cores": busy,
        "cpu_stolen_cores": stolen,
        "cpu_others_cores": others,  # what neither the training nor telemetry took
        "memory_used_bytes": gauge(told.samples, span, picked("memory_used_bytes")),
        **{f"{n}_bytes_per_s": rate(told.samples, span, picked(f"{n}_bytes")) for n in HOST},
    }


def _tree(told: Telemetry, span: Span) -> Values:
    def picked(name: str) -> Pick:
        return lambda values: values["tree"].get(name)

    return {
        "processes": gauge(told.samples, span, picked("processes")),
        "threads": gauge(told.samples, span, picked("threads")),
        "cpu_cores": rate(told.samples, span, picked("cpu_s")),
        "memory_bytes": gauge(told.samples, span, picked("memory_bytes")),
        # pages that processes share counted once, as seen behind the window
        "memory_proportional_bytes": (told.ended or {}).get("tree_proportional_bytes"),
    }


def _own(told: Telemetry, span: Span) -> Values:
    """Return what telemetry itself took."""
    cpu = rate(told.samples, span, lambda values: values.get("own_cpu_s"))
    return {
        "cpu_cores": cpu["mean"] if cpu else None,
        "memory_bytes": (told.ended or {}).get("own_memory_bytes"),
    }


def _joules_per_image(gpus: list[Values], measured: Measurement) -> float | None:
    images = measured.iterations * (measured.images_per_iteration or 0)
    if not gpus or not images or any(gpu["energy_j"] is None for gpu in gpus):
        return None
    total: float = sum(gpu["energy_j"] for gpu in gpus)
    return total / images


def _problems(told: Telemetry, span: Span, plan: Plan, used: list[Values]) -> list[str]:
    found = []
    if plan.accelerator == "gpu":
        found += users.problems(told.header, used, plan.gpus)
    first_s = told.samples[0].at_s if told.samples else span.ended_s
    if first_s > span.began_s:
        found.append(f"telemetry began {first_s - span.began_s:.1f} s after the window did")
    if told.ended_s < span.ended_s:
        found.append(f"telemetry ended {span.ended_s - told.ended_s:.1f} s before the window did")
    if told.ended is None:
        found.append("the telemetry program was killed")
    elif str(told.ended["ended"]).startswith("it could not"):
        found.append(f"the telemetry program: {told.ended['ended']}")
    period_s = told.header["period_s"]
    times = [s.at_s for s in told.samples if span.began_s <= s.at_s <= span.ended_s]
    gap_s = max((b - a for a, b in pairwise(times)), default=0.0)
    if gap_s > LONGEST_GAP * period_s:
        found.append(f"for {gap_s:.1f} s of the window there is no sample")
    if not times:
        found.append(f"no sample fell into the window of {span.seconds:.2f} s; the nearest counts")
    return [*found, *told.problems]
