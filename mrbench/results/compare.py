"""`mrbench compare`: whether the numbers of two runs may be compared, and then how they do."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from mrbench.errors import CheckFailed
from mrbench.model.comparison import (
    EXPLAINS,
    HARMLESS,
    MUST,
    ComparedRun,
    Comparison,
    Difference,
)
from mrbench.model.finding import Finding, Outcome
from mrbench.model.record import RunRecord
from mrbench.record.provenance import differing

MOST = 4  # facts that the verdict names


class Side(NamedTuple):
    """A run to compare; name: its folder or archive. edited: as rundir.load_checked says."""

    name: str
    record: RunRecord
    edited: bool = False


def compare(one: Side, other: Side) -> Comparison:
    """Compare two records by their provenance, then by their numbers."""
    differences = tuple(differing(one.record, other.record))
    reasons = [str(d) for d in differences if d.kind == MUST]
    for label, side in (("A", one), ("B", other)):
        reason = no_number(side.record, edited=side.edited)
        reasons += [f"{label} has no number: {reason}"] if reason else []
    a, b = _compared(one), _compared(other)
    ratio = None
    if not reasons and a.images_per_second and b.images_per_second:
        ratio = b.images_per_second / a.images_per_second
    return Comparison(
        a=a,
        b=b,
        comparable=not reasons,
        verdict=_verdict((one.record, other.record), differences, reasons),
        ratio_b_to_a=ratio,
        differences=differences,
    )


def exit_code(comparison: Comparison) -> int:
    """Return 7 where the numbers may not be compared, else 0."""
    return 0 if comparison.comparable else CheckFailed.exit_code


def no_number(record: RunRecord, *, edited: bool) -> str | None:
    """Say why a run's number cannot be used, or None; edited: as rundir.load_checked says."""
    if edited:
        return "its record was edited, `mrbench verify` tells more"
    if record.validity and record.validity.verdict == "invalid":
        return f"invalid: {record.validity.why or 'no reason'}"
    if record.status != "ok" or not record.images_per_second:
        return f"{record.status}: {record.reason or 'no reason'}"
    return None


def _compared(side: Side) -> ComparedRun:
    usable = no_number(side.record, edited=side.edited) is None
    measurement = side.record.measurement if usable else None
    return ComparedRun(
        run=side.name,
        id=side.record.id,
        status=side.record.status,
        images_per_second=measurement.images_per_second if measurement else None,
        interval=measurement.interval if measurement else None,
    )


def _verdict(
    records: Sequence[RunRecord], differences: Sequence[Difference], reasons: Sequence[str]
) -> str:
    if reasons:
        more = f"; and {len(reasons) - MOST} more" if len(reasons) > MOST else ""
        return f"May NOT be compared: {'; '.join(reasons[:MOST])}{more}."
    names = [record.plan.implementation for record in records]
    between = "" if names[0] == names[1] else f" {names[0]} and {names[1]} of one suite,"
    count = sum(d.kind == EXPLAINS for d in differences)
    if not count:
        return "May be compared: same plan, same machine."
    things = "1 thing differs that" if count == 1 else f"{count} things differ that"
    return f"May be compared:{between} {things} may explain a difference."


def findings(comparison: Comparison) -> list[Finding]:
    """Return the differences, those that forbid a comparison failed; the harmless in one line."""
    lines: list[Finding] = []
    for d in comparison.differences:
        if d.kind != HARMLESS:
            part, _, rest = d.key.partition(".")
            text = str(msgspec.structs.replace(d, key=rest or part))
            forbids = d.kind == MUST
            outcome: Outcome = "failed" if forbids else "note"
            lines.append(Finding(part, outcome, text, d.reason * forbids, subject=d.kind))
    harmless = ", ".join(d.key for d in comparison.differences if d.kind == HARMLESS)
    if harmless:
        lines.append(Finding("differ too", "ok", harmless, subject=HARMLESS))
    return lines


def numbers(comparison: Comparison) -> str:
    """Return both numbers with their intervals, and their ratio, as text."""
    lines = []
    for label, side in (("A", comparison.a), ("B", comparison.b)):
        rate, interval = side.images_per_second, side.interval
        text = f"{side.status}, no number" if rate is None else f"{rate:.3f} img/s"
        if rate is not None and interval:
            text += f" ({interval.low:.3f} to {interval.high:.3f})"
        lines.append(f"{label}: {text}  {side.run}")
    if comparison.ratio_b_to_a is not None:
        lines.append(f"B / A: {comparison.ratio_b_to_a:.4f}")
    return "\n".join(lines)
