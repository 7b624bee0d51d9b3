"""What all formats share: the exit code, the line that sums up, texts made harmless."""

from collections import Counter
from collections.abc import Iterable, Sequence

from mrbench.errors import CheckFailed, Inconclusive
from mrbench.model.finding import Checked, Outcome
from mrbench.text import one_line

# In the order in which they are counted out, and the code that each makes the command end with.
CODES: dict[Outcome, int] = {
    "passed": 0,
    "failed": CheckFailed.exit_code,
    "inconclusive": Inconclusive.exit_code,
    "skipped": 0,
}


def exit_code(checks: Iterable[Checked]) -> int:
    """Return 7 if any failed, else 8 if any is inconclusive, else 0."""
    found = {CODES[check.outcome] for check in checks} - {0}
    return min(found, default=0)


def outcome(checks: Sequence[Checked]) -> str:
    """Return the outcome of all together, as the exit code has it."""
    code = exit_code(checks)
    return next(name for name, value in CODES.items() if value == code)


def summary(checks: Sequence[Checked]) -> str:
    """Count them out in one line, as `3 checks: 2 passed, 1 skipped`."""
    counts = Counter(check.outcome for check in checks)
    told = ", ".join(f"{counts[name]} {name}" for name in CODES if counts[name])
    total = "1 check" if len(checks) == 1 else f"{len(checks)} checks"
    return f"{total}: {told}" if checks else "nothing was checked"


def told(check: Checked) -> str:
    """Return what was found and what to do, in one line."""
    return one_line(f"{check.text} -> {check.remedy}" if check.remedy else check.text)


def place(check: Checked) -> str:
    """Return file and line, as editors and terminals take them, or nothing."""
    where = f"{check.file}:{check.line}" if check.line is not None else check.file
    return one_line(where)
