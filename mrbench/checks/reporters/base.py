"""What all formats share: the exit code, the line that sums up, a finding in one line."""

from collections import Counter
from collections.abc import Iterable, Sequence

from mrbench.errors import CheckFailed, Inconclusive
from mrbench.model.finding import Finding, Outcome
from mrbench.text import counted, one_line

# In the order in which they are counted out, and the code that each makes the command end with.
CODES: dict[Outcome, int] = {
    "ok": 0,
    "note": 0,
    "failed": CheckFailed.exit_code,
    "inconclusive": Inconclusive.exit_code,
    "not checked": 0,
}


def exit_code(findings: Iterable[Finding]) -> int:
    """Return 7 if any failed, else 8 if any is inconclusive, else 0."""
    codes = {CODES[finding.outcome] for finding in findings} - {0}
    return min(codes, default=0)


def outcome(findings: Sequence[Finding]) -> Outcome:
    """Return the outcome of all together, as the exit code has it."""
    code = exit_code(findings)
    return next(name for name, value in CODES.items() if value == code)


def summary(findings: Sequence[Finding]) -> str:
    """Count them out in one line, as `3 checks: 2 ok, 1 not checked`."""
    counts = Counter(finding.outcome for finding in findings)
    parts = ", ".join(
        counted(counts[name], name) if name == "note" else f"{counts[name]} {name}"
        for name in CODES
        if counts[name]
    )
    return f"{counted(len(findings), 'check')}: {parts}" if findings else "nothing was checked"


def sentence(finding: Finding) -> str:
    """Return what was seen and what to do, in one line."""
    text, remedy = finding.text, finding.remedy
    return one_line(f"{text} -> {remedy}" if remedy else text)
