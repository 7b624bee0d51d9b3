"""For CI servers: JUnit's XML, a suite for each subject. What is inconclusive is an error."""

from collections.abc import Sequence
from itertools import groupby
from typing import TextIO
from xml.etree import ElementTree as ET

from mrbench.checks.reporters.base import place, told
from mrbench.model.finding import Checked
from mrbench.text import one_line

ELEMENTS = {"failed": "failure", "inconclusive": "error", "skipped": "skipped"}


def write(checks: Sequence[Checked], out: TextIO) -> None:
    """Write one <testsuites>; subjects that come together make one <testsuite>."""
    root = ET.Element("testsuites", {"name": "mrbench check", **_counts(checks)})
    for subject, group in groupby(checks, key=lambda check: check.subject):
        members = list(group)
        suite = ET.SubElement(root, "testsuite", {"name": one_line(subject), **_counts(members)})
        for check in members:
            _case(suite, check)
    ET.indent(root)
    out.write('<?xml version="1.0" encoding="UTF-8"?>\n')
    out.write(ET.tostring(root, encoding="unicode") + "\n")


def _case(suite: ET.Element, check: Checked) -> None:
    found = {"name": one_line(check.check), "classname": one_line(check.subject), "time": "0"}
    if check.file:
        found["file"] = one_line(check.file)
    if check.line is not None:
        found["line"] = str(check.line)
    case = ET.SubElement(suite, "testcase", found)
    if check.figures:
        figures = ET.SubElement(case, "properties")
        for name, value in check.figures.items():
            ET.SubElement(figures, "property", name=one_line(name), value=repr(value))
    if check.outcome in ELEMENTS:
        inner = ET.SubElement(case, ELEMENTS[check.outcome], message=told(check))
        if check.outcome != "skipped":
            inner.set("type", check.outcome)
            inner.text = " ".join(filter(None, (place(check), told(check))))
    else:
        ET.SubElement(case, "system-out").text = told(check)


def _counts(checks: Sequence[Checked]) -> dict[str, str]:
    def count(outcome: str) -> str:
        return str(sum(check.outcome == outcome for check in checks))

    return {
        "tests": str(len(checks)),
        "failures": count("failed"),
        "errors": count("inconclusive"),
        "skipped": count("skipped"),
        "time": "0",
    }
