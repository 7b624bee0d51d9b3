"""What the newest line of a run's telemetry says of its GPUs."""

import json
import math
import time
from pathlib import Path
from typing import Any

from mrbench.model.recipe import noun

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


def read(path: Path, wanted: int) -> tuple[Gauge, ...]:
    """Return the run's GPUs, `wanted` at most; none where they are not to be had.

    The first line lists the machine's GPUs, with what does not change, and what
    CUDA_VISIBLE_DEVICES said; of the others, the last that tells of GPUs by their UUID counts.
    """
    try:
        with path.open("rb") as file:
            header = json.loads(file.readline(TAIL_BYTES))
            file.seek(max(0, file.seek(0, 2) - TAIL_BYTES))
            lines = [line for line in file.read().splitlines(keepends=True) if line[-1:] == b"\n"]
        if time.time() - path.stat().st_mtime > STALE_S:
            return ()
    except (OSError, ValueError):
        return ()
    now = next((told for line in reversed(lines) if (told := _sample(line))), None)
    known = [gpu for gpu in _list(header, "gpus") if isinstance(gpu.get("uuid"), str)]
    if now is None:
        return ()
    used = _visible(known, _dict(header).get("visible"))[:wanted]
    return tuple(_gauge(gpu | _dict(now.get(gpu["uuid"]))) for gpu in used)


def _sample(line: bytes) -> dict[str, Any]:
    try:
        told = json.loads(line)
    except ValueError:
        return {}
    return _dict(_dict(told).get("gpus"))


def _visible(known: list[dict[str, Any]], visible: object) -> list[dict[str, Any]]:
    """Choose as CUDA does: by number or by the beginning of the UUID, in the order that is said."""
    if not isinstance(visible, str):
        return known
    words = [word.strip() for word in visible.split(",")]
    return [
        gpu
        for word in words
        for gpu in known
        if word == str(gpu.get("index"))
        or (word.startswith("GPU-") and gpu["uuid"].startswith(word))
    ]


def _list(told: object, key: str) -> list[dict[str, Any]]:
    found = _dict(told).get(key)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _dict(told: object) -> dict[str, Any]:
    return told if isinstance(told, dict) else {}


def _gauge(gpu: dict[str, Any]) -> Gauge:
    percent = _number(gpu.get("utilisation_percent"))
    index = gpu.get("index")
    return Gauge(
        index=index if isinstance(index, int) else -1,
        utilisation=None if percent is None else percent / 100,
        memory_used_bytes=_number(gpu.get("memory_used_bytes")),
        memory_total_bytes=_number(gpu.get("memory_total_bytes")),
        power_w=_number(gpu.get("power_w")),
        power_limit_w=_number(gpu.get("power_limit_w")),
        temperature_c=_number(gpu.get("temperature_c")),
    )


def _number(value: object) -> float | None:
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if plain and math.isfinite(value) else None  # type: ignore[arg-type]  # plain says it
