"""All runs of each implementation in a results repository, over time."""

from collections.abc import Iterator

from mrbench.model.results import Leaderboard
from mrbench.model.work import rate_name
from mrbench.results.report.figures.base import (  # fmt: skip
    Figure,
    LegendEntry,
    Numbers,
    brief,
    line,
    plain,
)
from mrbench.results.report.gather import Chapter

LONGEST = 200  # characters of a point's text


def figures(chapter: Chapter, key: str) -> list[Figure]:
    """Return a figure for each implementation that has two numbers or more."""
    board = chapter.board
    labels = sorted({run.label for run in board.runs}) if board else ()
    return [
        found for i, n in enumerate(labels) if board for found in _figure(board, n, f"{key}-{i}")
    ]


def _figure(board: Leaderboard, label: str, key: str) -> Iterator[Figure]:
    runs = [run for run in board.runs if run.label == label and run.throughput]
    if not runs[1:]:
        return
    traces, legend = [], []
    for machine in sorted({run.machine for run in runs}):
        mine = [run for run in runs if run.machine == machine]
        name, group = f"machine {machine}", f"machine{machine}"
        about = [f"{run.commit[:12]}, {run.versions}, {run.signer or 'unsigned'}" for run in mine]
        trace = line(
            [],
            [brief(run.throughput) for run in mine],
            name=name,
            group=group,
            style=machine - 1,
            marked=True,
            text=[plain(text, LONGEST) for text in about],
            hovertemplate=f"%{{x}}: %{{y}} {rate_name(board.unit)}<br>%{{text}}"
            "<extra>%{fullData.name}</extra>",
        )
        traces.append(trace | {"x": [run.started for run in mine]})
        legend.append(LegendEntry(key=group, label=name, style=machine - 1))
    yield Figure(
        key=key,
        title=label,
        caption="Each point is a run. The vertical axis does not begin at zero.",
        height_px=300,
        traces=traces,
        layout={
            "xaxis": {"type": "date", "automargin": True},
            "yaxis": {"title": {"text": rate_name(board.unit)}, "automargin": True},
        },
        legend=legend,
        table=Numbers(head=(), rows=()),
    )
