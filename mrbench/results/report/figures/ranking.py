"""The ranking: images per second of each row with its 95 % interval; invalid rows are not in it."""

from collections.abc import Sequence

from mrbench.model.table import TableRow
from mrbench.results.report.figures.base import (  # fmt: skip
    Figure,
    Json,
    LegendEntry,
    Numbers,
    bars,
    plain,
    rows_axis,
    show,
    value_axis,
)
from mrbench.results.report.gather import Chapter
from mrbench.results.table import columns

VERDICTS = {"valid": 0, "valid with notes": 1, "not judged": 2}
PUBLISHED = 3
ROW_PX = 34


def ranked(chapter: Chapter) -> list[TableRow]:
    """Return the rows that have a number that counts, the fastest first."""
    return [row for row in chapter.rows if row.images_per_second is not None]


def left_out(chapter: Chapter) -> list[TableRow]:
    """Return the rows that have none."""
    return [row for row in chapter.rows if row.images_per_second is None]


def throughput(row: TableRow) -> str:
    """Return `59.1 ± 0.4`, as tables have it; a dash of this page where there is no number."""
    return columns.with_interval(row, none="\u2013")


def figure(chapter: Chapter, key: str) -> Figure | None:
    """Return the ranking as bars; None where no row has a number."""
    rows = ranked(chapter)
    if not rows:
        return None
    traces: list[Json] = []
    legend: list[LegendEntry] = []
    for verdict, colour in VERDICTS.items():
        places = [i for i, row in enumerate(rows) if row.validity == verdict]
        known = [i for i in places if rows[i].low_images_per_second is not None]
        parts = [part for part in (known, [i for i in places if i not in known]) if part]
        traces += [_bars([rows[i] for i in part], part, verdict, colour) for part in parts]
        if places:
            legend.append(LegendEntry(key=verdict, label=verdict, colour=colour, kind="bar"))
    unsure = [r.name for r in rows if r.low_images_per_second is None]
    unsure = ["all rows"] if len(unsure) == len(rows) else unsure
    published = [
        (i, rate)
        for i, row in enumerate(rows)
        if (rate := row.published_images_per_second) is not None
    ]
    if published:
        name = f"published ({rows[published[0][0]].reference})"
        traces.append(_published(published, name))
        legend.append(LegendEntry(key="published", label=name, colour=PUBLISHED, kind="marker"))
    return Figure(
        key=key,
        title="Images per second",
        caption=(
            "Throughput of each row, with its 95 % interval: of a single run within that run, which"
            " says nothing about the next; of several for the mean of the next runs. Only runs"
            " that count are in it."
        ),
        height_px=90 + ROW_PX * len(rows),
        traces=traces,
        layout={
            "xaxis": value_axis("images per second"),
            "yaxis": rows_axis([row.name for row in rows]),
            "barmode": "overlay",
        },
        legend=legend,
        missing=[f"intervals of {', '.join(unsure)}; the records have none."] * bool(unsure),
        table=_table(rows),
    )


def _bars(rows: list[TableRow], places: list[int], verdict: str, colour: int) -> Json:
    """Return the bars of rows, all of which have an interval, or none."""
    trace = bars(
        [row.images_per_second for row in rows],
        places,
        name=verdict,
        group=verdict,
        colour=colour,
        text=[f"{plain(row.implementation)}: {throughput(row)} img/s" for row in rows],
        textposition="none",  # the table below has them
        hovertemplate="%{text}<extra>%{fullData.name}</extra>",
    )
    if rows[0].low_images_per_second is not None:
        trace["error_x"] = {**error_bars(rows), "thickness": 1.6, "width": 5}
    return trace


def error_bars(rows: Sequence[TableRow]) -> Json:
    """Return the intervals of rows with a number, as plotly.js takes them; none where unknown."""
    ends = [
        (rate, row.low_images_per_second or rate, row.high_images_per_second or rate)
        for row in rows
        if (rate := row.images_per_second) is not None
    ]
    return {
        "type": "data",
        "symmetric": False,
        "array": [high - rate for rate, _, high in ends],
        "arrayminus": [rate - low for rate, low, _ in ends],
    }


def _published(known: list[tuple[int, float]], name: str) -> Json:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": plain(name),
        "x": [rate for _, rate in known],
        "y": [i for i, _ in known],
        "marker": {"symbol": "diamond-open", "size": 11, "line": {"width": 2}},
        "hovertemplate": "%{x} img/s<extra>%{fullData.name}</extra>",
        "meta": {"c": PUBLISHED, "g": "published"},
    }


def _table(rows: list[TableRow]) -> Numbers:
    return Numbers(
        head=("Row", "img/s", "low", "high", "per device", "published", "verdict"),
        rows=[
            (
                row.name,
                show(row.images_per_second),
                show(row.low_images_per_second),
                show(row.high_images_per_second),
                show(row.images_per_second_per_gpu),
                show(row.published_images_per_second, "g"),
                row.validity,
            )
            for row in rows
        ],
    )
