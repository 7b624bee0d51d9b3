"""A table in plain columns, as wide as the terminal lets it be; in a pipe a line for each row."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from rich.box import Box
from rich.console import Console
from rich.table import Table
from rich.text import Text

LEAST = 10  # columns for what is folded, where names and numbers are not
READABLE = 24  # columns for the same, before a column is left out for it
GAP = 2  # columns between two of a table
WIDEST = 100_000  # columns of a pipe


def listing(
    headers: Sequence[str],
    right: Sequence[bool],
    cells: Sequence[Sequence[str]],
    links: Sequence[Sequence[str]],
) -> str:
    """Return the table as text for stdout.

    On a terminal it fits the width, by folding long cells, and a cell with a link is a hyperlink
    (OSC 8) to that folder. Elsewhere nothing is folded: whatever reads lines finds a row in each.
    """
    console = Console(
        width=None if sys.stdout.isatty() else WIDEST,
        highlight=False,
        markup=False,
        emoji=False,
    )

    def plain(text: str) -> str:
        return encodable(text, console.encoding)

    def text_of(cell: str, link: str) -> Text:
        shown = Text(plain(cell))
        if link and cell and sys.stdout.isatty():
            shown.stylize(f"link {Path(os.path.abspath(link)).as_uri()}")  # noqa: PTH100 - no links followed
        return shown

    lines = ["    ", "    ", " -  ", "    ", "    ", "    ", "    ", "    "]
    box = Box("\n".join(lines) + "\n", ascii=True)
    texts = [
        [text_of(cell, link) for cell, link in zip(row, row_links, strict=True)]
        for row, row_links in zip(cells, links, strict=True)
    ]

    def build(whole: Sequence[bool], titles: Sequence[str]) -> Table:
        table = Table(
            box=box, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold"
        )
        for title, to_right, no_wrap in zip(titles, right, whole, strict=True):
            side: Literal["left", "right"] = "right" if to_right else "left"
            table.add_column(title, justify=side, overflow="fold", no_wrap=no_wrap)
        for row in texts:
            table.add_row(*row)
        return table

    table = build([False] * len(headers), headers)
    natural = console.measure(table, options=console.options.update(width=WIDEST)).maximum
    if natural > console.width:
        table = build(*_tight(headers, right, texts, console.width))
    with console.capture() as printed:
        console.print(table)
    return "\n".join(line.rstrip() for line in printed.get().splitlines())


def fitting(
    headers: Sequence[str],
    right: Sequence[bool],
    cells: Sequence[Sequence[str]],
    order: Sequence[int],
) -> list[int]:
    """Return the columns that a terminal has room for without folding names and numbers.

    In a pipe these are all. order: those that may be left out, the first to go first. Where the
    rest is still too wide, `listing` folds it.
    """
    kept = list(range(len(headers)))
    if not sys.stdout.isatty():
        return kept
    width = Console().width
    titles = _titles(headers, right)
    texts = [[Text(cell) for cell in row] for row in cells]
    least = [_least(titles, right, texts, i, READABLE) for i in kept]
    for gone in order:
        if sum(least[i] for i in kept) + GAP * (len(kept) - 1) <= width:
            break
        kept.remove(gone)
    return kept


def _titles(headers: Sequence[str], right: Sequence[bool]) -> list[str]:
    """Return the headers, those of numbers with a word on each line."""
    return [
        title.replace(" ", "\n") if numbers else title
        for title, numbers in zip(headers, right, strict=True)
    ]


def _least(
    titles: Sequence[str],
    right: Sequence[bool],
    texts: Sequence[Sequence[Text]],
    i: int,
    folded: int,
) -> int:
    """Return how narrow a column may be: names and numbers are whole, others at least `folded`."""
    words = max(map(len, titles[i].split("\n")))
    widest = max([words, *(row[i].cell_len for row in texts)])
    return widest if right[i] or i == 0 else min(widest, folded)


def _tight(
    headers: Sequence[str], right: Sequence[bool], texts: Sequence[Sequence[Text]], width: int
) -> tuple[list[bool], list[str]]:
    """Return which columns should not be folded, if that can be, and headers in several lines.

    These are the names, which come first, and the numbers.
    """
    titles = _titles(headers, right)
    whole = [numbers or i == 0 for i, numbers in enumerate(right)]
    least = sum(_least(titles, right, texts, i, LEAST) for i in range(len(titles)))
    fits = least + GAP * (len(titles) - 1) <= width
    return (whole if fits else [False] * len(whole)), titles


def width_of(most: int) -> int:
    """Return the columns for paragraphs: the terminal's, at most so many."""
    if not sys.stdout.isatty():
        return most
    return max(20, min(most, Console().width))


def encodable(text: str, encoding: str) -> str:
    """Return a text with what the encoding lacks written out: \u00b1 as +/-, else escapes."""
    if not encoding.lower().startswith("utf"):
        text = text.replace("\u00b1", "+/-")
    return text.encode(encoding, "backslashreplace").decode(encoding)
