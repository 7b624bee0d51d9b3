"""The ranking: throughput of each row with its 95 % interval; invalid rows are not in it."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from mrbench.model.table import TableRow
from mrbench.model.work import Unit, rate_name
from mrbench.results.ratios import ratio_of
from mrbench.results.report.figures import base
from mrbench.results.report.gather import Chapter
from mrbench.results.table.columns import with_interval

DOT = {"symbol": "circle", "size": 6, "line": {"width": 1}}
RATIO = " \u00d7: ratio to the fastest row that it may be compared with."
MOST_REASONS = 2  # that the figure lists
SPREAD = 0.3  # height that the dots of a row take, in rows
VERDICTS = {"valid": 0, "valid with notes": 1, "not judged": 2}
PUBLISHED = 3
ROW_PX = 36


class Share(NamedTuple):
    """A ratio with its 95 % interval, None where unknown; why: what forbids a ratio to any row."""

    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    why: str = ""


def ranked(chapter: Chapter) -> list[TableRow]:
    """Return the rows that have a number that counts, the fastest first."""
    return [row for row in chapter.rows if row.throughput is not None]


def to_fastest(rows: Sequence[TableRow]) -> list[Share]:
    """Return the share of each row; rows: those with a number, the fastest first.

    Ratios are within a comparison group; that of its fastest row is 1, and None where it is alone.
    """
    members = Counter(row.comparison_group for row in rows)
    fastest: dict[int, TableRow] = {}
    return [
        _share(row, fastest.setdefault(row.comparison_group, row), members[row.comparison_group])
        for row in rows
    ]


def _share(row: TableRow, fastest: TableRow, members: int) -> Share:
    if members == 1:
        return Share(why=row.comparison_reason)
    if row is fastest:
        return Share(1.0)
    ratio = ratio_of(row, fastest)
    return Share(ratio.ratio, ratio.low, ratio.high)


def figure(chapter: Chapter, key: str) -> base.Figure | None:
    """Return the ranking as bars; None where no row has a number."""
    rows = ranked(chapter)
    if not rows:
        return None
    shares = to_fastest(rows)
    traces: list[base.Json] = []
    legend: list[base.LegendEntry] = []
    for verdict, colour in VERDICTS.items():
        places = [i for i, row in enumerate(rows) if row.validity == verdict]
        known = [i for i in places if rows[i].low_throughput is not None]
        parts = [part for part in (known, [i for i in places if i not in known]) if part]
        traces += [_bars([rows[i] for i in part], part, verdict, colour) for part in parts]
        if places:
            legend.append(base.LegendEntry(key=verdict, label=verdict, style=colour, kind="bar"))
    traces.append(_single_runs(rows))
    legend.append(base.LegendEntry(key="runs", label="single runs", style=base.TEXT, kind="circle"))
    unsure = [r.name for r in rows if r.low_throughput is None]
    unsure = ["all rows"] if len(unsure) == len(rows) else unsure
    published = [
        (i, rate) for i, row in enumerate(rows) if (rate := row.published_throughput) is not None
    ]
    if published:
        name = f"published ({rows[published[0][0]].reference})"
        traces.append(_published(published, name, rows[0].unit))
        legend.append(
            base.LegendEntry(key="published", label=name, style=PUBLISHED, kind="diamond")
        )
    return base.Figure(
        key=key,
        title=f"{rows[0].unit} per second".capitalize(),
        caption=(
            "Bar: mean of the row's valid runs, which are the dots. Line: its 95 % interval; for a"
            " single run within that run, which says nothing about the next run; for several, of"
            " the mean of the next runs." + RATIO * any(share.ratio for share in shares)
        ),
        height_px=90 + ROW_PX * len(rows),
        traces=traces,
        layout={
            "xaxis": base.value_axis(f"{rows[0].unit} per second"),
            "barmode": "overlay",
        },
        legend=legend,
        missing=[
            *[f"intervals of {', '.join(unsure)}; the records have none."] * bool(unsure),
            *_without_ratio(rows, shares),
        ],
        table=_table(rows, shares),
        bars=[_label(row, share) for row, share in zip(rows, shares, strict=True)],
    )


def _label(row: TableRow, share: Share) -> base.RowLabel:
    ratio = "" if share.ratio is None else f", \u00d7{share.ratio:.2f}"
    known = (
        *(row.throughput, row.high_throughput, row.published_throughput),
        *row.run_throughput,
    )
    return base.RowLabel(
        row.name, f"{with_interval(row)} {rate_name(row.unit)}{ratio}", max(v for v in known if v)
    )


def _without_ratio(rows: Sequence[TableRow], shares: Sequence[Share]) -> list[str]:
    names: dict[str, list[str]] = {}
    for row, share in zip(rows, shares, strict=True):
        if share.why:
            names.setdefault(share.why, []).append(row.name)
    if len(names) > MOST_REASONS:  # as in a grid, whose rows are as many workloads
        count = sum(map(len, names.values()))
        return [f"ratios of {count} rows to the fastest; `mrbench compare` says why of each."]
    return [f"ratio of {', '.join(rows)} to the fastest: {why}." for why, rows in names.items()]


def _single_runs(rows: Sequence[TableRow]) -> base.Json:
    """Return a dot for each run, those of a row above one another."""
    points = [
        (rate, i + SPREAD * ((k + 0.5) / len(row.run_throughput) - 0.5))
        for i, row in enumerate(rows)
        for k, rate in enumerate(row.run_throughput)
    ]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "single run",
        "x": [base.brief(rate) for rate, _ in points],
        "y": [round(place, 3) for _, place in points],
        "marker": DOT,
        "hovertemplate": f"%{{x}} {rate_name(rows[0].unit)}<extra>%{{fullData.name}}</extra>",
        "meta": {"c": base.TEXT, "g": "runs"},
    }


def _bars(rows: list[TableRow], places: list[int], verdict: str, colour: int) -> base.Json:
    """Return the bars of rows, all of which have an interval, or none."""
    trace = base.bars(
        [row.throughput for row in rows],
        places,
        name=verdict,
        group=verdict,
        colour=colour,
        text=[
            f"{base.plain(row.implementation)}: {with_interval(row)} {rate_name(row.unit)}"
            for row in rows
        ],
        textposition="none",  # the page writes them beside the bars
        hovertemplate="%{text}<extra>%{fullData.name}</extra>",
    )
    if rows[0].low_throughput is not None:
        trace["error_x"] = {**error_bars(rows), "thickness": 1.6, "width": 5}
    return trace


def error_bars(rows: Sequence[TableRow]) -> base.Json:
    """Return the intervals of rows with a number, as plotly.js takes them; none where unknown."""
    ends = [
        (rate, row.low_throughput or rate, row.high_throughput or rate)
        for row in rows
        if (rate := row.throughput) is not None
    ]
    return {
        "type": "data",
        "symmetric": False,
        "array": [high - rate for rate, _, high in ends],
        "arrayminus": [rate - low for rate, low, _ in ends],
    }


def _published(known: list[tuple[int, float]], name: str, unit: Unit) -> base.Json:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": base.plain(name),
        "x": [rate for _, rate in known],
        "y": [i for i, _ in known],
        "marker": {"symbol": "diamond-open", "size": 11, "line": {"width": 2}},
        "hovertemplate": f"%{{x}} {rate_name(unit)}<extra>%{{fullData.name}}</extra>",
        "meta": {"c": PUBLISHED, "g": "published"},
    }


def _table(rows: list[TableRow], shares: Sequence[Share]) -> base.Numbers:
    return base.Numbers(
        head=(
            "Row",
            rate_name(rows[0].unit),
            "low",
            "high",
            "to fastest",
            "low",
            "high",
            "per device",
            "published",
            "verdict",
        ),
        rows=[
            (
                row.name,
                base.show(row.throughput),
                base.show(row.low_throughput),
                base.show(row.high_throughput),
                base.show(share.ratio),
                base.show(share.low),
                base.show(share.high),
                base.show(row.throughput_per_device),
                base.show(row.published_throughput, "g"),
                row.validity,
            )
            for row, share in zip(rows, shares, strict=True)
        ],
        note="To fastest: ratio to the fastest row that this one may be compared with; low, high:"
        " its 95 % interval, if both have two runs or more.",
    )
