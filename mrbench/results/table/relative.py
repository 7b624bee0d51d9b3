"""Each row's throughput by that of another row, where their runs may be compared."""

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from mrbench.errors import MrbenchError
from mrbench.measure.repeats import Noise, Ratio
from mrbench.model.record import RunRecord
from mrbench.model.table import TableRow
from mrbench.record import rundir
from mrbench.record.provenance import facts
from mrbench.results import names
from mrbench.results.comparable import why_not
from mrbench.results.ratios import ratio_of
from mrbench.text import one_line

Record = RunRecord | str  # or why there is none
NoiseOf = Callable[[RunRecord], Noise | None]
ITSELF = Ratio(ratio=1.0, low=None, high=None)


def with_relative(
    rows: Sequence[TableRow], base: str, noise_of: NoiseOf = lambda _: None
) -> list[TableRow]:
    """Return the rows with relative, low_relative, high_relative or relative_reason, relative_to.

    base: the name of a row, or as much of it as tells it from the others (results/names.py). Where
    that fits rows of several counts of devices, each row, these too, is put by the first of them
    that it may be compared with. Of each row the latest run that counts is read whole, and all that
    `mrbench compare` looks at must allow it. noise_of: what a baseline knows of the noise between
    runs like one, for rows of one run. RecipeError where base names no row, several commits, or
    several points of a grid.
    """
    wanted = [row.name for row in names.family(rows, base, "--relative-to")]
    records = [_record(row) for row in rows]
    pairs = list(zip(rows, records, strict=True))
    bases = [pair for pair in pairs if pair[0].name in wanted]
    called = wanted[0] if len(wanted) == 1 else one_line(base)
    return [_by_first(row, record, bases, called, noise_of) for row, record in pairs]


def _by_first(
    row: TableRow,
    record: Record,
    others: Sequence[tuple[TableRow, Record]],
    base: str,
    noise_of: NoiseOf,
) -> TableRow:
    """Put a row by the first of these rows that it may be compared with, or say why by none."""
    found, reasons = None, list[str]()
    for other, other_record in others:
        reason = _reason(row, record, other, other_record)
        if reason is None:
            noises = (_noise(record, noise_of), _noise(other_record, noise_of))
            found = ratio_of(row, other, noises) if row is not other else ITSELF
            break
        reasons.append(reason)
    return msgspec.structs.replace(
        row,
        relative=found and found.ratio,
        low_relative=found and found.low,
        high_relative=found and found.high,
        relative_reason=None if found else reasons[0] or None,
        relative_to=base,
    )


def _noise(record: Record, noise_of: NoiseOf) -> Noise | None:
    return None if isinstance(record, str) else noise_of(record)


def _record(row: TableRow) -> Record:
    """Return the record of a row's latest run that counts, or why there is none."""
    if row.throughput is None:
        return "no number"
    if not row.folder:
        return "where its run lies is not known"
    try:
        path = Path(row.folder) / "record.json"
        record, edited = rundir.load_checked(path, str(path))
    except MrbenchError as exc:
        return str(exc)
    return "its record was edited" if edited else record


def _reason(row: TableRow, record: Record, other: TableRow, other_record: Record) -> str | None:
    """Say why two rows may not be compared, or None."""
    if isinstance(record, str):
        return "" if row.throughput is None else record
    if row is other:
        return None
    if isinstance(other_record, str):
        return f"{other.name}: {other_record}"
    return why_not(facts(record), facts(other_record)) or None
