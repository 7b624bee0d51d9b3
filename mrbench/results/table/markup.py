"""The table in Markdown, HTML and LaTeX, by tabulate, and in reStructuredText."""

import unicodedata
from collections.abc import Callable, Sequence

from mrbench.results.table import escape
from mrbench.results.table.sheet import Sheet, wrapped


def markdown(sheet: Sheet) -> str:
    """Return GitHub's Markdown: the table, and below it what it means."""
    below = [escape.markdown(text) for text in sheet.below]
    return "\n\n".join([_table(sheet, _markdown_cells(sheet), "pipe"), *below])


def github(sheet: Sheet) -> str:
    """Return a GitHub step summary: Markdown with a heading, marks, footnotes and notes."""
    marked = [
        [f"{mark} {cells[0]}".strip(), *cells[1:]]
        for cells, mark in zip(_markdown_cells(sheet), sheet.marks, strict=True)
    ]
    parts = [f"## {escape.markdown(sheet.title)}", _table(sheet, marked, "pipe")]
    parts += [escape.markdown(text) for text in sheet.below]
    if sheet.remarks:
        lines = "\n".join(f"- {escape.markdown(text)}" for text in sheet.remarks)
        parts.append(f"<details><summary>Notes</summary>\n\n{lines}\n\n</details>")
    return "\n\n".join(parts)


def rst(sheet: Sheet) -> str:
    """Return a grid table, as the published one is, and below it what it means."""

    def linked(text: str, link: str) -> str:
        return f"`{escape.rst(text)} <{escape.url(link)}>`__"

    cells = _cells(sheet, escape.rst, linked)
    below = [escape.rst(text) for text in sheet.below]  # in one line: a second may underline it
    return "\n\n".join([grid([[*map(escape.rst, sheet.headers)], *cells], sheet.right), *below])


def html(sheet: Sheet) -> str:
    """Return a `table` element in a `section`, for a page of any kind."""

    def linked(text: str, link: str) -> str:
        return f'<a href="{escape.html(escape.url(link))}">{escape.html(text)}</a>'

    table = _table(sheet, _cells(sheet, escape.html, linked), "unsafehtml", escape.html)
    caption = f"<table>\n<caption>{escape.html(sheet.title)}</caption>"
    below = "".join(f"\n<p>{escape.html(text)}</p>" for text in sheet.below)
    return f"<section>\n{table.replace('<table>', caption, 1)}{below}\n</section>"


def latex(sheet: Sheet) -> str:
    """Return a tabular, which needs no package, and a paragraph for each thing said below."""
    cells = _cells(sheet, escape.latex, lambda text, _: escape.latex(text))
    table = _table(sheet, cells, "latex_raw", escape.latex)
    return "\n\n".join([table, *(wrapped(f"\\noindent {escape.latex(t)}") for t in sheet.below)])


def _markdown_cells(sheet: Sheet) -> list[list[str]]:
    def linked(text: str, link: str) -> str:
        return f"[{escape.markdown(text)}]({escape.url(link)})"

    return _cells(sheet, escape.markdown, linked)


def _cells(
    sheet: Sheet, escaped: Callable[[str], str], linked: Callable[[str, str], str]
) -> list[list[str]]:
    return [
        [
            linked(cell, link) if cell and link else escaped(cell)
            for cell, link in zip(cells, links, strict=True)
        ]
        for cells, links in zip(sheet.cells, sheet.links, strict=True)
    ]


def _table(
    sheet: Sheet,
    cells: Sequence[Sequence[str]],
    style: str,
    escaped: Callable[[str], str] = str,
) -> str:
    from tabulate import tabulate  # noqa: PLC0415 - 40 ms that only these formats pay

    return tabulate(
        cells,
        headers=[escaped(header) for header in sheet.headers],
        tablefmt=style,
        disable_numparse=True,
        preserve_whitespace=False,
        colalign=["right" if right else "left" for right in sheet.right] if cells else None,
    )


def grid(rows: Sequence[Sequence[str]], right: Sequence[bool]) -> str:
    """Return rows, the first of them headers, each cell a line; `right`: which columns end even.

    As wide as docutils reads it. tabulate's grid is two wider than the header, as the published
    table is not, and by another rule for the width of characters, which docutils finds malformed.
    """
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    lines = []
    for i, row in enumerate(rows):
        lines.append("+".join(["", *(("=" if i == 1 else "-") * (w + 2) for w in widths), ""]))
        cells = (
            f" {' ' * (width - _width(cell))}{cell} "
            if to_right
            else f" {cell}{' ' * (width - _width(cell))} "
            for cell, width, to_right in zip(row, widths, right, strict=True)
        )
        lines.append("|".join(["", *cells, ""]))
    return "\n".join([*lines, lines[0]])


def _width(text: str) -> int:
    """Return the columns of a text by docutils' rule."""
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(unicodedata.combining(c) > 0 for c in text)
