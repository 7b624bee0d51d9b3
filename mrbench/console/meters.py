"""What a run's GPUs do now, by its telemetry's newest line, and bars of it.

Bars are of anything that has a share: of a GPU utilisation, memory, power and temperature.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from msgspec import Struct
from rich.text import Text

from mrbench.errors import MrbenchError
from mrbench.files import decode
from mrbench.model.telemetry import GpuFacts, GpuSample, Header, TelemetrySample

TAIL_BYTES = 1 << 16  # more than any line
STALE_S = 15.0  # older figures are not shown as if they were today's
HOT_C, VERY_HOT_C = 80, 87  # GPUs slow down at about 83 to 90
FULL = 0.95
COOLEST_C, HOTTEST_C = 20, 100  # ends of the bar
LONGEST_BAR = 20
LEAST_BAR = 3
VALUE_CELLS = 9  # 76.2 GiB, 1234 W
GIB = 1 << 30


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


@dataclass(frozen=True, kw_only=True)
class Signs:
    """What bars and spinners are drawn with."""

    full: str
    empty: str
    degree: str
    spinner: str


UTF8 = Signs(
    full="\u2501", empty="\u2500", degree="\u00b0C", spinner="\u280b\u2819\u2838\u2834\u2826\u2807"
)
ASCII = Signs(full="#", empty="-", degree="C", spinner="|/-\\")


@dataclass(frozen=True, kw_only=True)
class Meter:
    """One value: its text, its share of what is possible (None: no bar), and a colour."""

    text: str
    share: float | None
    style: str


def bar(share: float, cells: int, signs: Signs, style: str) -> Text:
    """Return a bar; what is filled differs by its sign, not only by its colour."""
    filled = round(min(1.0, max(0.0, share)) * cells)
    return Text.assemble((signs.full * filled, style), (signs.empty * (cells - filled), "dim"))


def gpu_lines(gauges: Sequence[Gauge], columns: int, rows: int, signs: Signs) -> list[Text]:
    """Return a line per GPU or, where there is no room for all of them, one for all."""
    if not gauges or rows < 1:
        return []
    if len(gauges) <= rows:
        label = max(len(f"GPU {gauge.index}") for gauge in gauges)
        return [
            _line(f"GPU {gauge.index}".ljust(label), _meters(gauge, signs), columns, signs)
            for gauge in gauges
        ]
    return [_line(f"{len(gauges)} GPUs", _meters(_of_all(gauges), signs), columns, signs)]


def _line(label: str, meters: Sequence[Meter], columns: int, signs: Signs) -> Text:
    """Lay out four meters, with bars where there is room: for all of them, the first, or none."""
    room = columns - len(label) - len(meters) * (VALUE_CELLS + 2)
    width = min(LONGEST_BAR, room // len(meters) - 1)
    if width >= LEAST_BAR:
        cells = [_cell(meter, width, signs).append(" " * _short(meter)) for meter in meters]
        return _joined([Text(label), *cells], "  ", columns)
    left = columns - len(label) - sum(len(meter.text) + 2 for meter in meters)
    first, *others = meters
    cells = [_cell(first, min(LONGEST_BAR, left - 1), signs), *(_cell(m, 0, signs) for m in others)]
    return _joined([Text(label), *cells], "  " if left >= 0 else " ", columns)


def _cell(meter: Meter, width: int, signs: Signs) -> Text:
    """Return bar and value; no bar where it would be too short, blanks where nobody knows it."""
    text = Text(meter.text, meter.style)
    if width < LEAST_BAR:
        return text
    if meter.share is None:
        return Text(" " * (width + 1)).append_text(text)
    return bar(meter.share, width, signs, meter.style).append(" ").append_text(text)


def _short(meter: Meter) -> int:
    return max(0, VALUE_CELLS - len(meter.text))


def _joined(cells: Sequence[Text], separator: str, columns: int) -> Text:
    text = Text(separator).join(cells)
    text.rstrip()
    text.truncate(columns)
    return text


def _meters(gauge: Gauge, signs: Signs) -> tuple[Meter, ...]:
    used, heat_c = gauge.memory_used_bytes, gauge.temperature_c
    memory = _share(used, gauge.memory_total_bytes)
    power = _share(gauge.power_w, gauge.power_limit_w)
    heat = None if heat_c is None else (heat_c - COOLEST_C) / (HOTTEST_C - COOLEST_C)
    fill = "yellow" if memory is not None and memory >= FULL else "cyan"
    hot = heat_c or COOLEST_C
    warmth = "red" if hot >= VERY_HOT_C else "yellow" if hot >= HOT_C else "blue"
    share, gib = gauge.utilisation, None if used is None else used / GIB
    return (
        Meter(text=f"util {_figure(share, '.0%')}", share=share, style="green"),
        Meter(text=f"{_figure(gib, '.1f')} GiB", share=memory, style=fill),
        Meter(text=f"{_figure(gauge.power_w, '.0f')} W", share=power, style="magenta"),
        Meter(text=f"{_figure(heat_c, '.0f')} {signs.degree}", share=heat, style=warmth),
    )


def _figure(value: float | None, form: str) -> str:
    return "-" if value is None else f"{value:{form}}"


def _share(used: float | None, most: float | None) -> float | None:
    return used / most if used is not None and most else None


def _of_all(gauges: Sequence[Gauge]) -> Gauge:
    """Mean utilisation, summed memory and power, and the hottest; of those that tell."""
    used = [gauge.utilisation for gauge in gauges if gauge.utilisation is not None]
    heat = [gauge.temperature_c for gauge in gauges if gauge.temperature_c is not None]
    return Gauge(
        index=0,
        utilisation=sum(used) / len(used) if used else None,
        memory_used_bytes=_sum([gauge.memory_used_bytes for gauge in gauges]),
        memory_total_bytes=_sum([gauge.memory_total_bytes for gauge in gauges]),
        power_w=_sum([gauge.power_w for gauge in gauges]),
        power_limit_w=_sum([gauge.power_limit_w for gauge in gauges]),
        temperature_c=max(heat, default=None),
    )


def _sum(values: Sequence[float | None]) -> float | None:
    """Return the sum; None where one is missing, for then it would be too small."""
    known = [value for value in values if value is not None]
    return sum(known) if known and len(known) == len(values) else None
