"""How many of all runs of its plan a row shows, by the ledger, and what became of the others."""

from collections.abc import Container, Sequence

from mrbench.model.table import TableRow
from mrbench.record.ledger import OLDER, VALID
from mrbench.text import counted, one_line

MOST = 3  # runs of a kind that a line names


def of_rows(rows: Sequence[TableRow]) -> list[str]:
    """Return the lines on runs that rows do not show, and on their registrations."""
    here = {name for row in rows for name in row.runs}
    lines = [line for row in rows for line in (_not_shown(row, here), _registration(row))]
    return [one_line(line) for line in lines if line]


def _not_shown(row: TableRow, here: Container[str]) -> str:
    """Return what became of the runs of a row's plan that are in no row, or nothing.

    here: the runs of all rows; those of one plan by two signers are two rows.
    """
    parts = []
    for what, names in (row.ledger.became if row.ledger else {}).items():
        left = [name for name in names if what not in (VALID, OLDER) or name not in here]
        if left:
            kind = "valid, in no row here" if what == VALID else what
            listed = ", ".join(left[:MOST]) + ", ..." * (len(left) > MOST)
            parts.append(f"{len(left)} {kind} ({listed})")
    shown = f"{row.name}: {row.repeats} of {row.ledger_runs} runs of its plan in the ledger"
    return f"{shown}; the others: {', '.join(parts)}" if parts else ""


def _registration(row: TableRow) -> str:
    """Say to which registration a row's runs are bound, and how many were begun; or nothing."""
    bound = row.registered
    if bound is None:
        return ""
    terms = f"{counted(bound.repeat, 'run')}, {bound.aggregation}, margin {100 * bound.margin:g} %"
    text = f"{row.name}: registered beforehand as {bound.digest[:16]}, {terms}"
    if row.ledger:
        text += f"; {len(row.ledger.registered.get(bound.digest, ()))} were begun"
    shown = row.aggregation.partition(" ")[0] or "mean"
    return text + (f"; shown is {shown}" if shown != bound.aggregation else "")


def n_of_m(row: TableRow) -> str:
    """Return how many runs a row shows of how many: `3 of 5`, or `3` where no ledger tells."""
    if row.ledger_runs is not None:
        return f"{row.repeats} of {row.ledger_runs}"
    return f"{row.repeats} of ?" if row.ledger_missing else str(row.repeats or "-")
