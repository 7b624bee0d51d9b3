"""What NVIDIA's management library, NVML, says about the GPUs; the only door to pynvml.

libnvidia-ml.so.1 comes with the driver. It numbers GPUs by their PCI address and ignores
CUDA_VISIBLE_DEVICES. Old drivers lack some functions and small GPUs some facts: these are None.
"""

import contextlib
import struct
from collections.abc import Iterator
from typing import Any

from mrbench.model.gpus import SLOWED, Gpu, GpuInspection, GpuProcess
from mrbench.model.machine import MachineGpu

Nvml = Any  # the module pynvml: it has no types
Handle = Any  # pynvml's, of one GPU
MOST_PROCESSES = 64  # on one GPU of an old driver; no training has so many
PROCESS_V1 = struct.Struct("IQ")  # nvml.h: nvmlProcessInfo_v1_t, a pid and its bytes
UNKNOWN_BYTES = 0xFFFFFFFFFFFFFFFF  # nvml.h: a process's memory can't be told


class Unavailable(Exception):  # noqa: N818 - no failure: most machines have no GPU
    """NVML cannot be used, or lost a GPU."""


def open_library() -> tuple[Nvml, str | None]:
    """Load and initialise NVML; return pynvml and the driver's version. Raises Unavailable."""
    import pynvml  # noqa: PLC0415 - 19 ms and 5 MB, and only GPU runs need it

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as exc:
        raise Unavailable(reason(exc)) from exc
    return pynvml, ask(pynvml, "nvmlSystemGetDriverVersion")


def list_gpus() -> tuple[tuple[MachineGpu, ...], str | None, str | None]:
    """Return the GPUs (name, uuid, memory in bytes), why there are none, and the driver."""
    try:
        with _opened() as (nvml, driver):
            return tuple(_identity(nvml, handle) for handle in handles(nvml)), None, driver
    except Unavailable as exc:
        return (), str(exc), None


def inspect() -> GpuInspection:
    """Look at all that could disturb a measurement."""
    try:
        with _opened() as (nvml, driver):
            code = ask(nvml, "nvmlSystemGetCudaDriverVersion")
            return GpuInspection(
                gpus=tuple(_gpu(nvml, i, handle) for i, handle in enumerate(handles(nvml))),
                driver=driver,
                cuda=None if code is None else f"{code // 1000}.{code % 1000 // 10}",
            )
    except Unavailable as exc:
        return GpuInspection(error=str(exc))


def handles(nvml: Nvml) -> list[Handle]:
    """Return the handles of all GPUs. Raises pynvml's NVMLError."""
    return [nvml.nvmlDeviceGetHandleByIndex(i) for i in range(nvml.nvmlDeviceGetCount())]


def ask(nvml: Nvml, name: str, *words: Any) -> Any:  # noqa: ANN401 - whatever NVML answers
    """Ask for what this driver, this GPU or this release of pynvml may not know; then None."""
    try:
        return getattr(nvml, name)(*words)
    except (nvml.NVMLError, AttributeError):
        return None


def running(nvml: Nvml, handle: Handle) -> dict[int, int | None]:
    """Return the processes that compute on a GPU, and their bytes of its memory.

    Raises pynvml's NVMLError.
    """
    for version in ("_v3", "_v2"):
        try:
            listed = getattr(nvml, f"nvmlDeviceGetComputeRunningProcesses{version}")(handle)
        except (nvml.NVMLError_FunctionNotFound, AttributeError):
            continue
        return {p.pid: p.usedGpuMemory for p in listed}
    return _running_v1(nvml, handle)


def program(pid: int) -> str | None:
    """Return a process's name; None if it is in another container or has ended."""
    import psutil  # noqa: PLC0415 - 15 ms, and only if a GPU is in use

    try:
        return psutil.Process(pid).name() or None
    except psutil.Error:
        return None


def _running_v1(nvml: Nvml, handle: Handle) -> dict[int, int | None]:
    """Do the same on a driver before 450, whose function pynvml lacks."""
    import ctypes  # noqa: PLC0415 - 5 ms, and only such drivers need it

    number = ctypes.c_uint(MOST_PROCESSES)
    room = ctypes.create_string_buffer(MOST_PROCESSES * PROCESS_V1.size)
    function = getattr(nvml.nvmlLib, "nvmlDeviceGetComputeRunningProcesses", None)
    if function is None:
        raise nvml.NVMLError_FunctionNotFound
    code = function(handle, ctypes.byref(number), room)
    if code != nvml.NVML_SUCCESS:
        raise nvml.NVMLError(code)
    rows = PROCESS_V1.iter_unpack(room.raw[: number.value * PROCESS_V1.size])
    return {pid: None if size == UNKNOWN_BYTES else size for pid, size in rows}


@contextlib.contextmanager
def _opened() -> Iterator[tuple[Nvml, str | None]]:
    nvml, driver = open_library()
    try:
        yield nvml, driver
    except nvml.NVMLError as exc:
        raise Unavailable(reason(exc)) from exc
    finally:
        with contextlib.suppress(nvml.NVMLError):
            nvml.nvmlShutdown()


def reason(exc: Exception) -> str:
    """Say why NVML can't be used."""
    return f"NVML: {str(exc).removeprefix('NVML ')}"


def _identity(nvml: Nvml, handle: Handle) -> MachineGpu:
    return MachineGpu(
        name=nvml.nvmlDeviceGetName(handle),
        uuid=nvml.nvmlDeviceGetUUID(handle),
        memory_bytes=nvml.nvmlDeviceGetMemoryInfo(handle).total,
    )


def _gpu(nvml: Nvml, index: int, handle: Handle) -> Gpu:
    def about(name: str, *words: int) -> Any:  # noqa: ANN401 - as above
        return ask(nvml, f"nvmlDeviceGet{name}", handle, *words)

    memory = nvml.nvmlDeviceGetMemoryInfo(handle)
    capability, persistence = about("CudaComputeCapability"), about("PersistenceMode")
    ecc = about("EccMode")
    # its name before driver 535 comes second
    slowed = about("CurrentClocksEventReasons") or about("CurrentClocksThrottleReasons") or 0
    try:
        processes = running(nvml, handle)
    except nvml.NVMLError:
        processes = {}
    graphics = nvml.NVML_CLOCK_GRAPHICS
    return Gpu(
        index=index,
        name=nvml.nvmlDeviceGetName(handle),
        uuid=nvml.nvmlDeviceGetUUID(handle),
        memory_total_bytes=memory.total,
        memory_used_bytes=memory.used,
        capability=None if capability is None else f"{capability[0]}.{capability[1]}",
        clock_mhz=about("ClockInfo", graphics),
        max_clock_mhz=about("MaxClockInfo", graphics),
        application_clock_mhz=about("ApplicationsClock", graphics),
        default_application_clock_mhz=about("DefaultApplicationsClock", graphics),
        temperature_c=about("Temperature", nvml.NVML_TEMPERATURE_GPU),
        slowed_by=tuple(text for bit, text in SLOWED.items() if slowed & bit),
        persistence=None if persistence is None else bool(persistence),
        ecc=None if ecc is None else bool(ecc[0]),
        uncorrected_errors=about(
            "TotalEccErrors", nvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED, nvml.NVML_VOLATILE_ECC
        ),
        processes=tuple(
            GpuProcess(pid=pid, name=program(pid), memory_bytes=size)
            for pid, size in processes.items()
        ),
    )
