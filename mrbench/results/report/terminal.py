"""The essentials of one run in a terminal: throughput over iterations, and how busy its GPUs were.

Drawn by plotext, which needs nothing else; what it prints has no colour, so that pipes, papers and
terminals without any show the same.
"""

import math
import textwrap
from collections.abc import Sequence

from mrbench.errors import UnavailableError
from mrbench.model.record import RunRecord
from mrbench.model.work import Unit
from mrbench.record.archive import Opened
from mrbench.results.report.figures.base import downsample
from mrbench.results.report.iterations import Curve, read_curve
from mrbench.results.report.machine import GPU, TimeSeries, read_activity

NARROWEST, WIDEST = 40, 160  # columns
ROWS = 15
MOST = 400  # points; a terminal has fewer dots in a line


def draw(run: Opened, record: RunRecord, columns: int, *, utf8: bool) -> str:
    """Return the plots, at most `columns` wide. UnavailableError where plotext is missing."""
    width = max(NARROWEST, min(WIDEST, columns))
    curve = read_curve(run, record)
    parts = [_throughput(curve, record.plan.unit, width, utf8=utf8)]
    activity = read_activity(run.folder, record, curve)
    busy = [line for line in activity.lines if line.panel == GPU[0][1]]
    if busy:
        parts.append(_utilisation(busy, width, utf8=utf8))
    return "\n\n".join(parts)


def _throughput(curve: Curve, unit: Unit, width: int, *, utf8: bool) -> str:
    known = [(p.last, p.throughput) for p in curve.pieces if p.throughput]
    if not known:
        return f"Nothing to draw: {curve.problem or 'the log tells no throughput'}"
    marks = curve.window or ()
    where = f"; |: window, iterations {marks[0] + 1} to {marks[1]}" if marks else ""
    title = f"{unit.capitalize()} per second over iterations{where}"
    return _plot(title, known, marks, width, utf8=utf8)


def _utilisation(lines: Sequence[TimeSeries], width: int, *, utf8: bool) -> str:
    """Draw the mean of all GPUs at each sample, and say how idle the idlest was."""
    by_second: dict[float, list[float]] = {}
    for line in lines:
        for second, value in zip(line.seconds, line.values, strict=True):
            if value is not None:
                by_second.setdefault(second, []).append(value)
    points = [(second, sum(v) / len(v)) for second, v in sorted(by_second.items())]
    count = len({line.name for line in lines})
    what = f"mean of {count} GPUs" if count > 1 else lines[0].name
    title = f"Utilisation in % over seconds, {what}"
    return _plot(title, points, (), width, utf8=utf8, top=100)


def _plot(
    title: str,
    points: Sequence[tuple[float, float]],
    marks: Sequence[float],
    width: int,
    *,
    utf8: bool,
    top: float | None = None,
) -> str:
    try:
        import plotext  # noqa: PLC0415 - 90 ms, optional: only --plot needs it
    except ImportError as exc:
        raise UnavailableError("--plot needs plotext: pip install 'mrbench[report]'") from exc
    kept = downsample([x for x, _ in points], [y for _, y in points], MOST)
    x, y = [points[i][0] for i in kept], [points[i][1] for i in kept]
    figure = plotext.figure
    figure.clear()
    figure.theme("colorless")
    figure.plot_size(width, ROWS)
    signal = figure.signal(x, y, marker="braille" if utf8 else "*")
    signal.lines()
    figure.draw(signal)
    for mark in marks:
        figure.line(mark, "vertical")
    figure.ruler("y").lim(0, top or max(y) * 1.05)
    ticks = _ticks(min(x), max(x), width)
    figure.ruler("x").ticks(ticks, [f"{tick:g}" for tick in ticks])
    drawn = plotext.uncolorize(str(figure.build()))
    if not utf8:
        drawn = drawn.translate(str.maketrans(FRAME))
    head = textwrap.wrap(title, width)
    return "\n".join(line.rstrip() for line in (*head, *drawn.splitlines()))


def _ticks(least: float, most: float, width: int) -> list[float]:
    """Return round numbers of an axis, as many as there is room for."""
    step = 1.0
    for step in (factor * 10**power for power in range(-3, 12) for factor in (1, 2, 5)):
        if (most - least) / step <= width / 12:
            break
    first = math.ceil(least / step)
    return [round(i * step, 3) for i in range(first, math.floor(most / step) + 1)]


FRAME = {
    "\u2500": "-", "\u2502": "|", "\u250c": "+", "\u2510": "+", "\u2514": "+", "\u2518": "+",
    "\u251c": "+", "\u2524": "+", "\u252c": "+", "\u2534": "+", "\u253c": "+",
}  # fmt: skip
