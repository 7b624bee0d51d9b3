"""For people: findings in columns, wrapped to the terminal, with colour where it has any."""

from collections.abc import Sequence
from typing import TextIO

from mrbench.checks.reporters.base import place, summary
from mrbench.console import print_report
from mrbench.model.finding import Checked
from mrbench.text import one_line


def write(checks: Sequence[Checked], out: TextIO) -> None:
    """Print a row for each, by subject, and the count last."""
    rows = [
        (one_line(c.subject), c.outcome, one_line(c.check), _text(c), one_line(c.remedy))
        for c in checks
    ]
    print_report("mrbench check", rows, summary(checks), out)


def _text(check: Checked) -> str:
    where = place(check)
    quiet = check.outcome == "passed" or not where
    return one_line(check.text) if quiet else f"{where}: {one_line(check.text)}"
