"""Scaling curves: throughput over the number of GPUs, beside what would be ideal."""

from collections.abc import Sequence

from mrbench.model.table import TableRow
from mrbench.model.work import rate_name
from mrbench.results.names import COMMIT
from mrbench.results.report.figures import base
from mrbench.results.report.figures.ranking import error_bars, ranked
from mrbench.results.report.gather import Chapter

FEW = 3  # series that get labels; those of more would overlap


def figure(chapter: Chapter, key: str) -> base.Figure | None:
    """Return the scaling series of a suite; None where there is none."""
    series: dict[tuple[str, ...], list[TableRow]] = {}
    for row in ranked(chapter):
        if row.scaling_efficiency is not None:
            part = (row.implementation, row.commit, row.window, row.scaling_from_gpus)
            series.setdefault(tuple(map(str, part)), []).append(row)
    curves = [sorted(rows, key=lambda row: row.gpus) for rows in series.values()]
    if not curves:
        return None
    names = _names(curves)
    traces: list[base.Json] = []
    legend: list[base.LegendEntry] = []
    for i, rows in enumerate(curves):
        traces += [
            _ideal(rows, f"series{i}"),
            _curve(rows, names[i], i, labelled=len(curves) <= FEW),
        ]
        legend.append(base.LegendEntry(key=f"series{i}", label=names[i], style=i))
    efficiency = "Labels:" if len(curves) <= FEW else "In the numbers of this figure:"
    counts = sorted({row.gpus for rows in curves for row in rows})
    work, rate = curves[0][0].unit, rate_name(curves[0][0].unit)
    unit = "GPUs" if curves[0][0].accelerator == "gpu" else "devices"
    return base.Figure(
        key=key,
        title="Scaling",
        caption=(
            f"{work.capitalize()} per second over the number of {unit}, with 95 % intervals."
            f" {efficiency} scaling efficiency. Thin and grey: proportional scaling from the fewest"
            f" {unit} of the series."
        ),
        height_px=360,
        traces=traces,
        layout={
            "xaxis": {"title": {"text": unit}, "rangemode": "tozero", "tickvals": counts},
            "yaxis": base.value_axis(f"{work} per second"),
        },
        legend=legend,
        table=base.Numbers(
            head=(
                *("Series", unit, rate, "low", "high", f"{rate} per {unit[:-1]}"),
                *("efficiency", "from", "to"),
            ),
            rows=[
                (
                    name,
                    str(row.gpus),
                    base.show(row.throughput),
                    base.show(row.low_throughput),
                    base.show(row.high_throughput),
                    base.show(row.throughput_per_device),
                    base.show(row.scaling_efficiency, ".1%"),
                    base.show(row.low_scaling_efficiency, ".1%"),
                    base.show(row.high_scaling_efficiency, ".1%"),
                )
                for name, rows in zip(names, curves, strict=True)
                for row in rows
            ],
            note=f"Efficiency: {work} per second per {unit[:-1]}, as a share of the fewest's; from,"
            " to: its 95 % interval, where both have two runs or more.",
        ),
    )


def _curve(rows: Sequence[TableRow], name: str, style: int, *, labelled: bool) -> base.Json:
    text: base.Json = {
        "mode": "lines+markers+text",
        "textposition": "top left",
        "cliponaxis": False,
    }
    curve = base.line(
        [row.gpus for row in rows],
        [base.brief(row.throughput) for row in rows],
        name=name,
        group=f"series{style}",
        style=style,
        marked=True,
        error_y={**error_bars(rows), "width": 4},
        text=[f"{row.scaling_efficiency:.1%}" for row in rows],
        hovertemplate=f"%{{x}}: %{{y:.4g}} {rate_name(rows[0].unit)}, %{{text}} of ideal"
        "<extra>%{fullData.name}</extra>",
    )
    return curve | (text if labelled else {})


def _names(curves: Sequence[Sequence[TableRow]]) -> list[str]:
    """Return what each series is called; commit and window are added where names are alike."""
    names = [rows[0].implementation for rows in curves]
    return [
        name if names.count(name) == 1 else f"{name}@{rows[0].commit[:COMMIT]} {rows[0].window}"
        for name, rows in zip(names, curves, strict=True)
    ]


def _ideal(rows: Sequence[TableRow], group: str) -> base.Json:
    each, counts = rows[0].throughput_per_device or 0.0, [row.gpus for row in rows]
    return {
        "type": "scatter",
        "mode": "lines",
        "name": f"{base.plain(rows[0].implementation)}, ideal",
        "x": [0, *counts],
        "y": [0, *(base.brief(each * count) for count in counts)],
        "line": {"width": 1, "dash": "dot"},
        "hoverinfo": "skip",
        "meta": {"c": "soft", "g": group},
    }
