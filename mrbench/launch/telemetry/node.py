"""One machine's telemetry over the window: its GPUs that the run used, its host, its processes."""

from itertools import pairwise

from mrbench.launch.telemetry import users
from mrbench.launch.telemetry.reading import Telemetry, Values
from mrbench.launch.telemetry.series import Pick, Span, gauge, inside, integral, rate, rise
from mrbench.model.gpus import SLOWED

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


def describe(told: Telemetry, span: Span, wanted: int) -> Values:
    """Summarize a machine. wanted: how many GPUs the run uses, at most all that are here."""
    used = users.chosen(told.header, wanted)
    found = {
        "samples": sum(span.began_s <= s.at_s <= span.ended_s for s in told.samples),
        "host": _host(told, span),
        "tree": _tree(told, span),
        "gpus": [_gpu(told, span, gpu) for gpu in used],
        "own": _own(told, span),
        "problems": _problems(told, span, used, wanted),
    }
    return found | (users.of_gpus(told, span, used) if wanted else {})


def _gpu(told: Telemetry, span: Span, gpu: Values) -> Values:
    uuid = gpu["uuid"]

    def value(name: str, values: Values) -> float | None:
        seen: float | None = values.get("gpus", {}).get(uuid, {}).get(name)
        return seen

    def picked(name: str) -> Pick:
        return lambda values: value(name, values)

    found: Values = {name: gpu[name] for name in ("index", "uuid", "name", "mig")}
    found["host"] = told.header["host"]
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
    counts = {why: sum(bool(int(v) & bit) for v in seen) for bit, why in SLOWED.items()}
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


def _problems(told: Telemetry, span: Span, used: list[Values], wanted: int) -> list[str]:
    found = users.problems(told.header, used) if wanted else []
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
