"""What the newest line of a run's telemetry says of its GPUs."""

import math
import time
from pathlib import Path

from msgspec import Struct

from mrbench.errors import MrbenchError
from mrbench.files import decode
from mrbench.model.telemetry import GpuFacts, GpuSample, Header, TelemetrySample

TAIL_BYTES = 1 << 16  # more than any line
STALE_S = 15.0  # older figures are not shown as if they were today's


class Gauge(Struct, frozen=True, kw_only=True):
    """One GPU, now; None where nobody knows. utilisation is a share, 0 to 1."""

    index: int
    utilisation: float | None = None
    memory_used_bytes: float | None = None
    memory_total_bytes: float | None = None
    power_w: float | None = None
    power_limit_w: float | None = None
    temperature_c: float | None = None


def read_gauges(path: Path, number: int) -> tuple[Gauge, ...]:
    """Return the run's GPUs, at most so many; none if they can't be had or are out of date."""
    try:
        with path.open("rb") as file:
            header = decode(file.readline(TAIL_BYTES), Header, str(path), line=1)
            file.seek(max(0, file.seek(0, 2) - TAIL_BYTES))
            lines = [line for line in file.read().splitlines(keepends=True) if line[-1:] == b"\n"]
        if time.time() - path.stat().st_mtime > STALE_S:
            return ()
    except (OSError, MrbenchError):
        return ()
    now = next((gpus for line in reversed(lines) if (gpus := _gpus(line, path))), None)
    if now is None:
        return ()
    return tuple(
        _gauge(gpu, now.get(gpu.uuid or "", GpuSample())) for gpu in header.used_gpus(number)
    )


def _gpus(line: bytes, path: Path) -> dict[str, GpuSample] | None:
    try:
        return decode(line, TelemetrySample, str(path)).gpus
    except MrbenchError:  # a problem, the header or a piece of a line
        return None


def _gauge(gpu: GpuFacts, now: GpuSample) -> Gauge:
    percent = _finite(now.utilisation_percent)
    return Gauge(
        index=gpu.index,
        utilisation=None if percent is None else percent / 100,
        memory_used_bytes=now.memory_used_bytes,
        memory_total_bytes=gpu.memory_total_bytes,
        power_w=_finite(now.power_w),
        power_limit_w=_finite(gpu.power_limit_w),
        temperature_c=now.temperature_c,
    )


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
