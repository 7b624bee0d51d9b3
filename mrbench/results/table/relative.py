"""Each row's throughput by that of one implementation, where their runs may be compared."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mrbench.errors import MrbenchError, RecipeError
from mrbench.record.provenance import MUST, differing
from mrbench.record.rundir import read_record
from mrbench.record.verify import shape
from mrbench.results.table.columns import Row
from mrbench.text import shown

Record = Mapping[str, Any]


def fill_in(rows: Sequence[Row], base: str) -> None:
    """Set relative, low_relative, high_relative, or relative_reason, and relative_to in each row.

    base: an implementation of these rows. Where it has several rows (counts of GPUs, commits), each
    row is put by the first of them that it may be compared with. Of each row the latest run that
    counts is read whole, and all that `mrbench compare` looks at must allow it.
    """
    known = list(dict.fromkeys(row["implementation"] for row in rows))
    if base not in known:
        raise RecipeError(
            f"--relative-to {base!r}: the table has no such implementation",
            f"known: {', '.join(known) or 'none'}",
        )
    bases = [row for row in rows if row["implementation"] == base]
    records = {id(row): _record(row) for row in rows}
    for row in rows:
        reasons = []
        for other in [row] if row["implementation"] == base else bases:
            reason = _reason(row, records[id(row)], other, records[id(other)])
            if reason is None:
                row.update(_ratio(row, other))
                break
            reasons.append(reason)
        else:
            row.update({"relative": None, "low_relative": None, "high_relative": None})
            row["relative_reason"] = reasons[0] or None
        row["relative_to"] = base


def ratio(one: Sequence[float], other: Sequence[float]) -> tuple[float, float, float]:
    """Return one / other with its 95 % interval; each is a rate, its low and its high end.

    The ends are recovered from both intervals on the logarithmic scale, where a ratio is a
    difference (MOVER: Zou and Donner, Statistics in Medicine 27 (2008) 1693-1702). Both must be
    independent: two runs, or sets of runs, are.
    """
    (rate, low, high), (by, by_low, by_high) = one, other
    down = math.hypot(math.log(rate / low), math.log(by_high / by))
    up = math.hypot(math.log(high / rate), math.log(by / by_low))
    return rate / by, rate / by * math.exp(-down), rate / by * math.exp(up)


def _ratio(row: Row, other: Row) -> Row:
    found: tuple[float | None, ...] = (row["images_per_second"] / other["images_per_second"],)
    ends = [[r[f"{n}images_per_second"] for n in ("", "low_", "high_")] for r in (row, other)]
    if row is other:
        found = (1.0, None, None)
    elif None in (*ends[0], *ends[1]):
        found = (*found, None, None)
    else:
        found = ratio(*ends)
    names = ("relative", "low_relative", "high_relative")
    return dict(zip(names, found, strict=True)) | {"relative_reason": None}


def _record(row: Row) -> Record | str:
    """Return the whole record of a row's latest run that counts, or why it cannot be had."""
    if row["images_per_second"] is None:
        return "no number"
    if not row["folder"]:
        return "where its run lies is not known"
    try:
        record = read_record(Path(row["folder"]) / "record.json")
    except MrbenchError as exc:
        return str(exc)
    wrong = next(shape.check(record), None)
    return f"{row['folder']}: {wrong.text}" if wrong else record


def _reason(row: Row, record: Record | str, other: Row, base: Record | str) -> str | None:
    """Say why two rows may not be compared, or None."""
    if isinstance(record, str):
        return "" if row["images_per_second"] is None else record
    if row is other:
        return None
    if isinstance(base, str):
        return f"{other['implementation']}: {base}"
    found = [d for d in differing(record, base) if d.kind == MUST]
    if not found:
        return None
    first = found[0]
    more = f", and {len(found) - 1} more" if len(found) > 1 else ""
    return f"{first.reason} ({shown(first.a, 24)} / {shown(first.b, 24)}){more}"
