"""GPUs, as NVIDIA's driver and CUDA name and number them."""

from collections.abc import Sequence

import msgspec

# bits of the reasons for a GPU to run slower than it could, from nvml.h; idling and limits that
# somebody chose are no such reasons
SLOWED = {
    0x04: "power cap",
    0x08: "hardware slowdown",
    0x20: "heat",
    0x40: "heat (hardware)",
    0x80: "power brake",
}


class GpuProcess(msgspec.Struct, frozen=True, kw_only=True):
    """A program that computes on a GPU; name and bytes of its memory are None if unknown."""

    pid: int
    name: str | None
    memory_bytes: int | None


class Gpu(msgspec.Struct, frozen=True, kw_only=True):
    """One GPU, now. What an old driver or a small GPU doesn't report is None.

    Clocks in MHz, of its multiprocessors. uncorrected_errors: since the driver was loaded.
    """

    index: int
    name: str
    uuid: str
    memory_total_bytes: int
    memory_used_bytes: int
    capability: str | None
    clock_mhz: int | None
    max_clock_mhz: int | None
    application_clock_mhz: int | None
    default_application_clock_mhz: int | None
    slowed_by: tuple[str, ...]
    temperature_c: int | None
    persistence: bool | None
    ecc: bool | None
    uncorrected_errors: int | None
    processes: tuple[GpuProcess, ...]


class GpuInspection(msgspec.Struct, frozen=True, kw_only=True):
    """All GPUs, or why there are none; cuda: the newest version that the driver serves."""

    gpus: tuple[Gpu, ...] = ()
    error: str | None = None
    driver: str | None = None
    cuda: str | None = None


def cuda_order(gpus: Sequence[tuple[int, str]], visible: str | None) -> list[int]:
    """Return the positions of the GPUs (number, UUID) that CUDA uses, in its order.

    visible: CUDA_VISIBLE_DEVICES, None if it is not set.
    """
    if visible is None:
        return list(range(len(gpus)))
    positions: list[int] = []
    for word in visible.split(","):
        name = word.strip()
        match = [
            position
            for position, (index, uuid) in enumerate(gpus)
            if name == str(index) or (name.startswith("GPU-") and uuid.startswith(name))
        ]
        if not match:
            break  # CUDA, too, hides all that follow a wrong one
        positions += match[:1]
    return list(dict.fromkeys(positions))
