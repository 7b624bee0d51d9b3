"""The course of the runs: images per second over the iterations, the measured window shaded."""

from collections.abc import Sequence

from mrbench.results.report.figures.base import (  # fmt: skip
    FEW,
    Figure,
    Json,
    LegendEntry,
    Numbers,
    brief,
    downsample,
    line,
    show,
    value_axis,
    window,
)
from mrbench.results.report.gather import Chapter, ReportRun
from mrbench.results.report.iterations import Piece

STRETCHES = 20  # that a table parts a run into
HEIGHT_PX = 260


def figures(chapter: Chapter, key: str, most: int) -> list[Figure]:
    """Return a figure for each implementation, all its runs in it, by most points each."""
    names = dict.fromkeys(row.implementation for row in chapter.rows)
    figures = []
    for i, name in enumerate(names):
        runs = [run for run in chapter.runs if run.plan.implementation == name]
        drawn = [run for run in runs if any(p.images_per_second for p in run.curve.pieces)]
        missing = [f"{run.label}: {run.curve.problem or 'nothing is timed'}"
                   for run in runs if run not in drawn]  # fmt: skip
        figures.append(_figure(f"{key}-course-figure-{i}", name, drawn, missing, most))
    return figures


def _figure(
    key: str, name: str, runs: Sequence[ReportRun], missing: Sequence[str], most: int
) -> Figure:
    windows = {run.curve.window for run in runs if run.curve.window}
    layout: Json = {
        "xaxis": {"title": {"text": "iteration"}, "rangemode": "tozero"},
        "yaxis": value_axis("images per second"),
        "shapes": [window(first, last) for first, last in sorted(windows)[:1]],
    }
    whole = all(len(run.curve.pieces) <= most for run in runs)
    note = (
        "" if whole else (" Long runs are thinned to the lowest and the highest of each stretch.")
    )
    clocks = sorted({f"{run.curve.clock} clock" for run in runs})
    return Figure(
        key=key,
        title=name,
        caption=(
            f"{name}: images per second between two marks of its log, over the iterations, by the"
            f" {' or '.join(clocks) or 'log'}. Shaded: the measured window; what is before it is"
            f" warm-up, and dips are stalls.{note}"
        ),
        height_px=HEIGHT_PX,
        traces=[_trace(run, i, most) for i, run in enumerate(runs)],
        layout=layout,
        legend=[
            LegendEntry(key=f"run{i}", label=_label(run), colour=i) for i, run in enumerate(runs)
        ],
        table=_table(runs),
        missing=missing,
    )


def _label(run: ReportRun) -> str:
    return run.label if run.counts else f"{run.label}, does not count"


def _trace(run: ReportRun, number: int, most: int) -> Json:
    pieces = _gapped(run.curve.pieces)
    kept = downsample([p.last for p in pieces], [p.images_per_second for p in pieces], most)
    chosen = [pieces[i] for i in kept]
    return line(
        [p.last for p in chosen],
        [brief(p.images_per_second) for p in chosen],
        name=_label(run),
        group=f"run{number}",
        colour=number,
        marked=len(chosen) <= FEW,
        style={"shape": "vh"},  # an interval has its rate from its beginning to its end
        customdata=[p.first + 1 for p in chosen],
        hovertemplate="iterations %{customdata}\u2013%{x}<br>%{y:.4g} img/s"
        "<extra>%{fullData.name}</extra>",
    )


def _gapped(pieces: Sequence[Piece]) -> list[Piece]:
    """Put a gap where a process began anew, or marks are missing."""
    gapped: list[Piece] = []
    for piece in pieces:
        if not gapped or piece.first != gapped[-1].last:
            # the first interval is drawn from where it began
            gapped.append(Piece(piece.first, piece.first, None, None, None))
            gapped.append(Piece(piece.first, piece.first, piece.images_per_second, None, None))
        gapped.append(piece)
    return gapped


def _table(runs: Sequence[ReportRun]) -> Numbers:
    rows = []
    for run in runs:
        pieces = run.curve.pieces
        for i in range(min(STRETCHES, len(pieces))):
            count = min(STRETCHES, len(pieces))
            part = pieces[i * len(pieces) // count : (i + 1) * len(pieces) // count]
            rates = [p.images_per_second for p in part if p.images_per_second is not None]
            shares = [p.data_share for p in part if p.data_share is not None]
            rows.append(
                (
                    _label(run),
                    f"{part[0].first + 1}\u2013{part[-1].last}",
                    show(_mean(part)),
                    show(min(rates, default=None)),
                    show(max(rates, default=None)),
                    show(max(shares, default=None), ".1%"),
                )
            )
    return Numbers(
        head=("Run", "iterations", "img/s", "slowest", "fastest", "most waiting for data"),
        rows=rows,
        note=f"Each run in at most {STRETCHES} stretches; series.csv has every point drawn.",
    )


def _mean(part: Sequence[Piece]) -> float | None:
    """Return all images by all seconds: rates are never meaned."""
    known = [(p.last - p.first, p.images_per_second) for p in part if p.images_per_second]
    seconds = sum(count / rate for count, rate in known)
    return sum(count for count, _ in known) / seconds if seconds else None
