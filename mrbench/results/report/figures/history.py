"""Throughput of each implementation in a results repository over time, and when it changed."""

from mrbench.model.work import rate_name
from mrbench.results.history import Change, History, histories
from mrbench.results.report.figures.base import Figure, Numbers, brief, line, plain, window
from mrbench.results.report.gather import Chapter


def figures(chapter: Chapter, key: str) -> list[Figure]:
    """Return a figure for each series of two numbers or more; none of a report."""
    runs = [run.record for run in chapter.runs] if chapter.hardware else []
    several = [found for found in histories(runs) if found.runs[1:]]
    return [_figure(found, f"{key}-{i}") for i, found in enumerate(several)]


def _figure(found: History, key: str) -> Figure:
    runs = found.runs
    numbers = list(range(1, 1 + len(runs)))
    shown = line(
        numbers,
        [brief(run.throughput) for run in runs],
        name=found.name,
        group="runs",
        style=0,
        marked=True,
        text=[plain(f"{run.started}, {run.commit[:12]}") for run in runs],
        hovertemplate=f"%{{y}} {rate_name(found.unit)}<br>%{{text}}<extra></extra>",
    )
    shades = [window(1 + change.before, 1 + change.after) for change in found.changes]
    return Figure(
        key=key,
        title=f"{found.name}, window {found.window}",
        caption="Runs in order of time, each a point; the vertical axis does not begin at zero."
        + " Shaded: between these two runs it changed." * bool(shades),
        height_px=300,
        traces=[shown],
        layout={
            "xaxis": {"title": {"text": "run"}, "automargin": True, "zeroline": False},
            "yaxis": {"title": {"text": rate_name(found.unit)}, "automargin": True},
            "shapes": shades,
        },
        table=Numbers(
            head=("Change before", "times", "low", "high", "what differs, too"),
            rows=[_change(found, change) for change in found.changes],
        ),
    )


def _change(found: History, change: Change) -> tuple[str, ...]:
    ratios = (f"{value:.3f}" for value in (change.ratio, change.low_ratio, change.high_ratio))
    parts = (f"{part}: {', '.join(d.key for d in ds)}" for part, ds in change.differences.items())
    return found.runs[change.at].started, *ratios, "; ".join(parts) or "nothing that is recorded"
