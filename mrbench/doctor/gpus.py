"""The GPUs that a run would use: enough, served by the recipe, undisturbed, at full speed."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from msgspec.structs import replace

from mrbench.doctor import stated
from mrbench.doctor.base import Plans, of_plan
from mrbench.launch import gpus as nvml
from mrbench.model.finding import Finding
from mrbench.model.gpus import Gpu, GpuInspection, cuda_order
from mrbench.model.places import Places
from mrbench.text import size_text

Gpus = Sequence[Gpu]
BUSY_SHARE = 0.05  # of a GPU's memory; the driver alone takes less
OLD_CUDA = "choose other GPUs or a suite of newer code, or try it with --force"


def enough(plans: Plans, _places: Places) -> Iterator[Finding]:
    """Refuse what the GPUs here cannot run: too few, too new or too old, or the driver too old."""
    wanting = [plan for plan in plans if plan.accelerator == "gpu"]
    inspection = nvml.inspect() if wanting else GpuInspection()
    usable = visible(inspection.gpus)
    for plan in wanting:
        if len(usable) < plan.gpus:
            chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
            why = "this machine has no more" if chosen is None else f"CUDA_VISIBLE_DEVICES={chosen}"
            why = inspection.error or why
            text = f"{plan.gpus} GPUs wanted, {len(usable)} usable ({why})"
            remedy = "run it on such a machine, choose another count with --gpus,"
            remedy += " or look at the plan with --dry-run"
            yield of_plan(plan, "GPUs", "failed", text, remedy)
            continue
        used = usable[: plan.gpus]
        if served := stated.capabilities(plan.environment):
            odd = [g for g in used if g.capability and not stated.within(g.capability, *served)]
            if odd:
                text = f"compute capability {odd[0].capability} ({_listed(odd)})"
                text += f", {served[0]} to {served[1]} needed"
                yield replace(of_plan(plan, "GPUs", "failed", text, OLD_CUDA), forcible=True)
        oldest = stated.driver(plan.environment)
        driver = inspection.driver
        if oldest and driver and stated.version(driver) < stated.version(oldest):
            text = f"NVIDIA driver {driver}, {oldest} or later needed"
            yield of_plan(plan, "driver", "failed", text, "install a newer one")


def condition(plans: Plans, _places: Places) -> Iterator[Finding]:
    """Report the GPUs and whatever would slow them."""
    inspection = nvml.inspect()
    needed = max((plan.gpus for plan in plans if plan.accelerator == "gpu"), default=0)
    if inspection.error:
        if not needed:
            yield Finding("GPUs", "ok", f"none needed; {inspection.error}")
        return
    counts = Counter(gpu.name for gpu in inspection.gpus)
    kinds = ", ".join(f"{count} x {name}" for name, count in counts.items())
    cuda = inspection.cuda or "unknown"
    yield Finding("driver", "ok", f"{inspection.driver}, for CUDA up to {cuda}")
    used = visible(inspection.gpus)[:needed]
    if not needed:
        yield Finding("kind", "ok", f"{kinds or 'no GPU'}; none needed")
    elif used:
        yield _kinds(used, kinds)
        yield from (look(used) for look in (_in_use, _clocks, _persistence, _ecc))


def visible(gpus: Gpus) -> Gpus:
    """Return the GPUs that CUDA_VISIBLE_DEVICES lets through, in its order."""
    identities = [(gpu.index, gpu.uuid) for gpu in gpus]
    return [gpus[i] for i in cuda_order(identities, os.environ.get("CUDA_VISIBLE_DEVICES"))]


def _kinds(used: Gpus, kinds: str) -> Finding:
    known = ", ".join(dict.fromkeys(g.capability or "unknown" for g in used))
    text = f"{kinds}; compute capability {known}"
    if len({g.name for g in used}) > 1:
        remedy = "choose equal ones with CUDA_VISIBLE_DEVICES; the slowest sets the pace"
        return Finding("kind", "note", f"{text}; not all alike", remedy)
    return Finding("kind", "ok", text)


def in_use(number: int) -> list[str]:
    """Return the programs on the GPUs that a run of so many would use."""
    return _users(visible(nvml.inspect().gpus)[:number])


def _users(used: Gpus) -> list[str]:
    users = [
        f"GPU {g.index}: pid {p.pid} {p.name or '(not visible from here)'}"
        + (f", {size_text(p.memory_bytes)}" if p.memory_bytes is not None else "")
        for g in used
        for p in g.processes
    ]
    return users + [
        f"GPU {g.index}: {size_text(g.memory_used_bytes)} taken, by whom is unknown"
        for g in used
        if not g.processes and g.memory_used_bytes > BUSY_SHARE * g.memory_total_bytes
    ]


def _in_use(used: Gpus) -> Finding:
    users = _users(used)
    if users:
        remedy = "wait for them, or choose others with CUDA_VISIBLE_DEVICES"
        return Finding("in use", "note", "; ".join(users), remedy)
    most = size_text(max(g.memory_used_bytes for g in used))
    total = size_text(min(g.memory_total_bytes for g in used))
    return Finding("in use", "ok", f"by nobody; at most {most} of {total} taken")


def _clocks(used: Gpus) -> Finding:
    slowed = [f"GPU {g.index} by {' and '.join(g.slowed_by)}" for g in used if g.slowed_by]
    limited = [
        g
        for g in used
        if g.application_clock_mhz
        and g.application_clock_mhz < (g.default_application_clock_mhz or 0)
    ]
    text = (
        f"{_span(g.clock_mhz for g in used)} of {_span(g.max_clock_mhz for g in used)} MHz,"
        f" for applications {_span(g.application_clock_mhz for g in used)}"
    )
    if slowed:
        text = f"slowed: {', '.join(slowed)}; {text}"
        return Finding("clocks", "note", text, "see to cooling and power: nvidia-smi -q -d CLOCK")
    if limited:
        text = f"{_listed(limited)} set below the default; {text}"
        return Finding("clocks", "note", text, "nvidia-smi -rac sets the default again")
    return Finding("clocks", "ok", text)


def _persistence(used: Gpus) -> Finding:
    off = [g for g in used if g.persistence is False]
    if off:
        text = f"off on {_listed(off)}; the driver unloads between runs"
        return Finding("persistence", "note", text, "nvidia-smi -pm 1 (as root)")
    unknown = any(g.persistence is None for g in used)
    return Finding("persistence", "ok", "unknown" if unknown else "on")


def _ecc(used: Gpus) -> Finding:
    wrong = [g for g in used if g.uncorrected_errors]
    if wrong:
        text = ", ".join(f"GPU {g.index}: {g.uncorrected_errors}" for g in wrong)
        remedy = "leave these GPUs out, or reset them (nvidia-smi -r)"
        return Finding("ECC", "note", f"uncorrected errors: {text}", remedy)
    modes = {None: "not supported", True: "on", False: "off"}
    kinds = list(dict.fromkeys(modes[g.ecc] for g in used))
    if len(kinds) > 1:
        text = f"{' on some, '.join(kinds)} on others"
        return Finding("ECC", "note", text, "set it alike: nvidia-smi -e 0 or 1, then reboot")
    return Finding("ECC", "ok", f"{kinds[0]}, no uncorrected errors")


def _listed(gpus: Gpus) -> str:
    first, last = gpus[0].index, gpus[-1].index
    if len(gpus) > 1 and last - first == len(gpus) - 1:
        return f"GPU {first}-{last}"
    return f"GPU {', '.join(str(g.index) for g in gpus)}"


def _span(values: Iterable[int | None]) -> str:
    known = [v for v in values if v is not None]
    if not known:
        return "unknown"
    return f"{min(known)}" if min(known) == max(known) else f"{min(known)}-{max(known)}"
