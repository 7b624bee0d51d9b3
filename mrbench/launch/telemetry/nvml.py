"""NVIDIA's management library by its C interface: what is asked each second, and what may fail.

Its Python binding takes 6 MB and ten times the time of all else here to load. Layouts and numbers
are those of nvml.h.
"""

import ctypes
from ctypes import byref, c_char_p, c_int, c_longlong, c_uint, c_ulonglong, c_void_p

TYPE_CHECKING = False  # importing typing takes 3 ms; type checkers know the name
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Told = dict[str, float]
    Reading = tuple[tuple[str, ...], tuple[int, ...], type[Any], Callable[[Any], Told]]

LIBRARY = "libnvidia-ml.so.1"
OK, INSUFFICIENT_SIZE, FUNCTION_NOT_FOUND = 0, 7, 13
LOST = (15, 16)  # the GPU is lost, or must be reset
FOR_GOOD = (2, 3, 4, 13)  # invalid argument, not supported, no permission, function not found
SM, MEMORY, CHIP = 1, 2, 0  # kinds of clocks, and the temperature of the chip
ALL_LINKS = 0xFFFFFFFF
MOST_PROCESSES = 64  # on one GPU; no training has so many
# field of nvmlDeviceGetFieldValues: its scope, and what its counter counts, in how many bytes
TRAFFIC = {
    138: (ALL_LINKS, "nvlink_sent_bytes", 1024),
    139: (ALL_LINKS, "nvlink_received_bytes", 1024),
    197: (0, "pcie_sent_bytes", 1),
    198: (0, "pcie_received_bytes", 1),
}


class Utilisation(ctypes.Structure):
    """nvmlUtilization_t."""

    _fields_ = (("gpu", c_uint), ("memory", c_uint))


class Memory(ctypes.Structure):
    """nvmlMemory_t."""

    _fields_ = (("total", c_ulonglong), ("free", c_ulonglong), ("used", c_ulonglong))


class FieldValue(ctypes.Structure):
    """nvmlFieldValue_t, its value read as an unsigned number of 64 bits."""

    _fields_ = (
        ("field", c_uint),
        ("scope", c_uint),
        ("when", c_longlong),
        ("latency", c_longlong),
        ("kind", c_int),
        ("code", c_int),
        ("value", c_ulonglong),
    )


class OldProcess(ctypes.Structure):
    """nvmlProcessInfo_v1_t."""

    _fields_ = (("pid", c_uint), ("memory_bytes", c_ulonglong))


class Process(ctypes.Structure):
    """nvmlProcessInfo_v2_t, of the functions _v2 and _v3."""

    _fields_ = (*OldProcess._fields_, ("instance", c_uint), ("part", c_uint))


# What is asked: functions, the newest first; arguments; type of the answer; what it becomes.
READINGS: "dict[str, Reading]" = {
    "utilisation": (
        ("GetUtilizationRates",),
        (),
        Utilisation,
        lambda v: {"utilisation_percent": v.gpu, "memory_utilisation_percent": v.memory},
    ),
    "memory": (("GetMemoryInfo",), (), Memory, lambda v: {"memory_used_bytes": v.used}),
    "power": (("GetPowerUsage",), (), c_uint, lambda v: {"power_w": v.value / 1000}),
    "energy": (
        ("GetTotalEnergyConsumption",),
        (),
        c_ulonglong,
        lambda v: {"energy_j": v.value / 1000},
    ),
    "SM clock": (("GetClockInfo",), (SM,), c_uint, lambda v: {"sm_clock_mhz": v.value}),
    "memory clock": (("GetClockInfo",), (MEMORY,), c_uint, lambda v: {"memory_clock_mhz": v.value}),
    "temperature": (("GetTemperature",), (CHIP,), c_uint, lambda v: {"temperature_c": v.value}),
    "throttle reasons": (
        ("GetCurrentClocksEventReasons", "GetCurrentClocksThrottleReasons"),
        (),
        c_ulonglong,
        lambda v: {"slowed_bits": v.value},
    ),
}
PROCESSES = {  # function: the type of its answers
    "GetComputeRunningProcesses_v3": Process,
    "GetComputeRunningProcesses_v2": Process,
    "GetComputeRunningProcesses": OldProcess,
}


class Unavailable(Exception):  # noqa: N818 - no failure: most machines have no GPU
    """The library is not there, or does not work."""


class Library:
    """The loaded and initialised library."""

    def __init__(self) -> None:
        try:
            self._loaded = ctypes.CDLL(LIBRARY)
            self._loaded.nvmlErrorString.restype = c_char_p
        except (OSError, AttributeError) as exc:
            raise Unavailable("NVML: the driver's library cannot be loaded") from exc
        code = self.call("nvmlInit_v2")
        if code != OK:
            raise Unavailable(f"NVML: {self.explain(code)}")

    def call(self, name: str, *words: object) -> int:
        """Call a function; return its code."""
        function = self.function(name)
        return FUNCTION_NOT_FOUND if function is None else int(function(*words))

    def function(self, name: str) -> "Any":  # noqa: ANN401 - ctypes makes it
        """Return a function; None where this driver has none of that name."""
        return getattr(self._loaded, name, None)

    def explain(self, code: int) -> str:
        """Say in the library's words what a code means."""
        text: bytes | None = self._loaded.nvmlErrorString(code)
        return (text or b"").decode(errors="replace") or f"error {code}"

    def driver(self) -> str | None:
        """Return the driver's version."""
        return self.text("nvmlSystemGetDriverVersion")

    def text(self, name: str, *words: object) -> str | None:
        """Ask for a text."""
        room = ctypes.create_string_buffer(96)
        code = self.call(name, *words, room, c_uint(len(room)))
        return room.value.decode(errors="replace") if code == OK else None

    def count(self) -> int:
        """Return how many GPUs there are."""
        number = c_uint()
        code = self.call("nvmlDeviceGetCount_v2", byref(number))
        if code != OK:
            raise Unavailable(f"NVML: {self.explain(code)}")
        return number.value

    def device(self, index: int) -> tuple[c_void_p, int]:
        """Return the handle of a GPU, and the code."""
        handle = c_void_p()
        return handle, self.call("nvmlDeviceGetHandleByIndex_v2", c_uint(index), byref(handle))
