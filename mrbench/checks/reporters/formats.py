"""Formats of `mrbench check`: columns for people, JSON for programs, JUnit's XML for CI."""

import json
from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from typing import TextIO
from xml.etree import ElementTree as ET

from mrbench import __version__
from mrbench.checks.reporters.base import CODES, exit_code, outcome, sentence, summary
from mrbench.console.report import place_of, print_report
from mrbench.model.finding import Finding, count
from mrbench.text import one_line

FORMAT = 2  # of the JSON; 1 said passed and skipped, and named the topic `check`
ELEMENTS = {"failed": "failure", "inconclusive": "error", "not checked": "skipped"}


def write_plain(findings: Sequence[Finding], out: TextIO, command: str = "check") -> None:
    """Print a row for each, by subject, and the count last."""
    print_report(f"mrbench {command}", findings, summary(findings), out)


def write_json(findings: Sequence[Finding], out: TextIO, _command: str = "check") -> None:
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


def write_junit(findings: Sequence[Finding], out: TextIO, command: str = "check") -> None:
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
