"""`mrbench compare`: whether the numbers of two runs may be compared, and then how they do."""

from collections.abc import Mapping, Sequence
from typing import Any

from mrbench.errors import CheckFailed, MrbenchError
from mrbench.jsonfile import digest_of
from mrbench.model.finding import Finding, Outcome
from mrbench.record.provenance import EXPLAINS, HARMLESS, MUST, Difference, differing
from mrbench.record.verify import shape

Record = Mapping[str, Any]
MOST = 4  # facts that the verdict names


def compare(called: Sequence[str], records: Sequence[Record]) -> dict[str, Any]:
    """Compare two records by their provenance, then by their numbers, as plain values.

    Raises MrbenchError where one of them is no whole record.
    """
    for name, record in zip(called, records, strict=True):
        wrong = next(shape.check(dict(record)), None)
        if wrong:
            raise MrbenchError(f"{name}: {wrong.text}", wrong.remedy)
    found = differing(*records)
    reasons = [str(d) for d in found if d.kind == MUST]
    for label, record in zip("AB", records, strict=True):
        reason = no_number(record)
        reasons += [f"{label} has no number: {reason}"] if reason else []
    sides = [_side(name, record) for name, record in zip(called, records, strict=True)]
    rates = [side["images_per_second"] for side in sides]
    return {
        "a": sides[0],
        "b": sides[1],
        "comparable": not reasons,
        "verdict": _verdict(records, found, reasons),
        "ratio_b_to_a": None if reasons else rates[1] / rates[0],
        "differences": [d._asdict() for d in found],
    }


def exit_code(answer: Mapping[str, Any]) -> int:
    """Return 7 where the numbers may not be compared, else 0."""
    return 0 if answer["comparable"] else CheckFailed.exit_code


def no_number(record: Record) -> str | None:
    """Say why a run's number cannot be used, or None."""
    if "digest" in record and digest_of(dict(record)) != record["digest"]:
        return "its record was edited, `mrbench verify` tells more"
    validity = record.get("validity") or {}
    if validity.get("verdict") == "invalid":
        return f"invalid: {validity.get('why') or 'no reason'}"
    rate = (record.get("measurement") or {}).get("images_per_second")
    if record["status"] != "ok" or not rate:
        return f"{record['status']}: {record.get('reason') or 'no reason'}"
    return None


def _side(name: str, record: Record) -> dict[str, Any]:
    measured = record.get("measurement") or {}
    usable = no_number(record) is None
    return {
        "run": name,
        "id": record["id"],
        "status": record["status"],
        "images_per_second": measured.get("images_per_second") if usable else None,
        "interval": measured.get("interval") if usable else None,
    }


def _verdict(records: Sequence[Record], found: Sequence[Difference], reasons: list[str]) -> str:
    if reasons:
        more = f"; and {len(reasons) - MOST} more" if len(reasons) > MOST else ""
        return f"May NOT be compared: {'; '.join(reasons[:MOST])}{more}."
    names = [record["plan"]["implementation"] for record in records]
    told = "" if names[0] == names[1] else f" {names[0]} and {names[1]} of one suite,"
    count = sum(d.kind == EXPLAINS for d in found)
    if not count:
        return "May be compared: same plan, same machine."
    things = "1 thing differs that" if count == 1 else f"{count} things differ that"
    return f"May be compared:{told} {things} may explain a difference."


def findings(answer: Mapping[str, Any]) -> list[Finding]:
    """Return the differences, those that forbid a comparison failed; the harmless in one line."""
    known = [Difference(**d) for d in answer["differences"]]
    shown: list[Finding] = []
    for d in known:
        if d.kind != HARMLESS:
            part, _, rest = d.key.partition(".")
            text = str(d._replace(key=rest or part))
            forbids = d.kind == MUST
            outcome: Outcome = "failed" if forbids else "note"
            shown.append(Finding(part, outcome, text, d.reason * forbids, subject=d.kind))
    harmless = ", ".join(d.key for d in known if d.kind == HARMLESS)
    if harmless:
        shown.append(Finding("differ too", "ok", harmless, subject=HARMLESS))
    return shown


def numbers(answer: Mapping[str, Any]) -> str:
    """Return both numbers with their intervals, and their ratio, as text."""
    lines = []
    for label in ("a", "b"):
        side = answer[label]
        rate, interval = side["images_per_second"], side["interval"]
        text = f"{side['status']}, no number" if rate is None else f"{rate:.3f} img/s"
        if rate is not None and interval:
            text += f" ({interval['low']:.3f} to {interval['high']:.3f})"
        lines.append(f"{label.upper()}: {text}  {side['run']}")
    if answer["ratio_b_to_a"] is not None:
        lines.append(f"B / A: {answer['ratio_b_to_a']:.4f}")
    return "\n".join(lines)
