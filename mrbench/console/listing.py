"""A table in plain columns, as wide as the terminal lets it be; in a pipe a line for each row."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

WIDEST = 100_000  # columns of a pipe


def listing(
    headers: Sequence[str],
    right: Sequence[bool],
    cells: Sequence[Sequence[str]],
    links: Sequence[Sequence[str]],
    stream: TextIO | None = None,
) -> str:
    """Return the table as text for a stream (default: stdout).

    On a terminal it fits the width, by folding long cells, and a cell with a link is a hyperlink
    (OSC 8) to that folder. Elsewhere nothing is folded, unless COLUMNS tells a width.
    """
    from rich.box import Box  # noqa: PLC0415 - only tables for people are printed so
    from rich.console import Console  # noqa: PLC0415 - the same
    from rich.table import Table  # noqa: PLC0415 - the same
    from rich.text import Text  # noqa: PLC0415 - the same

    out = stream or sys.stdout
    told = os.environ.get("COLUMNS", "").isdecimal()
    console = Console(
        file=out,
        width=None if out.isatty() or told else WIDEST,
        highlight=False,
        markup=False,
        emoji=False,
    )

    def plain(text: str) -> str:
        if not console.encoding.startswith("utf"):
            text = text.replace("\u00b1", "+/-")
        return text.encode(console.encoding, "backslashreplace").decode(console.encoding)

    def text_of(cell: str, link: str) -> Text:
        shown = Text(plain(cell))
        if link and cell and out.isatty():
            shown.stylize(f"link {Path(os.path.abspath(link)).as_uri()}")  # noqa: PTH100 - no links followed
        return shown

    lines = ["    ", "    ", " -  ", "    ", "    ", "    ", "    ", "    "]
    table = Table(
        box=Box("\n".join(lines) + "\n", ascii=True),
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        header_style="bold",
    )
    for header, is_right in zip(headers, right, strict=True):
        table.add_column(header, justify="right" if is_right else "left", overflow="fold")
    for row, row_links in zip(cells, links, strict=True):
        table.add_row(*map(text_of, row, row_links))
    with console.capture() as printed:
        console.print(table)
    return "\n".join(line.rstrip() for line in printed.get().splitlines())


def width_of(stream: TextIO | None, most: int) -> int:
    """Return the columns for paragraphs: the terminal's, at most so many."""
    out = stream or sys.stdout
    if not out.isatty():
        return most
    from rich.console import Console  # noqa: PLC0415 - see above

    return max(20, min(most, Console(file=out).width))
