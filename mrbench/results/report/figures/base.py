"""What figures are made of: traces and layouts as plotly.js takes them, legends, tables.

Colours are numbers into the page's palettes (`meta.c`), one for light and one for dark; each colour
comes with a dash, a marker and a pattern of its own, so that none of them is needed. `meta.g` is
the entry of the legend that shows and hides a trace.
"""

from collections.abc import Mapping, Sequence

import msgspec

from mrbench.text import printable

Json = dict[str, object]  # as plotly.js takes it
COLOURS = 8
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
    """One entry of a legend."""

    key: str
    label: str
    colour: int
    kind: str = "line"  # or bar, marker
    dash: str | None = None  # instead of the colour's own


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One figure of the page. missing: what is not in it, and why."""

    key: str
    title: str
    caption: str
    height_px: int
    traces: Sequence[Json]
    layout: Json
    legend: Sequence[LegendEntry] = ()
    table: Numbers
    missing: Sequence[str] = ()

    def spec(self, arrays: dict[tuple[object, ...], int]) -> Json:
        """Return what the page's script draws it from; a trace has the number of its x in `arrays`.

        Lines that share their x share that number.
        """
        return {
            "title": self.title,
            "height": self.height_px,
            "traces": [trace | {"x": _place(trace["x"], arrays)} for trace in self.traces],
            "layout": self.layout,
            "legend": [
                {
                    "key": entry.key,
                    "label": entry.label,
                    "colour": entry.colour % COLOURS,
                    "dash": entry.dash or DASHES[entry.colour % len(DASHES)],
                    "kind": entry.kind,
                    "pattern": PATTERNS[entry.colour % len(PATTERNS)],
                    "hollow": entry.colour in HOLLOW,
                }
                for entry in self.legend
            ],
        }


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
    colour: int,
    marked: bool = False,
    style: Mapping[str, object] = {},
    **more: object,
) -> Json:
    """Return a line, with a marker at each point if it is `marked`.

    style: keys of plotly's `line` that are other than usual; more: further keys of the trace.
    """
    trace: Json = {
        "type": "scatter",
        "mode": "lines+markers" if marked else "lines",
        "name": plain(name),
        "x": list(x),
        "y": list(y),
        "line": {"dash": DASHES[colour % len(DASHES)], "width": 1.8, **style},
        "meta": {"c": colour % COLOURS, "g": group},
    }
    if marked:
        trace["marker"] = {"symbol": SYMBOLS[colour % len(SYMBOLS)], "size": 6}
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
        "marker": {"pattern": {"shape": PATTERNS[colour % len(PATTERNS)], "size": 6}},
        "meta": {"c": colour % COLOURS, "g": group, "hollow": colour in HOLLOW},
        **more,
    }


def rows_axis(labels: Sequence[str]) -> Json:
    """Return a vertical axis with a name for each of 0, 1, 2 ..., from the top down."""
    return {
        "tickvals": list(range(len(labels))),
        "ticktext": [plain(label, 28) for label in labels],
        "range": [len(labels) - 0.4, -0.6],
        "automargin": True,
        "showgrid": False,
        "zeroline": False,
        "fixedrange": True,
    }


def value_axis(title: str) -> Json:
    """Return an axis that begins at zero."""
    return {"title": {"text": title}, "rangemode": "tozero", "automargin": True}


def window(first: float, last: float) -> Json:
    """Return the shade of the measured window; the page gives it its colour."""
    return {
        "name": "window",
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
