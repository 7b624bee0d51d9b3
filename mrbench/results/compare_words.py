"""`mrbench compare` in words: the ratio first, then what differs, by what it concerns."""

from collections.abc import Mapping, Sequence

from mrbench.model.comparison import (  # fmt: skip
    EXPLAINS,
    HARMLESS,
    LONGEST,
    MUST,
    ComparedSide,
    Comparison,
    Difference,
)
from mrbench.model.finding import Finding, Outcome
from mrbench.model.work import rate_name
from mrbench.record.provenance import SLOWED, beginning
from mrbench.results import footnotes
from mrbench.text import first_few, one_line, shorten

# What a difference concerns, by the beginning of its key; what mostly explains most comes first.
CONCERNS: Mapping[str, tuple[str, ...]] = {
    "code": ("plan.source", "workspace", "plan.patch_sha256", "plan.adaptation"),
    "packages": ("package",),
    "environment": (
        *("environment", "plan.environment", "plan.lock_sha256"),
        *("machine.python", "machine.mrbench"),
    ),
    "load": (SLOWED, "clock_mhz"),
    "variables": ("machine.variables", "plan.variables", "machine.not_passed"),
    "machine": ("machine",),
    "plan": ("plan", "stated", "weights"),
    "measurement": ("suite", "forced", "mrbench"),
}
_CONCERN_OF = {start: concern for concern, starts in CONCERNS.items() for start in starts}
PACKAGES = "packages"
MOST_PACKAGES, MOST_HARMLESS = 4, 6  # that a line names


def heading(comparison: Comparison) -> str:
    """Return the ratio, what it says, and both numbers."""
    lines = []
    ratio, low = comparison.ratio_b_to_a, comparison.low_ratio_b_to_a
    if ratio is not None:
        text = f"B / A: {ratio:.4f}"
        if low is not None:
            text += f" (95 % interval {low:.4f} to {comparison.high_ratio_b_to_a:.4f})"
        lines.append(f"{text}: {comparison.conclusion}")
    else:
        lines.append(comparison.verdict)
    for label, side in (("A", comparison.a), ("B", comparison.b)):
        lines.append(f"{label}: {_number(side)}  {side.run}")
    return "\n".join(map(one_line, lines))


def _number(side: ComparedSide) -> str:
    rate, interval = side.throughput, side.interval
    if rate is None:
        return f"{side.status}, no number"
    text = f"{rate:.3f} {rate_name(side.unit)}"
    count = len(side.runs)
    if interval:
        what = "95 % interval" if count > 1 else "within this run"
        text += f" ({what} {interval.low:.3f} to {interval.high:.3f})"
    text += f", {count} run{'s' * (count != 1)}"
    if side.assumed_noise is not None:
        text += f", noise {100 * side.assumed_noise:.3g} % by the baseline"
    return text


def findings(comparison: Comparison) -> list[Finding]:
    """Return the differences by what they concern; those that forbid a comparison are failed."""
    lines = [_line(d, MUST, "failed") for d in comparison.differences if d.kind == MUST]
    names = [side.id.split("/")[1] for side in (comparison.a, comparison.b)]
    lines += [
        Finding("not equal", "note", text, subject="suite")
        for text in footnotes.unequal(comparison.of_suite, names)
    ]
    for subject, members in _by_concern(comparison.differences).items():
        if subject == PACKAGES and len(members) > 1:
            texts = [f"{d.key.partition('.')[2]} {_values(d)}" for d in members]
            text = _few(texts, MOST_PACKAGES, "; ")
            lines.append(Finding(str(len(members)), "note", text, subject=subject))
        else:
            lines += [_line(d, subject, "note") for d in members]
    for label, side in (("A", comparison.a), ("B", comparison.b)):
        for text in side.left_out if side.runs else ():
            lines.append(Finding(label, "note", text, subject="left out"))
    harmless = [d.key for d in comparison.differences if d.kind == HARMLESS]
    if harmless:
        text = _few(harmless, MOST_HARMLESS, ", ")
        lines.append(Finding("differ too", "ok", text, subject=HARMLESS))
    return lines


def _few(texts: Sequence[str], most: int, between: str) -> str:
    few = first_few(texts, most, between, f"{between}and")
    return f"{few}, which --json lists" if len(texts) > most else few


def last(comparison: Comparison) -> str:
    """Return the last line: what the ratio says, and what may explain it."""
    if not comparison.comparable:
        return comparison.verdict
    concerns = _by_concern(comparison.differences)
    told = [f"{name} ({len(m)})" if len(m) > 1 else name for name, m in concerns.items()]
    said = len(comparison.of_suite)
    told = [f"what the suite says is not equal ({said})", *told] if said else told
    why = f" What may explain a difference: {', '.join(told)}." if told else ""
    return f"{comparison.conclusion}. {comparison.verdict}{why}"


def _by_concern(differences: Sequence[Difference]) -> dict[str, list[Difference]]:
    """Group what may explain a difference by CONCERNS, in that order."""
    found: dict[str, list[Difference]] = {subject: [] for subject in CONCERNS}
    for d in differences:
        if d.kind == EXPLAINS:
            found[concern(d.key)].append(d)
    return {subject: members for subject, members in found.items() if members}


def concern(key: str) -> str:
    """Return which of CONCERNS a fact is of."""
    return _CONCERN_OF.get(beginning(key, _CONCERN_OF), "plan")


def _line(d: Difference, subject: str, outcome: Outcome) -> Finding:
    """Return a difference: its topic is the part of the record, its text begins with the rest."""
    part, _, rest = d.key.partition(".")
    remedy = d.reason if outcome == "failed" else ""
    return Finding(part, outcome, f"{rest or part}: {_values(d)}", remedy, subject=subject)


def _values(d: Difference) -> str:
    return f"{shorten(d.a, LONGEST)} / {shorten(d.b, LONGEST)}"
