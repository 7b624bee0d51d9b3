"""What the newest line of a run's telemetry says of its GPUs."""

import json
import math
import time
from pathlib import Path
from typing import Any

from mrbench.model import noun

TAIL_BYTES = 1 << 16  # more than any line
STALE_S = 15.0  # older figures are not shown as if they were today's


@noun
class Gauge:
    """One GPU, now; None where nobody knows. utilisation is a share, 0 to 1."""

    index: int
    utilisation: float | None = None
    memory_used_bytes: float | None = None
    memory_total_bytes: float | None = None
    power_w: float | None = None
    power_limit_w: float | None = None
    temperature_c: float | None = None


def read(path: Path) -> tuple[Gauge, ...]:
    """Return the GPUs of the last whole line; none where that is not to be had.

    What does not change may stand in the file's first line only.
    """
    try:
        with path.open("rb") as file:
            header = file.readline(TAIL_BYTES)
            file.seek(max(0, file.seek(0, 2) - TAIL_BYTES))
            lines = [line for line in file.read().splitlines(keepends=True) if line[-1:] == b"\n"]
        if time.time() - path.stat().st_mtime > STALE_S or not lines:
            return ()
        fixed, told = _gpus(header), _gpus(lines[-1])
    except (OSError, ValueError):
        return ()
    by_uuid = {gpu.get("uuid"): gpu for gpu in fixed}
    return tuple(
        _gauge(place, by_uuid.get(gpu.get("uuid"), {}) | gpu) for place, gpu in enumerate(told)
    )


def _gpus(line: bytes) -> list[dict[str, Any]]:
    told = json.loads(line)
    gpus = told.get("gpus") if isinstance(told, dict) else None
    return [gpu for gpu in gpus if isinstance(gpu, dict)] if isinstance(gpus, list) else []


def _gauge(place: int, gpu: dict[str, Any]) -> Gauge:
    index, percent = gpu.get("index"), _number(gpu.get("utilisation_percent"))
    return Gauge(
        index=index if isinstance(index, int) else place,
        utilisation=_number(gpu.get("utilisation")) if percent is None else percent / 100,
        memory_used_bytes=_number(gpu.get("memory_used_bytes")),
        memory_total_bytes=_number(gpu.get("memory_total_bytes")),
        power_w=_number(gpu.get("power_w")),
        power_limit_w=_number(gpu.get("power_limit_w")),
        temperature_c=_number(gpu.get("temperature_c")),
    )


def _number(value: object) -> float | None:
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if plain and math.isfinite(value) else None  # type: ignore[arg-type]  # plain says it
