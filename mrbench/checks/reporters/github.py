"""For GitHub Actions: an annotation for each finding, and a summary of the step.

https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands says how texts
are escaped; annotations are read from stdout, the summary is a file that it names.
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from mrbench.checks.reporters.base import place, summary, told
from mrbench.errors import UnavailableError
from mrbench.model.finding import Checked
from mrbench.text import one_line

LEVELS = {"failed": "error", "inconclusive": "warning"}
SIGNS = {"passed": "✅", "failed": "❌", "inconclusive": "❔", "skipped": "⏭️"}
# Whatever markdown or HTML could take for something else than text.
MARKUP = re.compile(r"[^\w\s.,;%/+=?'\u0080-\U0010ffff-]|://|www\.", re.IGNORECASE)
FEW = 20  # rows that all are shown
LARGEST_BYTES = 900_000  # GitHub drops a summary of more than a mebibyte


def write(checks: Sequence[Checked], out: TextIO) -> None:
    """Print annotations; append to the step's summary where GITHUB_STEP_SUMMARY names its file."""
    for check in checks:
        if check.outcome in LEVELS:
            out.write(annotation(check) + "\n")
    out.write(f"mrbench check: {summary(checks)}\n")
    place_ = os.environ.get("GITHUB_STEP_SUMMARY")
    if place_:
        try:
            with Path(place_).open("a", encoding="utf-8") as file:
                file.write(step_summary(checks))
        except OSError as exc:
            raise UnavailableError(
                f"cannot be written ({exc.strerror})", "correct GITHUB_STEP_SUMMARY", file=place_
            ) from exc


def annotation(check: Checked) -> str:
    """Return a workflow command that shows a finding at its file and line."""
    found = {
        "file": one_line(_file(check.file)),
        "line": "" if check.line is None else str(check.line),
    }
    found["title"] = one_line(f"{check.subject}: {check.check} {check.outcome}")
    inner = ",".join(f"{name}={_property(text)}" for name, text in found.items() if text)
    return f"::{LEVELS[check.outcome]} {inner}::{_data(told(check))}"


def step_summary(checks: Sequence[Checked]) -> str:
    """Return markdown: the count, what did not pass, and of many the rest folded away."""
    few = len(checks) <= FEW
    loud = [check for check in checks if few or check.outcome != "passed"]
    rest = [check for check in checks if not few and check.outcome == "passed"]
    parts = [f"## mrbench check\n\n{_text(summary(checks))}\n"]
    if loud:
        parts.append(_table(loud))
    if rest:
        whole = f"<details><summary>{len(rest)} passed</summary>\n\n{_table(rest)}\n</details>\n"
        parts.append(whole)
    text = "\n".join(parts) + "\n"
    if len(text.encode()) <= LARGEST_BYTES:
        return text
    return f"{parts[0]}\nToo long for a summary; see the log of the step.\n\n"


def _table(checks: Sequence[Checked]) -> str:
    rows = [
        f"| {SIGNS[c.outcome]} {c.outcome} | {_text(c.subject)} | {_text(c.check)} |"
        f" {_text(told(c))} | {_text('' if c.outcome == 'passed' else place(c))} |\n"
        for c in checks
    ]
    return "| | subject | check | found | where |\n|---|---|---|---|---|\n" + "".join(rows)


def _text(text: str) -> str:
    """Return a text as markdown shows it literally."""
    return MARKUP.sub(lambda m: "".join(f"&#{ord(c)};" for c in m[0]), one_line(text))


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _file(name: str) -> str:
    """Return a file relative to the repository, which annotations want."""
    base = os.environ.get("GITHUB_WORKSPACE")
    if not name or not base:
        return name
    whole, root = Path(name).absolute(), Path(base).absolute()
    return str(whole.relative_to(root)) if whole.is_relative_to(root) else name
