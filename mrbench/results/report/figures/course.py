"""Throughput of the runs over their iterations, the measured windows shaded."""

import math
from collections.abc import Sequence

from mrbench.model.work import Unit, rate_name
from mrbench.results.report.figures import base
from mrbench.results.report.gather import Chapter, ReportRun
from mrbench.results.report.iterations import Piece

NEWEST = 16  # runs of one implementation that are drawn
STRETCHES = 20  # that a table parts a run into
HEIGHT_PX = 260


def figures(chapter: Chapter, key: str, most: int) -> list[base.Figure]:
    """Return a figure for each implementation, all its runs in it, by most points each."""
    names = dict.fromkeys(row.implementation for row in chapter.rows)
    upper = top(chapter.runs)
    figures = []
    for i, name in enumerate(names):
        runs = [run for run in chapter.runs if run.plan.implementation == name]
        timed = [run for run in runs if _rates(run)]
        missing = [f"{run.label}: {run.curve.problem or 'nothing is timed'}"
                   for run in runs if run not in timed]  # fmt: skip
        if older := len(timed) - NEWEST:
            missing += [f"the {older} oldest runs of {len(timed)}"] * (older > 0)
        figures.append(
            _figure(
                name, timed[-NEWEST:], missing, key=f"{key}-course-figure-{i}", most=most, top=upper
            )
        )
    return figures


def top(runs: Sequence[ReportRun]) -> float:
    """Return the upper end of the axis that all figures of a suite share.

    The fastest rate is in view, unless it is more than twice that of any measured window, as that
    of lines which arrived together.
    """
    measured = [run.measured.throughput or 0.0 for run in runs if run.measured]
    limit = 2 * max(measured, default=0.0) or math.inf
    return 1.05 * min(max((max(_rates(run), default=0.0) for run in runs), default=1.0), limit)


def _unit(runs: Sequence[ReportRun]) -> Unit:
    return runs[0].plan.unit if runs else "images"


def _rates(run: ReportRun) -> list[float]:
    return [p.throughput for p in run.curve.pieces if p.throughput]


def _figure(
    name: str, runs: Sequence[ReportRun], missing: Sequence[str], *, key: str, most: int, top: float
) -> base.Figure:
    windows: dict[tuple[int, int], list[str]] = {}
    for i, run in enumerate(runs):
        if run.curve.window:
            windows.setdefault(run.curve.window, []).append(f"run{i}")
    layout: base.Json = {
        "xaxis": {"title": {"text": "iteration"}, "rangemode": "tozero"},
        "yaxis": {**base.value_axis(f"{_unit(runs)} per second"), "range": [0, base.brief(top)]},
        "shapes": [base.window(*measured, groups) for measured, groups in sorted(windows.items())],
    }
    whole = all(len(run.curve.pieces) <= most for run in runs)
    note = "" if whole else " Of long runs, the lowest and highest point of each stretch."
    beyond = sum(rate > top for run in runs for rate in _rates(run))
    note += f" {beyond} faster points are above the axis; zoom out to see them." * bool(beyond)
    clocks = " or ".join(sorted({f"{run.curve.clock} clock" for run in runs}))
    labels = [_label(run, alone=len(windows) <= 1) for run in runs]
    return base.Figure(
        key=key,
        title=name,
        caption=f"{name}, by the {clocks or 'log'}.{note}",
        height_px=HEIGHT_PX,
        traces=[_trace(run, labels[i], i, most) for i, run in enumerate(runs)],
        layout=layout,
        legend=[
            base.LegendEntry(key=f"run{i}", label=text, style=i) for i, text in enumerate(labels)
        ],
        table=_table(runs, labels),
        missing=missing,
    )


def _label(run: ReportRun, *, alone: bool) -> str:
    """Return what the legend calls a run; alone: whether its window is the figure's only one."""
    window = run.curve.window
    where = "" if alone or not window else f", window {window[0] + 1}\u2013{window[1]}"
    return f"{run.label}{where}{'' if run.counts else ', does not count'}"


def _trace(run: ReportRun, label: str, number: int, most: int) -> base.Json:
    pieces = _gapped(run.curve.pieces)
    kept = base.downsample([p.last for p in pieces], [p.throughput for p in pieces], most)
    chosen = [pieces[i] for i in kept]
    return base.line(
        [p.last for p in chosen],
        [base.brief(p.throughput) for p in chosen],
        name=label,
        group=f"run{number}",
        style=number,
        marked=len(chosen) <= base.FEW,
        shape={"shape": "vh"},  # an interval has its rate from its beginning to its end
        customdata=[p.first + 1 for p in chosen],
        hovertemplate="iterations %{customdata}\u2013%{x}<br>%{y:.4g} "
        f"{rate_name(run.plan.unit)}"
        "<extra>%{fullData.name}</extra>",
    )


def _gapped(pieces: Sequence[Piece]) -> list[Piece]:
    """Put a gap where a process began anew, or marks are missing."""
    gapped: list[Piece] = []
    for piece in pieces:
        if not gapped or piece.first != gapped[-1].last:
            # the first interval is drawn from where it began
            gapped.append(Piece(piece.first, piece.first, None, None, None))
            gapped.append(Piece(piece.first, piece.first, piece.throughput, None, None))
        gapped.append(piece)
    return gapped


def _table(runs: Sequence[ReportRun], labels: Sequence[str]) -> base.Numbers:
    rows = []
    for run, label in zip(runs, labels, strict=True):
        pieces = run.curve.pieces
        for i in range(min(STRETCHES, len(pieces))):
            count = min(STRETCHES, len(pieces))
            part = pieces[i * len(pieces) // count : (i + 1) * len(pieces) // count]
            rates = [p.throughput for p in part if p.throughput is not None]
            shares = [p.data_share for p in part if p.data_share is not None]
            rows.append(
                (
                    label,
                    f"{part[0].first + 1}\u2013{part[-1].last}",
                    base.show(_mean(part)),
                    base.show(min(rates, default=None)),
                    base.show(max(rates, default=None)),
                    base.show(max(shares, default=None), ".1%"),
                )
            )
    return base.Numbers(
        head=(
            "Run",
            "iterations",
            rate_name(_unit(runs)),
            "slowest",
            "fastest",
            "largest share waiting for data",
        ),
        rows=rows,
        note=f"Each run in at most {STRETCHES} stretches; series.csv has every point drawn.",
    )


def _mean(part: Sequence[Piece]) -> float | None:
    """Return all work by all seconds: rates are never meaned."""
    known = [(p.last - p.first, p.throughput) for p in part if p.throughput]
    seconds = sum(count / rate for count, rate in known)
    return sum(count for count, _ in known) / seconds if seconds else None
