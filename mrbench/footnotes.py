"""Footnotes of a table: what a suite changed in an implementation, and what is not upstream's."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

WIDTH = 100


def of_plan(plan: Mapping[str, Any]) -> str:
    """Return what a reader of that plan's number must know, or an empty text."""
    adaptation = plan.get("adaptation")
    if not adaptation:
        return ""
    parts = [str(adaptation["reason"]).strip().rstrip(".") + "."]
    if adaptation["patches"]:
        parts.append(f"Patch: {', '.join(adaptation['patches'])}.")
    stand_ins = [f"{name} ({what})" for name, what in adaptation["stand_ins"].items()]
    parts.append(f"Not upstream's: {', '.join(stand_ins)}." if stand_ins else "No stand-ins.")
    return " ".join(parts)


def number(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give each row's `footnote` its number, in the order of the rows; equal texts share one."""
    known = list(dict.fromkeys(row["footnote"] for row in rows if row["footnote"]))
    for row in rows:
        row["footnote_number"] = known.index(row["footnote"]) + 1 if row["footnote"] else None
    return rows


def lines(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the footnotes below a table, each with the rows that it belongs to."""
    found: dict[str, list[str]] = {}
    for row in rows:
        if row["footnote"]:
            found.setdefault(row["footnote"], []).append(row["implementation"])
    return "\n".join(
        textwrap.fill(f"[{i}] {', '.join(names)}: {text}", WIDTH, subsequent_indent=" " * 4)
        for i, (text, names) in enumerate(found.items(), 1)
    )
