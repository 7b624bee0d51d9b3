"""What the machine did during one run: iterations, GPUs and host over the same seconds."""

from collections.abc import Mapping, Sequence

from mrbench.launch.telemetry.reading import statistics
from mrbench.model.work import rate_name
from mrbench.results.report.figures import base, course
from mrbench.results.report.gather import ReportRun
from mrbench.results.report.machine import CORES, GPU, MEMORY, Slowed, TimeSeries

PANELS = (*(panel for _, panel, _, _ in GPU), CORES, MEMORY)
PERCENT = GPU[0][1]
THROUGHPUT, SLOWED = "Throughput", "Slowed, and why"
PANEL_PX, FRAME_PX, GAP = 118, 120, 0.32  # the gap as a share of a panel
TICKS = 6
HOST = ("the machine", "the training")  # have the same style in all figures, whatever the GPUs are


def tops(runs: Sequence[ReportRun]) -> dict[str, float]:
    """Return the upper end of each panel's axis, which all figures of a suite share."""
    found = {THROUGHPUT: course.top(runs)}
    for one in (one for run in runs for one in run.activity.lines):
        most = 1.05 * max((v for v in one.values if v is not None), default=0.0)
        found[one.panel] = max(most, found.get(one.panel, 0.0))
    return found | {PERCENT: 105.0}


def figure(
    run: ReportRun, key: str, name: str, most: int, tops: Mapping[str, float]
) -> base.Figure | None:
    """Return the panels of a run, by most points each line; None where it has no telemetry.

    tops: upper end of each panel's axis.
    """
    lines, slowed = run.activity.lines, run.activity.slowed
    if not lines:
        return None
    panels = [THROUGHPUT, *(p for p in PANELS if any(line.panel == p for line in lines))]
    panels += [SLOWED] * bool(slowed)
    names = list(dict.fromkeys(line.name for line in lines))
    names.sort(key=lambda name: name.rpartition("/")[2] not in HOST)
    styles = {name: i for i, name in enumerate(names, 1)}  # 0 is that of throughput
    axes = {panel: f"y{_number(i)}" for i, panel in enumerate(panels)}
    traces = [_throughput(run, most)]
    traces += [_trace(one, axes[one.panel], styles[one.name], most) for one in lines]
    reasons = list(dict.fromkeys(one.why for one in slowed))
    slow = list(dict.fromkeys(one.name for one in slowed))
    traces += [
        _stretches(
            one,
            axes[SLOWED],
            styles.get(one.name, 0),
            reasons.index(one.why) + (slow.index(one.name) + 0.5) / len(slow) * 0.8 - 0.4,
        )
        for one in slowed
    ]
    units = {line.panel: line.unit for line in lines} | {THROUGHPUT: rate_name(run.plan.unit)}
    return base.Figure(
        key=key,
        title=name,
        caption=f"{name}: throughput and the machine over the same seconds.",
        height_px=FRAME_PX + PANEL_PX * len(panels),
        traces=traces,
        layout=_layout(run, panels, units, tops, reasons),
        legend=[base.LegendEntry(key=name, label=name, style=styles[name]) for name in names],
        table=_table(run),
        missing=run.activity.problems,
    )


def span(run: ReportRun) -> tuple[float, float] | None:
    """Return when the measured window began and ended, in seconds of the figure."""
    measured, start_s = run.measured, run.curve.start_s
    began_s, ended_s = (measured.began_s, measured.ended_s) if measured else (None, None)
    if began_s is not None and ended_s is not None and start_s is not None:
        return began_s - start_s, ended_s - start_s
    if run.curve.window is None:
        return None
    first, last = (run.curve.at(iteration) for iteration in run.curve.window)
    return None if first is None or last is None else (first, last)


def _throughput(run: ReportRun, most: int) -> base.Json:
    known = [p for p in run.curve.pieces if p.at_s is not None]
    kept = base.downsample([p.at_s or 0.0 for p in known], [p.throughput for p in known], most)
    chosen = [known[i] for i in kept]
    return base.line(
        [round(p.at_s or 0.0, 2) for p in chosen],
        [base.brief(p.throughput) for p in chosen],
        name="throughput",
        group="",
        style=0,
        shape={"shape": "vh"},
        customdata=[f"{p.first + 1}\u2013{p.last}" for p in chosen],
        hovertemplate="iterations %{customdata}: %{y:.4g} "
        f"{rate_name(run.plan.unit)}<extra></extra>",
        xaxis="x2",
        yaxis="y",
    )


def _trace(one: TimeSeries, axis: str, style: int, most: int) -> base.Json:
    kept = base.downsample(one.seconds, one.values, most)
    return base.line(
        [round(one.seconds[i], 1) for i in kept],
        [base.brief(one.values[i]) for i in kept],
        name=one.name,
        group=one.name,
        style=style,
        shape={"width": 1.4},
        hovertemplate=f"%{{x:.0f}} s: %{{y:.4g}} {one.unit}<extra>%{{fullData.name}}</extra>",
        xaxis="x",
        yaxis=axis,
    )


def _stretches(one: Slowed, axis: str, style: int, place: float) -> base.Json:
    """Return when a GPU was slowed, at its own height within the row of the reason."""
    x: list[float | None] = []
    for began_s, ended_s in one.stretches:
        x += [began_s, max(ended_s, began_s + 0.2), None]
    return base.line(
        x,
        [None if value is None else place for value in x],
        name=f"{one.name} slowed by {one.why}",
        group=one.name,
        style=style,
        shape={"width": 4, "dash": "solid"},
        hovertemplate="%{x:.0f} s<extra>%{fullData.name}</extra>",
        xaxis="x",
        yaxis=axis,
    )


def _layout(
    run: ReportRun,
    panels: Sequence[str],
    units: Mapping[str, str],
    tops: Mapping[str, float],
    reasons: Sequence[str],
) -> base.Json:
    each = 1 / (len(panels) + GAP * (len(panels) - 1))
    last = f"y{len(panels)}"
    times, labels = _iterations(run)
    layout: base.Json = {
        "xaxis": {
            "title": {"text": "seconds since the log's first line"},
            "anchor": last,
            "zeroline": False,
        },
        "xaxis2": {
            "side": "top",
            "anchor": "y",
            "matches": "x",
            "tickvals": times,
            "ticktext": labels,
            "zeroline": False,
        },
        "annotations": [
            _title(panel, units.get(panel, ""), _number(i), upper=i == 0)
            for i, panel in enumerate(panels)
        ],
        "shapes": [base.window(*measured)] if (measured := span(run)) else [],
    }
    for i, panel in enumerate(panels):
        top = 1 - i * each * (1 + GAP)
        axis: base.Json = {"domain": [max(0.0, top - each), top], "nticks": 4}
        axis |= {"anchor": "x" if i else "x2", "automargin": True}
        if panel == SLOWED:
            axis |= {"tickvals": list(range(len(reasons))), "ticktext": list(reasons)}
            axis |= {"range": [len(reasons) - 0.5, -0.5], "showgrid": False, "zeroline": False}
        else:
            axis["range"] = [0, base.brief(tops[panel] or 1.0)]
        layout[f"yaxis{_number(i)}"] = axis
    return layout


def _number(i: int) -> str:
    """Return what plotly.js calls an axis: the first has no number."""
    return str(i + 1) if i else ""


def _title(panel: str, unit: str, number: str, *, upper: bool) -> base.Json:
    """Name a panel above its left end, where narrow windows have room.

    upper: whether the ticks of the iterations are between.
    """
    text = f"<b>{panel}</b> ({unit})" if unit else f"<b>{panel}</b>"
    return {
        "text": f"{text}, iterations above" if upper else text,
        "xref": "paper",
        "x": 0,
        "xanchor": "left",
        "yref": f"y{number} domain",
        "y": 1.0,
        "yshift": 20 if upper else 0,
        "yanchor": "bottom",
        "showarrow": False,
        "name": "panel",
    }


def _iterations(run: ReportRun) -> tuple[list[float], list[str]]:
    """Return about TICKS times, and the iterations done by then."""
    known = [(p.at_s, p.last) for p in run.curve.pieces if p.at_s is not None]
    if not known:
        return [], []
    longest = max(at_s for at_s, _ in known)
    ticks: dict[float, str] = {}
    for i in range(TICKS + 1):
        at_s, iteration = min(known, key=lambda k: abs(k[0] - longest * i / TICKS))
        if not ticks or at_s - max(ticks) > longest / TICKS / 2:  # or they would overlap
            ticks[at_s] = str(iteration)
    return [round(at_s, 2) for at_s in ticks], list(ticks.values())


def _table(run: ReportRun) -> base.Numbers:
    measured = span(run)
    rows = []
    for one in run.activity.lines:
        values = one.within(*measured) if measured else [v for v in one.values if v is not None]
        if values:
            stats = statistics(values)
            words = [
                base.show(value, ".4g") for value in (stats.mean, stats.p5, stats.p95, stats.max)
            ]
            rows.append((f"{one.panel} ({one.unit})", one.name, *words))
    for slow in run.activity.slowed:
        began_s, ended_s = measured or (slow.stretches[0][0], slow.stretches[-1][1])
        parts = [max(0.0, min(e, ended_s) - max(b, began_s)) for b, e in slow.stretches]
        share = sum(parts) / (ended_s - began_s) if ended_s > began_s else None
        rows.append((f"Slowed by {slow.why}", slow.name, base.show(share, ".0%"), *["\u2013"] * 3))
    return base.Numbers(
        head=("Value", "Of", "mean", "5th percentile", "95th percentile", "highest"),
        rows=rows,
        note="Over the measured window."
        if measured
        else "Over all samples: no window was measured.",
    )
