"""Each row's throughput by that of one implementation, where their runs may be compared."""

import math
from collections.abc import Sequence
from pathlib import Path

import msgspec

from mrbench.errors import MrbenchError, RecipeError
from mrbench.model.comparison import MUST
from mrbench.model.record import RunRecord
from mrbench.model.table import TableRow
from mrbench.record import rundir
from mrbench.record.provenance import differing
from mrbench.text import shorten

Record = RunRecord | str  # or why there is none


def with_relative(rows: Sequence[TableRow], base: str) -> list[TableRow]:
    """Return the rows with relative, low_relative, high_relative or relative_reason, relative_to.

    base: an implementation of these rows. Where it has several rows (counts of GPUs, commits), each
    row is put by the first of them that it may be compared with. Of each row the latest run that
    counts is read whole, and all that `mrbench compare` looks at must allow it.
    """
    known = list(dict.fromkeys(row.implementation for row in rows))
    if base not in known:
        raise RecipeError(
            f"--relative-to {base!r}: the table has no such implementation",
            f"known: {', '.join(known) or 'none'}",
        )
    records = [_record(row) for row in rows]
    bases = [pair for pair in zip(rows, records, strict=True) if pair[0].implementation == base]
    return [
        _by_first(row, record, [(row, record)] if row.implementation == base else bases, base)
        for row, record in zip(rows, records, strict=True)
    ]


def _by_first(
    row: TableRow,
    record: Record,
    others: Sequence[tuple[TableRow, Record]],
    base: str,
) -> TableRow:
    """Put a row by the first of these rows that it may be compared with, or say why by none."""
    reasons = []
    for other, other_record in others:
        reason = _reason(row, record, other, other_record)
        if reason is None:
            rate, low, high = _ratio(row, other)
            return msgspec.structs.replace(
                row,
                relative=rate,
                low_relative=low,
                high_relative=high,
                relative_reason=None,
                relative_to=base,
            )
        reasons.append(reason)
    return msgspec.structs.replace(
        row,
        relative=None,
        low_relative=None,
        high_relative=None,
        relative_reason=reasons[0] or None,
        relative_to=base,
    )


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


def _ratio(row: TableRow, other: TableRow) -> tuple[float | None, float | None, float | None]:
    if row is other:
        return 1.0, None, None
    one, by = _with_ends(row), _with_ends(other)
    if one and by:
        return ratio(one, by)
    rate, base = row.images_per_second, other.images_per_second
    return (rate / base if rate and base else None), None, None


def _with_ends(row: TableRow) -> tuple[float, float, float] | None:
    rate, low, high = row.images_per_second, row.low_images_per_second, row.high_images_per_second
    return None if rate is None or low is None or high is None else (rate, low, high)


def _record(row: TableRow) -> Record:
    """Return the record of a row's latest run that counts, or why there is none."""
    if row.images_per_second is None:
        return "no number"
    if not row.folder:
        return "where its run lies is not known"
    try:
        return rundir.load(Path(row.folder) / "record.json")
    except MrbenchError as exc:
        return str(exc)


def _reason(row: TableRow, record: Record, other: TableRow, other_record: Record) -> str | None:
    """Say why two rows may not be compared, or None."""
    if isinstance(record, str):
        return "" if row.images_per_second is None else record
    if row is other:
        return None
    if isinstance(other_record, str):
        return f"{other.implementation}: {other_record}"
    forbidding = [d for d in differing(record, other_record) if d.kind == MUST]
    if not forbidding:
        return None
    first = forbidding[0]
    more = f", and {len(forbidding) - 1} more" if len(forbidding) > 1 else ""
    return f"{first.reason} ({shorten(first.a, 24)} / {shorten(first.b, 24)}){more}"
