"""Scaling curves: images per second over the number of GPUs, beside what would be ideal."""

from collections.abc import Sequence

from mrbench.model.table import TableRow
from mrbench.results.report.figures.base import (  # fmt: skip
    Figure,
    Json,
    LegendEntry,
    Numbers,
    brief,
    line,
    plain,
    show,
    value_axis,
)
from mrbench.results.report.figures.ranking import error_bars, ranked
from mrbench.results.report.gather import Chapter

IDEAL = 6


def figure(chapter: Chapter, key: str) -> Figure | None:
    """Return the scaling series of a suite; None where there is none."""
    series: dict[tuple[str, ...], list[TableRow]] = {}
    for row in ranked(chapter):
        if row.scaling_efficiency is not None:
            part = (row.implementation, row.commit, row.window, row.scaling_from_gpus)
            series.setdefault(tuple(map(str, part)), []).append(row)
    curves = [sorted(rows, key=lambda row: row.gpus) for rows in series.values()]
    if not curves:
        return None
    traces: list[Json] = []
    legend: list[LegendEntry] = []
    for i, rows in enumerate(curves):
        colour = i if i < IDEAL else i + 1
        traces += [_ideal(rows, f"series{i}"), _curve(rows, f"series{i}", colour)]
        name = rows[0].implementation
        legend.append(LegendEntry(key=f"series{i}", label=name, colour=colour))
    counts = sorted({row.gpus for rows in curves for row in rows})
    unit = "GPUs" if curves[0][0].accelerator == "gpu" else "devices"
    return Figure(
        key=key,
        title="Scaling",
        caption=(
            f"Images per second over the number of {unit}, with 95 % intervals. Thin and grey: what"
            f" the fewest {unit} of the series would give, were each further one worth as much."
        ),
        height_px=360,
        traces=traces,
        layout={
            "xaxis": {"title": {"text": unit}, "rangemode": "tozero", "tickvals": counts},
            "yaxis": value_axis("images per second"),
        },
        legend=legend,
        table=Numbers(
            head=(
                *("Series", unit, "img/s", "low", "high", f"img/s per {unit[:-1]}"),
                *("efficiency", "from", "to"),
            ),
            rows=[
                (
                    row.implementation,
                    str(row.gpus),
                    show(row.images_per_second),
                    show(row.low_images_per_second),
                    show(row.high_images_per_second),
                    show(row.images_per_second_per_gpu),
                    show(row.scaling_efficiency, ".1%"),
                    show(row.low_scaling_efficiency, ".1%"),
                    show(row.high_scaling_efficiency, ".1%"),
                )
                for rows in curves
                for row in rows
            ],
            note=f"Efficiency: images per second per {unit[:-1]}, as a share of the fewest's; from,"
            " to: its 95 % interval, where both have two runs or more.",
        ),
    )


def _curve(rows: Sequence[TableRow], group: str, colour: int) -> Json:
    return line(
        [row.gpus for row in rows],
        [brief(row.images_per_second) for row in rows],
        name=rows[0].implementation,
        group=group,
        colour=colour,
        marked=True,
        error_y={**error_bars(rows), "width": 4},
        text=[f"{row.scaling_efficiency:.1%}" for row in rows],
        hovertemplate="%{x}: %{y:.4g} img/s, %{text} of ideal<extra>%{fullData.name}</extra>",
    )


def _ideal(rows: Sequence[TableRow], group: str) -> Json:
    each, counts = rows[0].images_per_second_per_gpu or 0.0, [row.gpus for row in rows]
    return {
        "type": "scatter",
        "mode": "lines",
        "name": f"{plain(rows[0].implementation)}, ideal",
        "x": [0, *counts],
        "y": [0, *(brief(each * count) for count in counts)],
        "line": {"width": 1, "dash": "dot"},
        "hoverinfo": "skip",
        "meta": {"c": IDEAL, "g": group},
    }
