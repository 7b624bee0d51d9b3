"""Findings in columns, as `mrbench doctor` and others print them."""

import itertools
import sys
from collections.abc import Iterable
from typing import TextIO

from mrbench.console.charset import encodable

TOPIC_WIDTH = 12
# of findings: sign, its plain form, and rich's style; the word stands beside it, always
MARKS = {
    "good": ("\u2713", "+", "green"),
    "warning": ("!", "!", "yellow"),
    "missing": ("\u2717", "x", "bold red"),
    "note": ("-", "-", "cyan"),
    "differs": ("\u2717", "x", "bold red"),
    "passed": ("\u2713", "+", "green"),
    "skipped": ("-", "-", "cyan"),
    "inconclusive": ("?", "?", "yellow"),
    "failed": ("\u2717", "x", "bold red"),
}
LEVEL_WIDTH = 7


def print_report(
    title: str,
    rows: Iterable[tuple[str, str, str, str, str]],
    verdict: str,
    stream: TextIO | None = None,
) -> None:
    """Print rows of (group, level, topic, text, remedy) in columns, wrapped to the terminal.

    Elsewhere it is 80 columns wide (COLUMNS says otherwise), without colour, in what characters
    the stream can take.
    """
    from rich.console import Console  # noqa: PLC0415 - only findings are printed so
    from rich.table import Table  # noqa: PLC0415 - the same
    from rich.text import Text  # noqa: PLC0415 - the same

    out = stream or sys.stdout
    console = Console(file=out, highlight=False, markup=False, emoji=False)
    rows = tuple(rows)
    width = max([LEVEL_WIDTH, *(len(level) for _, level, *_ in rows)])
    signs = 0 if console.encoding.startswith("utf") else 1

    def plain(text: str) -> str:
        return encodable(text, console.encoding)

    def rule(rows: Iterable[tuple[str, str, str, str, str]]) -> Table:
        columns = Table.grid(padding=(0, 1))
        columns.add_column(width=2)
        columns.add_column(no_wrap=True)
        columns.add_column(width=width)
        columns.add_column(width=TOPIC_WIDTH)
        columns.add_column(overflow="fold")
        for _, level, topic, text, remedy in rows:
            style = MARKS[level][2]
            told = Text(plain(text))
            if remedy:
                told.append(f"\n-> {plain(remedy)}", style)
            columns.add_row("", MARKS[level][signs], Text(level, style), plain(topic), told)
        return columns

    with console.capture() as printed:
        console.print(Text(plain(title), "bold"))
        for group, members in itertools.groupby(rows, key=lambda row: row[0]):
            console.print(Text(group, "bold"), rule(members), sep="\n")
        console.print(Text(plain(verdict), "bold"))
    out.writelines(f"{line.rstrip()}\n" for line in printed.get().splitlines())
