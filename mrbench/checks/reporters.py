"""How findings are printed: in columns, as JSON or JUnit's XML, for GitHub and other services.

GitHub reads annotations from stdout and the step's summary from a file that it names; how texts are
escaped: https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands.
"""

import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TextIO
from xml.etree import ElementTree as ET

from mrbench import __version__
from mrbench.console.report import place_of, print_report
from mrbench.errors import CheckFailed, Inconclusive, UnavailableError
from mrbench.files import refusal
from mrbench.model.finding import Finding, Outcome, count
from mrbench.model.work import rate_name
from mrbench.text import counted, one_line

# In the order in which they are counted out, and the code that each makes the command end with.
CODES: dict[Outcome, int] = {
    "ok": 0,
    "note": 0,
    "failed": CheckFailed.exit_code,
    "inconclusive": Inconclusive.exit_code,
    "not checked": 0,
}
FORMAT = 2  # of the JSON; 1 said passed and skipped, and named the topic `check`
ELEMENTS = {"failed": "failure", "inconclusive": "error", "not checked": "skipped"}
LEVELS = {"failed": "error", "inconclusive": "warning", "note": "notice"}
SIGNS = {"ok": "✅", "note": "❗", "failed": "❌", "inconclusive": "❔", "not checked": "⏭️"}
# Whatever markdown or HTML could take for something else than text.
MARKUP = re.compile(r"[^\w\s.,;%/+=?'\u0080-\U0010ffff-]|://|www\.", re.IGNORECASE)
FEW = 20  # rows that all are shown
LARGEST_BYTES = 900_000  # GitHub drops a summary of more than a mebibyte


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


def write_plain(findings: Sequence[Finding], out: TextIO, command: str) -> None:
    """Print a row for each, by subject, and the count last."""
    print_report(f"mrbench {command}", findings, summary(findings), out)


def write_json(findings: Sequence[Finding], out: TextIO, _command: str) -> None:
    """Print one object: counts, the outcome of all together, and every finding."""
    counts = Counter(finding.outcome for finding in findings)
    whole = {
        "format": FORMAT,
        "mrbench": __version__,
        "outcome": outcome(findings),
        "exit_code": exit_code(findings),
        "counts": {name: counts[name] for name in CODES},
        "checks": [finding.plain() for finding in findings],
    }
    out.write(json.dumps(whole, indent=1, allow_nan=False) + "\n")


def write_junit(findings: Sequence[Finding], out: TextIO, command: str) -> None:
    """Write JUnit's XML, one <testsuites>; subjects that come together make one <testsuite>.

    What is inconclusive is an error, as CI servers tell it apart from a failure.
    """
    root = ET.Element("testsuites", {"name": f"mrbench {command}", **_counts(findings)})
    for subject, group in groupby(findings, key=lambda finding: finding.subject):
        members = list(group)
        suite = ET.SubElement(root, "testsuite", {"name": one_line(subject), **_counts(members)})
        for finding in members:
            _case(suite, finding)
    ET.indent(root)
    out.write('<?xml version="1.0" encoding="UTF-8"?>\n')
    out.write(ET.tostring(root, encoding="unicode") + "\n")


def _case(suite: ET.Element, finding: Finding) -> None:
    attributes = {
        "name": one_line(finding.topic),
        "classname": one_line(finding.subject),
        "time": "0",
    }
    if finding.file:
        attributes["file"] = one_line(finding.file)
    if finding.line is not None:
        attributes["line"] = str(finding.line)
    case = ET.SubElement(suite, "testcase", attributes)
    if finding.figures:
        figures = ET.SubElement(case, "properties")
        for name, value in finding.figures.items():
            ET.SubElement(figures, "property", name=one_line(name), value=repr(value))
    if finding.outcome in ELEMENTS:
        inner = ET.SubElement(case, ELEMENTS[finding.outcome], message=sentence(finding))
        if finding.outcome != "not checked":
            inner.set("type", finding.outcome)
            inner.text = " ".join(filter(None, (place_of(finding), sentence(finding))))
    else:
        ET.SubElement(case, "system-out").text = sentence(finding)


def _counts(findings: Sequence[Finding]) -> dict[str, str]:
    return {
        "tests": str(len(findings)),
        "failures": str(count(findings, "failed")),
        "errors": str(count(findings, "inconclusive")),
        "skipped": str(count(findings, "not checked")),
        "time": "0",
    }


def write_github(findings: Sequence[Finding], out: TextIO, command: str) -> None:
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


def write_bencher(findings: Sequence[Finding], out: TextIO, _command: str) -> None:
    """Write Bencher Metric Format: the throughput of each series, with its 95 % interval."""
    metrics = {finding.subject: {"throughput": metric} for finding, metric in _metrics(findings)}
    out.write(json.dumps(metrics, indent=1, ensure_ascii=False) + "\n")


def write_github_action_benchmark(findings: Sequence[Finding], out: TextIO, _command: str) -> None:
    """Write what its tool `customBiggerIsBetter` reads; range: half of the 95 % interval."""
    entries = []
    for finding, metric in _metrics(findings):
        value, unit = metric["value"], rate_name(finding.unit or "images")
        entry = {"name": finding.subject, "unit": unit, "value": value, "extra": finding.text}
        if "lower_value" in metric:
            half = max(value - metric["lower_value"], metric["upper_value"] - value)
            entry["range"] = f"\u00b1 {half:.3g}"
        entries.append(entry)
    out.write(json.dumps(entries, indent=1, ensure_ascii=False) + "\n")


def _metrics(findings: Sequence[Finding]) -> Iterator[tuple[Finding, dict[str, float]]]:
    """Yield the findings that have a number, each with that and its interval as Bencher's keys."""
    keys = {"value": "", "lower_value": "_low", "upper_value": "_high"}
    for finding in findings:
        metric = {key: finding.figures.get(f"throughput{end}") for key, end in keys.items()}
        if metric["value"] is not None:
            yield finding, {key: value for key, value in metric.items() if value is not None}


Write = Callable[[Sequence[Finding], TextIO, str], None]  # str: of which command
# Files in which services that draw throughput over time take the numbers of `check --baseline`.
EXPORTS: dict[str, Write] = {
    "github-action-benchmark": write_github_action_benchmark,
    "bencher": write_bencher,
}
FORMATS: dict[str, Write] = {
    "plain": write_plain,
    "json": write_json,
    "junit": write_junit,
    "github": write_github,
}
