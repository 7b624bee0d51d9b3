"""Footnotes of a table: what a suite changed in an implementation, and what is not upstream's."""

from collections.abc import Mapping, Sequence
from typing import Any


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
    known: dict[str, int] = {}
    for row in rows:
        text = row["footnote"]
        row["footnote_number"] = known.setdefault(text, len(known) + 1) if text else None
    return rows


def texts(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the footnotes below a table, each with its number and the rows it belongs to."""
    found: dict[tuple[int, str], list[str]] = {}
    for row in rows:
        if row["footnote"]:
            found.setdefault((row["footnote_number"], row["footnote"]), []).append(
                row["implementation"]
            )
    return [
        f"[{number}] {', '.join(dict.fromkeys(names))}: {text}"
        for (number, text), names in sorted(found.items())
    ]
