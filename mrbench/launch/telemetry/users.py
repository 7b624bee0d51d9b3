"""Whose GPUs: which ones the run used, whether the training was on them, and who else."""

from typing import Any

from mrbench.launch.telemetry.reading import Telemetry, Values
from mrbench.launch.telemetry.series import Span, inside
from mrbench.model.gpus import cuda_order


def chosen(header: Values, wanted: int) -> list[Values]:
    """Return the GPUs that CUDA gave the training, as the header tells them."""
    known = [gpu for gpu in header["gpus"] if gpu["uuid"]]
    identities = [(gpu["index"], gpu["uuid"]) for gpu in known]
    return [known[i] for i in cuda_order(identities, header["visible"])][:wanted]


def of_gpus(told: Telemetry, span: Span, used: list[Values]) -> dict[str, Any]:
    """Tell on how many GPUs the training was seen, and the other programs there.

    gpus_in_use: None where NVML's process ids are not those of this machine (a container has its
    own); foreign are then only those that were there before the launch. foreign: None where neither
    can be told.
    """
    looks = inside([s for s in told.samples if s.values.get("processes")], span)
    seen: dict[tuple[int, int], Values] = {}
    for look in looks:
        for gpu in used:
            for program in look.values["processes"].get(gpu["uuid"], ()):
                seen[gpu["index"], program["pid"]] = program
    ours = {index for (index, _), program in seen.items() if program["own"]}
    before = told.header["before"]
    if not looks or (not ours and before is None):
        return {"gpus_in_use": None, "foreign": None}
    return {
        "gpus_in_use": len(ours) or None,
        "foreign": [
            f"GPU {index}: {program['name'] or 'a program'} (pid {pid})"
            for (index, pid), program in seen.items()
            if (not program["own"] if ours else pid in before)
        ],
    }


def problems(header: Values, used: list[Values]) -> list[str]:
    """Say what keeps GPUs from being told."""
    if header["gpu_error"]:
        return [header["gpu_error"]]
    split = [str(gpu["index"]) for gpu in used if gpu["mig"]]
    if not split:
        return []
    return [
        f"GPU {', '.join(split)} split by MIG: NVML tells of the whole GPU, not of the instance"
    ]
