"""Footnotes of a table: what a suite changed in an implementation, and what is not upstream's."""

from collections.abc import Iterable, Sequence

import msgspec

from mrbench.model.plan import Plan
from mrbench.model.table import TableRow


def of_plan(plan: Plan) -> str:
    """Return what a reader of that plan's number must know, or an empty text."""
    adaptation = plan.adaptation
    if not adaptation:
        return ""
    parts = [adaptation.reason.strip().rstrip(".") + "."]
    if adaptation.patches:
        parts.append(f"Patch: {', '.join(adaptation.patches)}.")
    stand_ins = [f"{name} ({what})" for name, what in adaptation.stand_ins.items()]
    parts.append(f"Not upstream's: {', '.join(stand_ins)}." if stand_ins else "No stand-ins.")
    return " ".join(parts)


def number(rows: Iterable[TableRow]) -> list[TableRow]:
    """Give each row's footnote its number, in the order of the rows; equal texts share one."""
    numbers: dict[str, int] = {}
    return [
        msgspec.structs.replace(
            row, footnote_number=numbers.setdefault(row.footnote, len(numbers) + 1)
        )
        if row.footnote
        else row
        for row in rows
    ]


def texts(rows: Sequence[TableRow]) -> list[str]:
    """Return the footnotes below a table, each with its number and the rows it belongs to."""
    names: dict[tuple[int, str], list[str]] = {}
    for row in rows:
        if row.footnote_number:
            names.setdefault((row.footnote_number, row.footnote), []).append(row.implementation)
    return [
        f"[{number}] {', '.join(dict.fromkeys(rows_of))}: {text}"
        for (number, text), rows_of in sorted(names.items())
    ]
