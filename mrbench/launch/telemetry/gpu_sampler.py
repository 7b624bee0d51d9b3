"""What every GPU of this machine does now; what one doesn't report is left out, never zero."""

from collections.abc import Callable
from typing import Any

from mrbench.launch import gpus
from mrbench.model.telemetry import GpuFacts, GpuSample

Note = Callable[[str], None]
Values = dict[str, float]
# codes of nvml.h
LOST = (15, 16)  # the GPU is lost, or must be reset
FOR_GOOD = (2, 3, 4, 13)  # invalid argument, not supported, no permission, function not found
FUNCTION_NOT_FOUND = 13
SM, MEMORY, CHIP = 1, 2, 0  # kinds of clocks, and the temperature of the chip
ALL_LINKS = 0xFFFFFFFF

# What is asked: functions, the newest first; arguments; what becomes of the answer.
READINGS: dict[str, tuple[tuple[str, ...], tuple[int, ...], Callable[[Any], Values]]] = {
    "utilisation": (
        ("UtilizationRates",),
        (),
        lambda v: {"utilisation_percent": v.gpu, "memory_utilisation_percent": v.memory},
    ),
    "memory": (("MemoryInfo",), (), lambda v: {"memory_used_bytes": v.used}),
    "power": (("PowerUsage",), (), lambda mw: {"power_w": mw / 1000}),
    "energy": (("TotalEnergyConsumption",), (), lambda mj: {"energy_j": mj / 1000}),
    "SM clock": (("ClockInfo",), (SM,), lambda mhz: {"sm_clock_mhz": mhz}),
    "memory clock": (("ClockInfo",), (MEMORY,), lambda mhz: {"memory_clock_mhz": mhz}),
    "temperature": (("Temperature",), (CHIP,), lambda c: {"temperature_c": c}),
    "throttle reasons": (
        ("CurrentClocksEventReasons", "CurrentClocksThrottleReasons"),
        (),
        lambda bits: {"slowed_bits": bits},
    ),
}
# field of nvmlDeviceGetFieldValues: its scope, and what its counter counts, in how many bytes
TRAFFIC = {
    138: (ALL_LINKS, "nvlink_sent_bytes", 1024),
    139: (ALL_LINKS, "nvlink_received_bytes", 1024),
    197: (0, "pcie_sent_bytes", 1),
    198: (0, "pcie_received_bytes", 1),
}
FIELDS = [(field, scope) for field, (scope, _, _) in TRAFFIC.items()]


class GpuSampler:
    """One GPU, asked each second. lost: whether it has fallen off the bus; it is asked no more."""

    def __init__(self, library: gpus.Nvml, index: int, note: Note) -> None:
        self._nvml, self.index, self._note = library, index, note
        self.lost = False
        self.uuid: str | None = None
        self.name: str | None = None
        self._noted: set[tuple[str, int]] = set()
        self._readings = dict(READINGS)
        self._has_processes = self._has_traffic = True
        try:
            self._handle = library.nvmlDeviceGetHandleByIndex(index)
        except library.NVMLError as exc:
            self._failed("handle", exc.value)
            self.lost = True
            return
        self.uuid, self.name = self._ask("UUID"), self._ask("Name")

    def facts(self) -> GpuFacts:
        """Return what does not change."""
        mig, memory, limit_mw = (
            None if self.lost else self._ask(name)
            for name in ("MigMode", "MemoryInfo", "EnforcedPowerLimit")
        )
        return GpuFacts(
            index=self.index,
            uuid=self.uuid,
            name=self.name,
            mig=None if mig is None else bool(mig[0]),
            memory_total_bytes=None if memory is None else memory.total,
            power_limit_w=None if limit_mw is None else limit_mw / 1000,
        )

    def sample(self) -> GpuSample:
        """Ask for all that changes; nothing is known about a GPU that is lost meanwhile."""
        values: Values = {}
        for what in list(self._readings):
            values |= self._read(what)
            if self.lost:
                return GpuSample()
        return GpuSample(**values, **self._traffic())  # type: ignore[arg-type] # by their names

    def _read(self, what: str) -> Values:
        """Ask for one thing; what can't be had for good is asked no more."""
        (name, *older), arguments, convert = self._readings[what]
        try:
            return convert(getattr(self._nvml, f"nvmlDeviceGet{name}")(self._handle, *arguments))
        except AttributeError:  # an old release of pynvml
            code = FUNCTION_NOT_FOUND
        except self._nvml.NVMLError as exc:
            code = exc.value
        if code == FUNCTION_NOT_FOUND and older:
            self._readings[what] = (tuple(older), arguments, convert)
            return self._read(what)
        if self._failed(what, code):
            del self._readings[what]
        return {}

    def processes(self) -> dict[int, int | None] | None:
        """Return the programs that compute on it, and their bytes of its memory."""
        if self.lost or not self._has_processes:
            return None
        try:
            return gpus.running(self._nvml, self._handle)
        except self._nvml.NVMLError as exc:
            self._has_processes = not self._failed("processes", exc.value)
            return None

    def _ask(self, name: str) -> Any:  # noqa: ANN401 - whatever NVML answers
        return gpus.ask(self._nvml, f"nvmlDeviceGet{name}", self._handle)

    def _failed(self, what: str, code: int) -> bool:
        """Note a failure, once; return whether it is for good."""
        why = str(self._nvml.NVMLError(code))
        if code in LOST:
            self.lost = True
            self._note(f"GPU {self.index} ({self.uuid}): {why}")
        elif code in FOR_GOOD:
            self._note(f"GPU {self.index} does not tell its {what}: {why}")
        elif (what, code) not in self._noted:
            self._noted.add((what, code))
            self._note(f"GPU {self.index} did not tell its {what} at times: {why}")
        return code in FOR_GOOD

    def _traffic(self) -> dict[str, int]:
        """Read counters only: nvmlDeviceGetPcieThroughput waits for 20 ms each time."""
        if not self._has_traffic:
            return {}
        rows = gpus.ask(self._nvml, "nvmlDeviceGetFieldValues", self._handle, FIELDS) or ()
        counted = {
            name: row.value.ullVal * unit_bytes
            for row, (_, name, unit_bytes) in zip(rows, TRAFFIC.values(), strict=False)
            if row.nvmlReturn == self._nvml.NVML_SUCCESS
        }
        self._has_traffic = bool(counted)
        return counted


def open_all(note: Note) -> tuple[list[GpuSampler], str | None]:
    """Return the GPUs and the driver's version. Raises gpus.Unavailable, which says why not."""
    library, driver = gpus.open_library()
    try:
        count = library.nvmlDeviceGetCount()
    except library.NVMLError as exc:
        raise gpus.Unavailable(gpus.reason(exc)) from exc
    return [GpuSampler(library, i, note) for i in range(count)], driver
