"""Findings in columns, as `mrbench doctor` and others print them."""

import sys
from collections.abc import Iterable
from typing import TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from mrbench.console.listing import encodable
from mrbench.model.finding import Finding, Outcome, by_subject
from mrbench.text import one_line, printable

TOPIC_WIDTH = 12
LEAST_WIDTH = 6  # of the column of outcomes
# sign, its plain form, and rich's style; the word stands beside it, always
MARKS: dict[Outcome, tuple[str, str, str]] = {
    "ok": ("\u2713", "+", "green"),
    "note": ("!", "!", "yellow"),
    "failed": ("\u2717", "x", "bold red"),
    "inconclusive": ("?", "?", "yellow"),
    "not checked": ("-", "-", "cyan"),
}


def print_report(
    title: str, findings: Iterable[Finding], verdict: str, stream: TextIO | None = None
) -> None:
    """Print findings in columns under their subjects, wrapped to the terminal; title may be empty.

    Elsewhere it is 80 columns wide (COLUMNS says otherwise), without colour, in what characters
    the stream can take.
    """
    out = stream or sys.stdout
    console = Console(file=out, highlight=False, markup=False, emoji=False)
    groups = by_subject(findings)
    outcomes = {f.outcome for group in groups.values() for f in group}
    width = max([LEAST_WIDTH, *map(len, outcomes)])
    sign = 0 if console.encoding.startswith("utf") else 1

    def plain(text: str) -> str:
        return encodable(text, console.encoding)

    def rule(members: Iterable[Finding]) -> Table:
        columns = Table.grid(padding=(0, 1))
        columns.add_column(width=2)
        columns.add_column(no_wrap=True)
        columns.add_column(width=width)
        columns.add_column(width=TOPIC_WIDTH)
        columns.add_column(overflow="fold")
        for f in members:
            style = MARKS[f.outcome][2]
            text = Text(plain(_text(f)))
            if f.remedy:
                text.append(f"\n-> {plain(one_line(f.remedy))}", style)
            mark = MARKS[f.outcome][sign]
            columns.add_row("", mark, Text(f.outcome, style), plain(one_line(f.topic)), text)
        return columns

    with console.capture() as printed:
        for line in title.split("\n") if title else ():
            console.print(Text(plain(one_line(line)), "bold"))
        for subject, members in groups.items():
            console.print(Text(plain(one_line(subject)), "bold"), rule(members), sep="\n")
        console.print(Text(plain(printable(verdict)), "bold"))
    out.writelines(f"{line.rstrip()}\n" for line in printed.get().splitlines())


def place_of(finding: Finding) -> str:
    """Return file and line, as editors and terminals take them, or nothing."""
    lined = finding.file if finding.line is None else f"{finding.file}:{finding.line}"
    return one_line(lined)


def _text(finding: Finding) -> str:
    where = "" if finding.outcome == "ok" else place_of(finding)
    whose = f" [{', '.join(finding.implementations)}]" if finding.implementations else ""
    text = printable(finding.text) + whose
    return f"{where}: {text}" if where else text
