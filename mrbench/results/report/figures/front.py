"""Throughput over what it takes, memory or energy: which rows are on the Pareto front."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from mrbench.model.table import TableRow
from mrbench.model.work import one_of, rate_name
from mrbench.results import pareto
from mrbench.results.report.figures import base
from mrbench.results.report.figures.ranking import ranked
from mrbench.results.report.gather import Chapter

GIB = 1 << 30
FEW = 12  # points that get labels; those of more would overlap


class _Kind(NamedTuple):
    """What becomes of rows: the entry of the legend, its colour and its symbol."""

    label: str
    colour: int
    symbol: str


ON, OFF = _Kind("on the front", 0, "diamond"), _Kind("others", 1, "circle")


def figures(chapter: Chapter, key: str) -> list[base.Figure]:
    """Return a figure for memory and one for energy; none for what no two rows may share."""
    rows = [row for row in ranked(chapter) if row.pareto is not None]
    costs: Mapping[str, str] = {**pareto.MEMORIES, **pareto.ENERGIES}
    shown = (cost for cost in costs if any(row.pareto and cost in row.pareto for row in rows))
    return [_figure(rows, cost, costs[cost], f"{key}-{cost}") for cost in shown]


def _figure(rows: Sequence[TableRow], cost: str, words: str, key: str) -> base.Figure:
    known = [(row, value) for row in rows if (value := _cost(row, cost)) is not None]
    unit = rows[0].unit
    title = f"joules per {one_of(unit)}" if cost in pareto.ENERGIES else f"{words} (GiB)"
    kinds = {ON: [p for p in known if _is_on(p[0], cost)]}
    kinds[OFF] = [pair for pair in known if pair not in kinds[ON]]
    few = len(known) <= FEW
    values = [value for _, value in known]
    middle = (min(values) + max(values)) / 2
    return base.Figure(
        key=key,
        title=f"Throughput against {words}",
        caption=(
            f"{unit.capitalize()} per second over {title}. Diamonds are on the Pareto front: no"
            " other row that they may be compared with, or of their grid, is at least as fast with"
            " no more of it."
        ),
        height_px=400,
        traces=[
            _points(kind, points, middle, labelled=few) for kind, points in kinds.items() if points
        ],
        layout={
            "xaxis": {"title": {"text": title}, "automargin": True},
            "yaxis": base.value_axis(f"{unit} per second"),
        },
        legend=[
            base.LegendEntry(key=kind.symbol, label=kind.label, style=kind.colour, kind=kind.symbol)
            for kind, points in kinds.items()
            if points
        ],
        table=base.Numbers(
            head=("Row", rate_name(unit), title, "on the front"),
            rows=[
                (
                    row.name,
                    base.show(row.throughput),
                    base.show(value, ".4g"),
                    "yes" if _is_on(row, cost) else "no",
                )
                for row, value in known
            ],
        ),
    )


def _cost(row: TableRow, cost: str) -> float | None:
    value: float | None = getattr(row, cost)
    return value if value is None or cost in pareto.ENERGIES else value / GIB


def _is_on(row: TableRow, cost: str) -> bool:
    return row.pareto is not None and cost in row.pareto


def _points(
    kind: _Kind, points: Sequence[tuple[TableRow, float]], middle: float, *, labelled: bool
) -> base.Json:
    """Return the points of a kind; their names stand towards the figure's middle."""
    names = [base.plain(row.name) for row, _ in points]
    return {
        "type": "scatter",
        "mode": "markers+text" if labelled else "markers",
        "name": kind.label,
        "x": [base.brief(value) for _, value in points],
        "y": [base.brief(row.throughput) for row, _ in points],
        "text": names,
        "textposition": [
            "middle left" if value > middle else "middle right" for _, value in points
        ],
        "cliponaxis": False,
        "marker": {"symbol": kind.symbol, "size": 9},
        "meta": {"c": kind.colour, "g": kind.symbol},
        "hovertemplate": "%{text}: %{y:.4g}, %{x:.4g}<extra></extra>",
    }
