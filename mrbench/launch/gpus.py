"""What NVIDIA's management library tells of the GPUs; the only door to NVML.

libnvidia-ml.so.1 comes with the driver. It numbers GPUs by their PCI address and ignores
CUDA_VISIBLE_DEVICES. Old drivers lack some functions and small GPUs some facts: these are None.
"""

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

# bits of the reasons for a GPU to run slower than it could, from nvml.h; idling and limits that
# somebody chose are no such reasons
SLOWED = {
    0x04: "power cap",
    0x08: "hardware slowdown",
    0x20: "heat",
    0x40: "heat (hardware)",
    0x80: "power brake",
}
GRAPHICS, UNCORRECTED, SINCE_BOOT = 0, 1, 0  # nvml.h: clock type, kind of error, counter
CHIP = 0  # nvml.h: where the temperature is taken
Facts = dict[str, Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Process:
    """A program that computes on a GPU; bytes and name only where they can be known."""

    pid: int
    name: str | None
    memory_bytes: int | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Gpu:
    """One GPU, now; clocks in MHz, of its multiprocessors."""

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
    uncorrected_errors: int | None  # since the driver was loaded
    processes: tuple[Process, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inspection:
    """All GPUs, or why none can be told; cuda: the newest version that the driver serves."""

    gpus: tuple[Gpu, ...] = ()
    error: str | None = None
    driver: str | None = None
    cuda: str | None = None


def list_gpus() -> tuple[list[Facts], str | None, str | None]:
    """Return the GPUs (name, uuid, memory in bytes), why there are none, and the driver."""
    try:
        with _opened() as (nvml, driver):
            return [_identity(nvml, handle) for handle in _handles(nvml)], None, driver
    except _Unavailable as exc:
        return [], str(exc), None


def inspect() -> Inspection:
    """Look at all that could disturb a measurement."""
    try:
        with _opened() as (nvml, driver):
            code = _ask(nvml, "nvmlSystemGetCudaDriverVersion")
            return Inspection(
                gpus=tuple(_gpu(nvml, i, handle) for i, handle in enumerate(_handles(nvml))),
                driver=driver,
                cuda=None if code is None else f"{code // 1000}.{code % 1000 // 10}",
            )
    except _Unavailable as exc:
        return Inspection(error=str(exc))


def chosen(gpus: Sequence[tuple[int, str]], words: str | None) -> list[int]:
    """Return which GPUs (number, uuid) CUDA uses, in its order; words: CUDA_VISIBLE_DEVICES."""
    if words is None:
        return list(range(len(gpus)))
    found: list[int] = []
    for word in words.split(","):
        name = word.strip()
        match = [
            position
            for position, (index, uuid) in enumerate(gpus)
            if name == str(index) or (name.startswith("GPU-") and uuid.startswith(name))
        ]
        if not match:
            break  # CUDA, too, hides all that follow a wrong one
        found += match[:1]
    return list(dict.fromkeys(found))


class _Unavailable(Exception):  # noqa: N818 - no failure: most machines have no GPU
    """NVML cannot be used, or lost a GPU."""


@contextlib.contextmanager
def _opened() -> Iterator[tuple[Any, str]]:
    import pynvml  # noqa: PLC0415 - 30 ms, and only GPU runs need it

    try:
        pynvml.nvmlInit()
        try:
            yield pynvml, pynvml.nvmlSystemGetDriverVersion()
        finally:
            pynvml.nvmlShutdown()
    except pynvml.NVMLError as exc:
        raise _Unavailable(f"NVML: {str(exc).removeprefix('NVML ')}") from exc


def _handles(nvml: Any) -> list[Any]:  # noqa: ANN401 - the library has no types
    return [nvml.nvmlDeviceGetHandleByIndex(i) for i in range(nvml.nvmlDeviceGetCount())]


def _identity(nvml: Any, handle: Any) -> Facts:  # noqa: ANN401 - as above
    return {
        "name": nvml.nvmlDeviceGetName(handle),
        "uuid": nvml.nvmlDeviceGetUUID(handle),
        "memory_bytes": nvml.nvmlDeviceGetMemoryInfo(handle).total,
    }


def _gpu(nvml: Any, index: int, handle: Any) -> Gpu:  # noqa: ANN401 - as above
    def ask(name: str, *words: int) -> Any:  # noqa: ANN401 - as above
        return _ask(nvml, f"nvmlDeviceGet{name}", handle, *words)

    memory = nvml.nvmlDeviceGetMemoryInfo(handle)
    capability, persistence, ecc = (
        ask("CudaComputeCapability"),
        ask("PersistenceMode"),
        ask("EccMode"),
    )
    # their names before drivers 535 and 510 come second
    slowed = ask("CurrentClocksEventReasons") or ask("CurrentClocksThrottleReasons") or 0
    running = ask("ComputeRunningProcesses_v3") or ask("ComputeRunningProcesses_v2") or ()
    return Gpu(
        index=index,
        name=nvml.nvmlDeviceGetName(handle),
        uuid=nvml.nvmlDeviceGetUUID(handle),
        memory_total_bytes=memory.total,
        memory_used_bytes=memory.used,
        capability=None if capability is None else f"{capability[0]}.{capability[1]}",
        clock_mhz=ask("ClockInfo", GRAPHICS),
        max_clock_mhz=ask("MaxClockInfo", GRAPHICS),
        application_clock_mhz=ask("ApplicationsClock", GRAPHICS),
        default_application_clock_mhz=ask("DefaultApplicationsClock", GRAPHICS),
        temperature_c=ask("Temperature", CHIP),
        slowed_by=tuple(text for bit, text in SLOWED.items() if slowed & bit),
        persistence=None if persistence is None else bool(persistence),
        ecc=None if ecc is None else bool(ecc[0]),
        uncorrected_errors=ask("TotalEccErrors", UNCORRECTED, SINCE_BOOT),
        processes=tuple(
            Process(pid=p.pid, name=_program(p.pid), memory_bytes=p.usedGpuMemory) for p in running
        ),
    )


def _ask(nvml: Any, name: str, *words: Any) -> Any:  # noqa: ANN401 - as above
    """Ask for what this driver, this GPU or this release of the binding may not know."""
    try:
        return getattr(nvml, name)(*words)
    except (nvml.NVMLError, AttributeError):
        return None


def _program(pid: int) -> str | None:
    """Return a process's name; None if it is in another container or has ended."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip() or None
    except OSError:
        return None
