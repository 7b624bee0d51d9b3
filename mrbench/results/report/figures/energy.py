"""Energy of the GPUs per image, or another unit of work, in joules."""

from mrbench.model.table import TableRow
from mrbench.model.work import one_of
from mrbench.results.report.figures import base
from mrbench.results.report.figures.ranking import ROW_PX, ranked
from mrbench.results.report.gather import Chapter


def figure(chapter: Chapter, key: str) -> base.Figure | None:
    """Return the joules per unit of each row; None where no record has them."""
    measured = [(row, _joules(chapter, row)) for row in ranked(chapter)]
    pairs = [(row, joules) for row, joules in measured if joules]
    if not pairs:
        return None
    one = one_of(pairs[0][0].unit)
    means = [sum(joules) / len(joules) for _, joules in pairs]
    trace = base.bars(
        [base.brief(mean) for mean in means],
        list(range(len(pairs))),
        name=f"joules per {one}",
        group="joules",
        colour=0,
        hovertemplate=f"%{{x:.4g}} J per {one}<extra></extra>",
    )
    unknown = [row.name for row, joules in measured if not joules]
    return base.Figure(
        key=key,
        title=f"Energy per {one}",
        caption=(
            f"Energy of the GPUs in the measured window per {one}, by their energy counters, or by"
            " their power if they have none; mean of the valid runs. CPUs and the rest of the"
            " machine are not included."
        ),
        height_px=90 + ROW_PX * len(pairs),
        traces=[trace],
        layout={
            "xaxis": base.value_axis(f"joules per {one}"),
        },
        table=base.Numbers(
            head=("Row", f"J per {one}", "lowest run", "highest run", "runs"),
            rows=[
                (
                    row.name,
                    base.show(mean, ".4g"),
                    base.show(min(joules), ".4g"),
                    base.show(max(joules), ".4g"),
                    str(len(joules)),
                )
                for (row, joules), mean in zip(pairs, means, strict=True)
            ],
        ),
        missing=[f"{', '.join(unknown)}: no energy in the records."] * bool(unknown),
        bars=[
            base.RowLabel(row.name, f"{mean:.3g} J", mean)
            for (row, _), mean in zip(pairs, means, strict=True)
        ],
    )


def _joules(chapter: Chapter, row: TableRow) -> list[float]:
    joules = [run.joules_per_unit for run in chapter.runs_of(row) if run.counts]
    return [value for value in joules if value is not None]
