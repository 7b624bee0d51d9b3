"""What the training's GPUs are seen to do: before the launch, and once the window is over."""

import os
from typing import TYPE_CHECKING, Any

from mrbench.checks.gpus import visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mrbench.nvml import Gpu

POWER_CAP = "power cap"  # at full load every GPU runs into it; that is how it is built


def before(wanted: int) -> set[int] | None:
    """Return the process ids on the GPUs that a run will use; None where they cannot be told."""
    used = _used(wanted)
    return None if used is None else {p.pid for gpu in used for p in gpu.processes}


def behind_window(wanted: int, earlier: set[int] | None) -> dict[str, Any] | None:
    """Describe the GPUs while the training still runs; None where there is no NVML.

    earlier: what `before` returned. gpus_in_use: on how many the training was seen, None where
    NVML's process ids are not those of this machine (a container has its own); foreign programs are
    then only those that were there before the launch.
    """
    from mrbench.shim.tree import descendants  # noqa: PLC0415 - for GPUs only

    used = _used(wanted)
    if used is None:
        return None
    own = {os.getpid(), *descendants(os.getpid())}
    ours = [gpu for gpu in used if any(p.pid in own for p in gpu.processes)]
    told = [
        f"GPU {gpu.index}: {p.name or 'a program'} (pid {p.pid})"
        for gpu in used
        for p in gpu.processes
        if (p.pid not in own if ours else p.pid in (earlier or ()))
    ]
    slowed = [(gpu, [why for why in gpu.slowed_by if why != POWER_CAP]) for gpu in used]
    return {
        "gpus_in_use": len(ours) or None,
        "foreign_processes": told,
        "slowed_by": [f"GPU {gpu.index} by {' and '.join(why)}" for gpu, why in slowed if why],
        "clock_mhz": [gpu.clock_mhz for gpu in used],
        "memory_used_bytes": [gpu.memory_used_bytes for gpu in used],
    }


def _used(wanted: int) -> "Sequence[Gpu] | None":
    from mrbench import nvml  # noqa: PLC0415 - for GPUs only

    seen = nvml.inspect()
    return None if seen.error else visible(seen.gpus)[:wanted]
