"""Where the time of an iteration goes: waiting for data, and the rest."""

from mrbench.model.table import TableRow
from mrbench.results.report.figures import base
from mrbench.results.report.figures.ranking import ROW_PX, ranked
from mrbench.results.report.gather import Chapter

Split = tuple[float, float | None]  # seconds of an iteration, and of those waiting for data


def figure(chapter: Chapter, key: str) -> base.Figure | None:
    """Return the time of an iteration of each row, split if its log allows; None if none does."""
    pairs = [(row, part) for row in ranked(chapter) if (part := _split(chapter, row))]
    if all(waiting is None for _, (_, waiting) in pairs):
        return None
    parts: dict[str, dict[int, float]] = {"waiting for data": {}, "the rest": {}, "not split": {}}
    for i, (_, (seconds, waiting)) in enumerate(pairs):
        if waiting is None:
            parts["not split"][i] = seconds
        else:
            parts["waiting for data"][i] = waiting
            parts["the rest"][i] = seconds - waiting
    colours = {"waiting for data": 1, "the rest": 0, "not split": 6}
    traces: list[base.Json] = []
    for name, values in parts.items():
        if values:
            trace = base.bars(
                [base.brief(value) for value in values.values()],
                list(values),
                name=name,
                group=name,
                colour=colours[name],
                hovertemplate="%{x:.4g} s per iteration<extra>%{fullData.name}</extra>",
            )
            traces.append(trace)
    silent = [row.name for row, (_, waiting) in pairs if waiting is None]
    silent = ["all rows"] if len(silent) == len(pairs) else silent
    return base.Figure(
        key=key,
        title="Time of an iteration",
        caption=(
            "Seconds per iteration in the measured window, split into waiting for data and the"
            " rest (forward, backward, update, communication) if the log reports the wait; mean of"
            " the valid runs."
        ),
        height_px=90 + ROW_PX * len(pairs),
        traces=traces,
        layout={
            "xaxis": base.value_axis("seconds per iteration"),
            "barmode": "stack",
        },
        legend=[
            base.LegendEntry(key=name, label=name, style=colours[name], kind="bar")
            for name, values in parts.items()
            if values
        ],
        table=base.Numbers(
            head=("Row", "s per iteration", "waiting for data", "the rest", "share waiting"),
            rows=[
                (
                    row.name,
                    base.show(seconds, ".4f"),
                    base.show(waiting, ".4f"),
                    base.show(None if waiting is None else seconds - waiting, ".4f"),
                    base.show(None if waiting is None else waiting / seconds, ".1%"),
                )
                for row, (seconds, waiting) in pairs
            ],
        ),
        missing=[f"the wait of {', '.join(silent)}; the logs do not report it."] * bool(silent),
        bars=[base.RowLabel(row.name, _value(*part), part[0]) for row, part in pairs],
    )


def _value(seconds: float, waiting: float | None) -> str:
    share = "" if waiting is None else f", {waiting / seconds:.1%} waiting"
    return f"{seconds:.3g} s{share}"


def _split(chapter: Chapter, row: TableRow) -> Split | None:
    runs = [run.measured for run in chapter.runs_of(row) if run.counts]
    known = [(m.seconds_per_iteration, m.data_share) for m in runs if m and m.seconds_per_iteration]
    if not known:
        return None
    seconds = sum(seconds for seconds, _ in known) / len(known)
    waits = [seconds * share for seconds, share in known if share is not None]
    if len(waits) < len(known):
        return seconds, None
    return seconds, min(sum(waits) / len(waits), seconds)
