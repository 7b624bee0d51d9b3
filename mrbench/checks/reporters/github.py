"""For GitHub Actions: an annotation for each finding, and a summary of the step.

https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands says how texts
are escaped; annotations are read from stdout, the summary is a file that it names.
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from mrbench.checks.reporters.base import sentence, summary
from mrbench.console.report import place_of
from mrbench.errors import UnavailableError
from mrbench.files import refusal
from mrbench.model.finding import Finding
from mrbench.text import one_line

LEVELS = {"failed": "error", "inconclusive": "warning"}
SIGNS = {"ok": "✅", "note": "❗", "failed": "❌", "inconclusive": "❔", "not checked": "⏭️"}
# Whatever markdown or HTML could take for something else than text.
MARKUP = re.compile(r"[^\w\s.,;%/+=?'\u0080-\U0010ffff-]|://|www\.", re.IGNORECASE)
FEW = 20  # rows that all are shown
LARGEST_BYTES = 900_000  # GitHub drops a summary of more than a mebibyte


def write(findings: Sequence[Finding], out: TextIO, command: str = "check") -> None:
    """Print annotations; append to the step's summary where GITHUB_STEP_SUMMARY names its file."""
    for finding in findings:
        if finding.outcome in LEVELS:
            out.write(annotation(finding) + "\n")
    out.write(f"mrbench {command}: {summary(findings)}\n")
    place_ = os.environ.get("GITHUB_STEP_SUMMARY")
    if place_:
        with (
            refusal("written", place_, "correct GITHUB_STEP_SUMMARY", UnavailableError),
            Path(place_).open("a", encoding="utf-8") as file,
        ):
            file.write(step_summary(findings, command))


def annotation(finding: Finding) -> str:
    """Return a workflow command that shows a finding at its file and line."""
    properties = {
        "file": one_line(_file(finding.file)),
        "line": "" if finding.line is None else str(finding.line),
    }
    properties["title"] = one_line(f"{finding.subject}: {finding.topic} {finding.outcome}")
    inner = ",".join(f"{name}={_property(text)}" for name, text in properties.items() if text)
    return f"::{LEVELS[finding.outcome]} {inner}::{_data(sentence(finding))}"


def step_summary(findings: Sequence[Finding], command: str = "check") -> str:
    """Return markdown: the count, what did not pass, and of many the rest folded away."""
    few = len(findings) <= FEW
    loud = [finding for finding in findings if few or finding.outcome != "ok"]
    rest = [finding for finding in findings if not few and finding.outcome == "ok"]
    parts = [f"## mrbench {command}\n\n{_text(summary(findings))}\n"]
    if loud:
        parts.append(_table(loud))
    if rest:
        whole = f"<details><summary>{len(rest)} ok</summary>\n\n{_table(rest)}\n</details>\n"
        parts.append(whole)
    text = "\n".join(parts) + "\n"
    if len(text.encode()) <= LARGEST_BYTES:
        return text
    return f"{parts[0]}\nToo long for a summary; see the log of the step.\n\n"


def _table(findings: Sequence[Finding]) -> str:
    rows = [
        f"| {SIGNS[c.outcome]} {c.outcome} | {_text(c.subject)} | {_text(c.topic)} |"
        f" {_text(sentence(c))} | {_text('' if c.outcome == 'ok' else place_of(c))} |\n"
        for c in findings
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
