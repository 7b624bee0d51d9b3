"""A number by somebody's rule beside our own, in words; and of a stored run, from its own log."""

from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from mrbench.errors import MrbenchError
from mrbench.measure.published.apply import apply, unit_of
from mrbench.measure.published.effects import left_out_by
from mrbench.model.published import ByRule, Lines, PublishedRule
from mrbench.model.record import RunRecord
from mrbench.model.suite import Reference
from mrbench.model.table import TableRow
from mrbench.recipe import published
from mrbench.record import rundir
from mrbench.text import printable

MINUTE_S, HOUR_S = 60.0, 3600.0
LEAST = 0.0005  # of a number: 0.1 %
MANY = 10  # times: a percentage says no more
WHOLE = 1000  # from here on a number needs no decimals


def of_run(record: RunRecord, log: Path, called: str | PublishedRule) -> ByRule | None:
    """Return what a suite's rule makes of a run's own log; None where the run has no measurement.

    called: the rule, or its name. log: it may lie there packed, as NAME.gz. A log that cannot be
    read, or a rule that does not fit it, is a reason in the result.
    """
    if record.measurement is None:
        return None
    log = log if log.is_file() else log.with_name(f"{log.name}.gz")
    name = called if isinstance(called, str) else called.title
    try:
        rule = published.load(called) if isinstance(called, str) else called
        gpus = record.plan.gpus
        return apply(rule, name, log, record.plan.log, record.measurement, devices=gpus)
    except MrbenchError as exc:
        return ByRule(rule=name, title="", reason=str(exc))


def describe(by: ByRule) -> list[str]:
    """Return the lines that tell of a rule's number: theirs, ours, and what lies between."""
    if by.number is None:
        return [printable(f"by the rule {by.rule}: no number: {by.reason}")]
    which = f"line {by.first}" if by.lines == 1 else f"{by.lines:,} lines, {by.first}-{by.last}"
    lines = [f"by the rule {by.rule}: {amount(by.number, by.unit)} ({which})"]
    if by.published is not None:
        share = by.published / by.number - 1
        how = f"{abs(share):.1%} {'more' if share > 0 else 'less'} than this log gives"
        how = how if abs(share) >= LEAST else "as this log gives"
        lines.append(f"  published: {amount(by.published, by.unit)}, {how}")
    if by.whole_log is not None and by.difference is not None:
        text = f"{amount(by.whole_log, by.unit)}; {_against(by.difference)}"
        lines.append(f"  work over time of the whole log: {text}")
    if by.ours is not None and by.difference_to_ours is not None:
        text = f"{amount(by.ours, by.unit)}; {_against(by.difference_to_ours)}"
        lines.append(f"  mrbench, iterations {by.ours_first}-{by.ours_last}: {text}")
    else:
        lines.append("  mrbench: no number to compare; why stands below")
    if by.effects:
        what = "mrbench's number" if by.ours is not None else "the whole log"
        lines.append(f"  where the difference to {what} comes from:")
        lines += [f"    {each.factor - 1:+8.1%}  {each.text}" for each in by.effects]
    lines += [f"  note: {text}" for text in by.notes]
    return [printable(line) for line in lines]


def amount(number: float, unit: str) -> str:
    """Return a number with its unit; long times also in minutes or hours."""
    text = f"{number:,.0f}" if abs(number) >= WHOLE and unit != "s" else f"{number:,.4g}"
    if unit != "s":
        return f"{text} {unit}"
    text = f"{number:.3f} s"
    if number >= HOUR_S:
        return f"{text} ({number / HOUR_S:.4g} h)"
    return f"{text} ({number / MINUTE_S:.4g} min)" if number >= MINUTE_S else text


def _against(difference: float) -> str:
    """Return how a rule's throughput is to another one."""
    if abs(difference) < LEAST:
        return "the same as by the rule"
    if difference > MANY - 1:
        return f"by the rule {difference + 1:.4g} times as fast"
    return f"by the rule {abs(difference):.1%} {'faster' if difference > 0 else 'slower'}"


def with_rule(rows: Sequence[TableRow], reference: Reference | None) -> list[TableRow]:
    """Return the rows, with what the published table's rule makes of each newest valid run's log.

    Where a row's run cannot be read, or has no log of its own beside it, the row says why.
    """
    if reference is None or reference.rule is None:
        return list(rows)
    return [_with_rule(row, reference.rule) for row in rows]


def _with_rule(row: TableRow, rule: str | PublishedRule) -> TableRow:
    if row.throughput is None or row.folder is None:
        return row
    run = rundir.RunDir(Path(row.folder))
    try:
        by = of_run(rundir.load(run.record, str(run.record)), run.log, rule)
    except MrbenchError as exc:
        return replace(row, by_rule_reason=str(exc))
    if by is None or by.number is None:
        return replace(row, by_rule_reason=by.reason if by else "no measurement")
    return replace(
        row,
        by_rule=by.number,
        by_rule_unit=by.unit,
        by_rule_difference=by.difference_to_ours,
    )


def in_words(rule: PublishedRule) -> str:
    """Return a rule as a phrase: which lines, of what, by which statistic, and where it stands."""
    if not isinstance(rule.lines, Lines):
        which = "which lines count is not said"
    else:
        which = _which(rule.lines)
    statistic = {"unknown": "how they become one number is not said", "single": ""}
    how = statistic.get(rule.statistic, rule.statistic.replace("_", " "))
    what = f"{rule.of} in {unit_of(rule)}" if rule.of != "clock" else "the clock on it"
    parts = [which, what, how, f"leaves out {left_out_by(rule)}" if rule.excludes else ""]
    text = ", ".join(part for part in parts if part).replace("_", " ")
    return f"{text} ({rule.source})"


def _which(lines: Lines) -> str:
    """Return in words which lines count."""
    kind = " of evaluations" if lines.kind == "val" else ""
    skipped, share, each = lines.skip_first, lines.skip_fraction, lines.skip_first_per_epoch
    ways = (
        (lines.last is True, f"the last line{kind}"),
        (lines.only is not None, f"the line of iteration {lines.only}"),
        (lines.first is not None, f"lines of iterations {lines.first} to {lines.last}"),
        (skipped is not None and lines.count is not None, f"{lines.count} after {skipped} lines"),
        (skipped is not None, f"all lines but the first {skipped}"),
        (share is not None, f"all lines but the first {share or 0:.0%}"),
        (each is not None, f"all lines but the first {each} of each epoch"),
        (True, f"all lines{kind}"),
    )
    return next(text for holds, text in ways if holds)
