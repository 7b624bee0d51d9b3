"""Whose GPUs: whether the training was on them, and who else."""

from collections.abc import Sequence

from mrbench.launch.telemetry.reading import Telemetry
from mrbench.launch.telemetry.series import Span, inside
from mrbench.model.telemetry import GpuFacts, GpuProgram, Header


def programs(
    telemetry: Telemetry, span: Span, used: Sequence[GpuFacts]
) -> tuple[int | None, tuple[str, ...] | None]:
    """Return on how many of these GPUs the training was seen, and the other programs there.

    The first is None if NVML's process ids are not those of this machine (a container has its own);
    the others are then only those that were there before the launch. Both are None if nobody knows.
    """
    looks = inside([s for s in telemetry.samples if s.processes], span)
    seen: dict[tuple[int, int], GpuProgram] = {}
    for look in looks:
        for gpu in used:
            for program in (look.processes or {}).get(gpu.uuid or "", ()):
                seen[gpu.index, program.pid] = program
    ours = {index for (index, _), program in seen.items() if program.own}
    before = telemetry.header.before
    if not looks or (not ours and before is None):
        return None, None
    return len(ours) or None, tuple(
        f"GPU {index}: {program.name or 'a program'} (pid {pid})"
        for (index, pid), program in seen.items()
        if (not program.own if ours else pid in (before or ()))
    )


def problems(header: Header, used: Sequence[GpuFacts]) -> list[str]:
    """Say what keeps GPUs from being watched."""
    if header.gpu_error:
        return [header.gpu_error]
    split = [str(gpu.index) for gpu in used if gpu.mig]
    if not split:
        return []
    return [
        f"GPU {', '.join(split)} split by MIG: NVML tells of the whole GPU, not of the instance"
    ]
