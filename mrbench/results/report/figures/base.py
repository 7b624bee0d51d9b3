"""What figures are made of: traces and layouts as plotly.js takes them, legends, tables.

Colours are numbers into the page's palettes (`meta.c`), one for light and one for dark. Each comes
with a dash, a marker or a pattern, so that nobody needs to tell colours apart: `style_of` numbers
pairs of colour and dash, no two alike. `meta.g` is the entry of the legend that shows and hides a
trace.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from mrbench.text import printable

Json = dict[str, object]  # as plotly.js takes it
COLOURS = 8
STYLES = COLOURS * COLOURS  # pairs of a colour and a dash
TEXT = "text"  # the colour of text, where a mark has no series of its own
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot", "5px 2px", "2px 2px 8px")
SYMBOLS = (
    "circle", "square", "diamond", "triangle-up", "x", "cross", "star", "triangle-down",
)  # fmt: skip
PATTERNS = ("", "/", "", "x", "-", "\\", "", "|")
HOLLOW = (2, 6)  # colours whose bars are outlines
LONGEST = 48  # characters of a name in a figure
FEW = 40  # points that each get a marker; more would hide the line


class Numbers(msgspec.Struct, frozen=True, kw_only=True):
    """The figure's numbers: words of the head, and rows of words, the first of which is a head."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


class LegendEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of a legend. style: of a line; of bars and markers the colour."""

    key: str
    label: str
    style: int | str
    kind: str = "line"  # or bar, circle, diamond


class RowLabel(NamedTuple):
    """A row of a bar chart: its name, the value to print, and where the marks of its row end."""

    name: str
    value: str
    end: float


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One figure of the page. missing: what is not shown in it, and why.

    bars: labels of the rows of a bar chart; the page places them by its width.
    """

    key: str
    title: str
    caption: str
    height_px: int
    traces: Sequence[Json]
    layout: Json
    legend: Sequence[LegendEntry] = ()
    table: Numbers
    missing: Sequence[str] = ()
    bars: Sequence[RowLabel] = ()

    def spec(self, arrays: dict[tuple[object, ...], int]) -> Json:
        """Return what the page's script draws it from; a trace has the number of its x in `arrays`.

        Lines that share their x share that number.
        """
        return {
            "title": self.title,
            "height": self.height_px,
            "traces": [trace | {"x": _place(trace["x"], arrays)} for trace in self.traces],
            "layout": self.layout,
            "legend": [_legend(entry) for entry in self.legend],
            "bars": [[plain(name), value, brief(end)] for name, value, end in self.bars],
        }


def _legend(entry: LegendEntry) -> Json:
    colour, dash = (entry.style, 0) if isinstance(entry.style, str) else style_of(entry.style)
    return {
        "key": entry.key,
        "label": entry.label,
        "colour": colour,
        "dash": DASHES[dash],
        "kind": entry.kind,
        "pattern": PATTERNS[dash],
        "hollow": entry.style in HOLLOW,
    }


def style_of(number: int) -> tuple[int, int]:
    """Return the numbers of a colour and of a dash; no two numbers below STYLES share both."""
    colour = number % COLOURS
    return colour, (colour + number // COLOURS) % COLOURS


def _place(x: object, arrays: dict[tuple[object, ...], int]) -> int:
    return arrays.setdefault(tuple(x) if isinstance(x, list) else (), len(arrays))


def plain(text: object, longest: int = LONGEST) -> str:
    """Return a name as a figure may show it: plotly.js reads tags and entities in texts."""
    shown = printable(str(text))
    shown = shown if len(shown) <= longest else f"{shown[: longest - 1]}\u2026"
    return shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def brief(value: float | None) -> float | None:
    """Return a number with the five digits that a figure can show."""
    if value is None:
        return None
    short = float(f"{value:.5g}")
    return int(short) if short.is_integer() else short


def line(
    x: Sequence[float | None],
    y: Sequence[float | None],
    *,
    name: str,
    group: str,
    style: int,
    marked: bool = False,
    shape: Mapping[str, object] = {},
    **more: object,
) -> Json:
    """Return a line in one of the STYLES, with a marker at each point if it is `marked`.

    shape: keys of plotly's `line` that are other than usual; more: further keys of the trace.
    """
    colour, dash = style_of(style)
    trace: Json = {
        "type": "scatter",
        "mode": "lines+markers" if marked else "lines",
        "name": plain(name),
        "x": list(x),
        "y": list(y),
        "line": {"dash": DASHES[dash], "width": 1.8, **shape},
        "meta": {"c": colour, "g": group},
    }
    if marked:
        trace["marker"] = {"symbol": SYMBOLS[dash], "size": 6}
    return trace | more


def bars(
    x: Sequence[float | None],
    y: Sequence[int],
    *,
    name: str,
    group: str,
    colour: int,
    **more: object,
) -> Json:
    """Return bars that lie, one for each y; more: further keys of the trace."""
    return {
        "type": "bar",
        "orientation": "h",
        "name": plain(name),
        "x": list(x),
        "y": list(y),
        "width": 0.62,
        "marker": {"pattern": {"shape": PATTERNS[colour], "size": 6}},
        "meta": {"c": colour, "g": group, "hollow": colour in HOLLOW},
        **more,
    }


def value_axis(title: str) -> Json:
    """Return an axis that begins at zero."""
    return {"title": {"text": title}, "rangemode": "tozero", "automargin": True}


def window(first: float, last: float, groups: Sequence[str] = ()) -> Json:
    """Return the shade of a measured window; the page gives it its colour.

    groups: entries of the legend; where all of them are hidden, so is the shade.
    """
    return {
        "name": " ".join(groups),
        "type": "rect",
        "xref": "x",
        "yref": "paper",
        "x0": first,
        "x1": last,
        "y0": 0,
        "y1": 1,
        "layer": "below",
        "line": {"width": 0},
    }


def show(value: float | None, form: str = ".3f", unit: str = "") -> str:
    """Return a number for a table; a dash where there is none."""
    return "\u2013" if value is None else f"{value:{form}}{unit}"


def downsample(x: Sequence[float], y: Sequence[float | None], most: int) -> list[int]:
    """Return which points to draw, in order: all, or about `most` of them.

    Of each of most / 2 stretches of equally many points, the lowest and the highest stay, and one
    gap (a y of None) if there is any; the first and the last point stay in any case. x and y are
    equally long. At most 3 / 2 * most + 2 indices.
    """
    total = min(len(x), len(y))
    if total <= most:
        return list(range(total))
    stretches = max(1, most // 2)
    kept = {0, total - 1}
    for i in range(stretches):
        part = range(i * total // stretches, (i + 1) * total // stretches)
        known = [(value, k) for k in part if (value := y[k]) is not None]
        if known:
            kept |= {min(known)[1], max(known)[1]}
        if len(known) < len(part):
            kept.add(next(k for k in part if y[k] is None))
    return sorted(kept)
