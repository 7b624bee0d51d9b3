"""The drawings of the pages, as SVG; the same bytes each time."""

import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean

ACCURACY = Path(__file__).parents[1] / "accuracy.txt"  # what tests/bench/accuracy.py printed
WAYS = {  # column of that table: what a reader of the log did
    "last": "last line of the window",
    "mean of rates": "mean of the rates",
    "mean of times": "mean of the times",
    "medians": "mean of the medians",
    "time stamps": "printed time stamps",
    "mrbench": "mrbench",
}
WIDTH = 520  # so narrow that texts can be read on a phone
INK, SOFT, FRAME = "#222222", "#666666", "#d8d8d8"
BLUE, ORANGE, GREEN, SHADE = "#2364aa", "#d1495b", "#2e7d4f", "#e8f0fa"
FIRST, LAST, ITERATIONS = 100, 500, 540
IMAGES = 16


def errors() -> str:
    """Draw the worst error of each way to read a log, a dot for each log format."""
    table = _worst_errors()
    left, right, top, row = 182, WIDTH - 30, 44, 36
    height = top + row * len(WAYS) + 52
    low, high = -3.0, 2.0  # powers of ten, percent

    def x(percent: float) -> float:
        return left + (math.log10(max(percent, 10**low)) - low) / (high - low) * (right - left)

    parts = [_text(14, 22, "worst error in the images per second, one dot a log format", SOFT)]
    bottom = top + row * len(WAYS)
    for power in range(int(low), int(high) + 1):
        label = "&lt; 0.001 %" if power == low else f"{10.0**power:g} %"
        parts += [
            _line([(x(10.0**power), top), (x(10.0**power), bottom)], FRAME, 1),
            _text(x(10.0**power), bottom + 20, label, SOFT, anchor="middle", size=12),
        ]
    for i, (column, label) in enumerate(WAYS.items()):
        y = top + row * (i + 0.5)
        colour = GREEN if column == "mrbench" else ORANGE
        parts.append(_text(left - 12, y + 5, label, INK, anchor="end"))
        parts += [_dot(x(value), y, colour) for value in table[column]]
    parts.append(_text(left, height - 8, "logarithmic scale; simulated trainings", SOFT, size=12))
    return _svg(height, parts, "Worst errors of naive ways to read a log, and of mrbench")


def _worst_errors() -> Mapping[str, Sequence[float]]:
    """Return the worst error in percent by way and log format; a format may lack a way."""
    lines = ACCURACY.read_text().splitlines()
    names = next(name for name in lines if name.startswith(" "))
    width = 16
    columns = [names[24 + width * i : 24 + width * (i + 1)].strip() for i in range(8)]
    found: dict[str, list[float]] = {name: [] for name in WAYS}
    for line in lines[lines.index(names) + 1 :]:
        if line.startswith("-"):
            continue
        for i, column in enumerate(columns):
            text = line[24 + width * i : 24 + width * (i + 1)].strip()
            if column in found and "/" in text:
                found[column].append(float(text.partition("/")[2].rstrip("!")))
    return found


def window() -> str:
    """Draw a training, the window, and what a running mean shows of it."""
    seconds = _training()
    left, right, top, bottom, height = 64, WIDTH - 20, 40, 250, 310

    def x(iteration: float) -> float:
        return left + iteration / ITERATIONS * (right - left)

    def y(rate: float) -> float:
        return bottom - (rate - 20) / 50 * (bottom - top)

    rates = [IMAGES / fmean(seconds[i - 20 : i]) for i in range(20, ITERATIONS + 1, 20)]
    means = [IMAGES / fmean(seconds[2:i]) for i in range(20, ITERATIONS + 1, 20)]
    marks = list(range(20, ITERATIONS + 1, 20))
    truth = IMAGES * (LAST - FIRST) / sum(seconds[FIRST:LAST])
    parts = [
        (
            f'<rect x="{x(FIRST):.1f}" y="{top}" width="{x(LAST) - x(FIRST):.1f}"'
            f' height="{bottom - top}" fill="{SHADE}"/>'
        ),
        _text(x((FIRST + LAST) / 2), top + 18, "window: iterations 101 to 500", SOFT, "middle"),
    ]
    for rate in (20, 30, 40, 50, 60, 70):
        parts += [
            _line([(left, y(rate)), (right, y(rate))], FRAME, 1),
            _text(left - 8, y(rate) + 4, str(rate), SOFT, anchor="end", size=12),
        ]
    for iteration in range(0, ITERATIONS, 100):
        parts.append(_text(x(iteration), bottom + 18, str(iteration), SOFT, "middle", 12))
    parts += [
        _text(left, 22, "images per second", SOFT),
        _text(right, bottom + 36, "iteration", SOFT, anchor="end", size=12),
        _line([(x(i), y(r)) for i, r in zip(marks, rates, strict=True)], BLUE, 1.8),
        _line([(x(i), y(r)) for i, r in zip(marks, means, strict=True)], ORANGE, 2.2),
        _line([(x(FIRST), y(truth)), (x(LAST), y(truth))], GREEN, 2.2, dashes="7 4"),
    ]
    last = means[marks.index(LAST)]
    legend = [
        (BLUE, "what happened: 20 iterations each"),
        (ORANGE, f"what the log prints: mean since the start; {last:.1f} in the last line"),
        (GREEN, f"total images / total seconds of the window: {truth:.1f}"),
    ]
    parts += list(_legend(legend, left, bottom + 50))
    return _svg(height + 34, parts, "A training, its window and the running mean that a log prints")


def clocks() -> str:
    """Draw the two clocks of one window, with an evaluation that the log's figures leave out."""
    left, height = 120, 210
    spans = [58.0] * 5
    pause = 72.0
    parts: list[str] = []
    at = float(left)
    for i, span in enumerate(spans):
        if i == 3:  # noqa: PLR2004 - the evaluation comes there
            parts.append(_bar(at, 44, pause, ORANGE, "evaluation"))
            at += pause
        parts.append(_bar(at, 44, span, BLUE, "20 it."))
        at += span
        parts.append(_line([(at, 84), (at, 112)], INK, 1.4))
        parts.append(_dot(at, 116, INK))
    parts.append(_line([(left, 84), (left, 112)], INK, 1.4))
    parts.append(_dot(left, 116, INK))
    parts += [
        _text(left - 12, 68, "training", INK, anchor="end"),
        _text(left - 12, 121, "arrival clock", INK, anchor="end"),
        _text(left - 12, 163, "log's clock", INK, anchor="end"),
        _text(left, 28, "one line every 20 iterations", SOFT, size=12),
    ]
    at_log = float(left)
    for span in spans:
        parts.append(_bar(at_log, 142, span, GREEN, "time:"))
        at_log += span
    ratio = (sum(spans) + pause) / sum(spans)
    parts.append(
        _text(
            left,
            height - 8,
            f"arrival / log = {ratio:.2f}: the clocks disagree between lines 3 and 4",
            SOFT,
            size=12,
        )
    )
    return _svg(height, parts, "The arrival clock and the log's clock of one window")


def _training() -> Sequence[float]:
    """Return the seconds of each iteration: a warm-up, jitter, and a slower second half."""
    draw = random.Random(7)  # noqa: S311 - a drawing
    slow = 0.0
    seconds = []
    for i in range(ITERATIONS):
        slow = 0.9 * slow + draw.gauss(0, 0.012)
        base = IMAGES / 60 * (1 + 0.9 * math.exp(-i / 40)) * (1.06 if i >= 300 else 1.0)  # noqa: PLR2004 - where it slows down
        seconds.append(base * (1 + slow))
    seconds[0] += 4
    return seconds


def _legend(rows: Sequence[tuple[str, str]], x: float, y: float) -> Iterator[str]:
    for i, (colour, text) in enumerate(rows):
        at = y + 18 * i
        yield _line([(x, at - 4), (x + 22, at - 4)], colour, 3)
        yield _text(x + 30, at, text, INK, size=12)


def _bar(x: float, y: float, width: float, colour: str, label: str) -> str:
    place = f'x="{x + 1:.1f}" y="{y}" width="{width - 2:.1f}" height="34" rx="3"'
    box = f'<rect {place} fill="{colour}"/>'
    return box + _text(x + width / 2, y + 22, label, "#ffffff", "middle", 12)


def _dot(x: float, y: float, colour: str) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" fill="{colour}" fill-opacity="0.6"/>'


def _line(
    points: Sequence[tuple[float, float]], colour: str, width: float, dashes: str = ""
) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return (
        f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}"{dashed}/>'
    )


def _text(  # noqa: PLR0917 - many calls, in SVG's order
    x: float, y: float, text: str, colour: str, anchor: str = "start", size: int = 14
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}"'
        f' text-anchor="{anchor}">{text}</text>'
    )


def _svg(height: float, parts: Sequence[str], title: str) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}"'
        f' font-family="system-ui, sans-serif" role="img"><title>{title}</title>'
        f'<rect width="{WIDTH}" height="{height:.0f}" rx="8" fill="#ffffff"/>'
    )
    return "\n".join([head, *parts, "</svg>"]) + "\n"


FIGURES: Mapping[str, Callable[[], str]] = {"errors": errors, "window": window, "clocks": clocks}
