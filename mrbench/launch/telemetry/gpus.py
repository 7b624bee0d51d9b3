"""What every GPU of this machine does now; what one cannot tell is left out, never zero."""

from ctypes import byref, c_uint

from mrbench.launch.telemetry import nvml

TYPE_CHECKING = False  # see nvml
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Values = dict[str, Any]
    Note = Callable[[str], None]

UNKNOWN_BYTES = 0xFFFFFFFFFFFFFFFF  # where a process's memory cannot be told


class Gpu:
    """One GPU. missing: what it cannot tell, and why; lost: whether it has fallen off the bus."""

    def __init__(self, library: nvml.Library, index: int, note: "Note") -> None:
        self._library, self.index, self._note = library, index, note
        self.missing: dict[str, str] = {}
        self.lost = False
        self._said: set[tuple[str, int]] = set()
        self._handle, code = library.device(index)
        self.uuid = library.text("nvmlDeviceGetUUID", self._handle) if code == nvml.OK else None
        self.name = library.text("nvmlDeviceGetName", self._handle) if code == nvml.OK else None
        self._list: Any = None
        self._room: Any = ()
        self._traffic: Any = None
        self._asked: dict[str, tuple[Any, tuple[Any, ...], Any, Any]] = {}
        if code != nvml.OK:
            self._failed("handle", code)
            self.lost = True
            return
        for what, (names, words, answer, told) in nvml.READINGS.items():
            functions = [library.function(f"nvmlDevice{name}") for name in names]
            function = next((f for f in functions if f is not None), None)
            if function is None:
                self._failed(what, nvml.FUNCTION_NOT_FOUND)
                continue
            room = answer()
            arguments = (self._handle, *map(c_uint, words), byref(room))
            self._asked[what] = (function, arguments, room, told)
        self._open_processes()
        self._open_traffic()

    def facts(self) -> "Values":
        """Return what does not change."""
        now, later = c_uint(), c_uint()
        code = self._library.call("nvmlDeviceGetMigMode", self._handle, byref(now), byref(later))
        mig = bool(now.value) if code == nvml.OK else None
        memory, limit_mw = nvml.Memory(), c_uint()
        has_memory = self._library.call("nvmlDeviceGetMemoryInfo", self._handle, byref(memory))
        has_limit = self._library.call(
            "nvmlDeviceGetEnforcedPowerLimit", self._handle, byref(limit_mw)
        )
        return {
            "index": self.index,
            "uuid": self.uuid,
            "name": self.name,
            "mig": mig,
            "memory_total_bytes": memory.total if has_memory == nvml.OK else None,
            "power_limit_w": limit_mw.value / 1000 if has_limit == nvml.OK else None,
        }

    def sample(self) -> "Values":
        """Ask for all that changes; a lost GPU is asked no more."""
        values: Values = {}
        if self.lost:
            return values
        for what, (function, arguments, room, told) in list(self._asked.items()):
            code = function(*arguments)
            if code == nvml.OK:
                values.update(told(room))
            elif self._failed(what, code):
                del self._asked[what]
            if self.lost:
                return {}
        if self._traffic is not None:
            values.update(self._count_traffic())
        return values

    def processes(self) -> "dict[int, int | None] | None":
        """Return the programs that compute on it, and their bytes of its memory."""
        if self.lost or self._list is None:
            return None
        number = c_uint(len(self._room))
        code = self._list(self._handle, byref(number), self._room)
        if code != nvml.OK:
            if self._failed("processes", code):
                self._list = None
            return None
        return {
            p.pid: None if p.memory_bytes == UNKNOWN_BYTES else p.memory_bytes
            for p in self._room[: number.value]
        }

    def _failed(self, what: str, code: int) -> bool:
        """Note a failure, once; return whether it is for good."""
        why = self._library.explain(code)
        if code in nvml.LOST:
            self.lost = True
            self._note(f"GPU {self.index} ({self.uuid}): {why}")
        elif code in nvml.FOR_GOOD:
            self.missing[what] = why
            self._note(f"GPU {self.index} does not tell its {what}: {why}")
        elif (what, code) not in self._said:
            self._said.add((what, code))
            self._note(f"GPU {self.index} did not tell its {what} at times: {why}")
        return code in nvml.FOR_GOOD

    def _open_processes(self) -> None:
        for name, kind in nvml.PROCESSES.items():
            function = self._library.function(f"nvmlDevice{name}")
            if function is not None:
                self._list, self._room = function, (kind * nvml.MOST_PROCESSES)()
                return
        self._failed("processes", nvml.FUNCTION_NOT_FOUND)

    def _open_traffic(self) -> None:
        """Ask by counters only: nvmlDeviceGetPcieThroughput waits for 20 ms each time."""
        self._traffic = self._library.function("nvmlDeviceGetFieldValues")
        self._fields = (nvml.FieldValue * len(nvml.TRAFFIC))()
        for room, (field, (scope, _, _)) in zip(self._fields, nvml.TRAFFIC.items(), strict=True):
            room.field, room.scope = field, scope

    def _count_traffic(self) -> "Values":
        if self._traffic(self._handle, len(self._fields), self._fields) != nvml.OK:
            self._traffic = None
            return {}
        told = {
            nvml.TRAFFIC[room.field][1]: room.value * nvml.TRAFFIC[room.field][2]
            for room in self._fields
            if room.code == nvml.OK
        }
        if not told:
            self._traffic = None
        return told


def open_all(note: "Note") -> tuple[list[Gpu], str | None]:
    """Return the GPUs and the driver's version; nvml.Unavailable says why there is none."""
    library = nvml.Library()
    return [Gpu(library, i, note) for i in range(library.count())], library.driver()
