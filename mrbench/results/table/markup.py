"""The table in Markdown, HTML and LaTeX, by tabulate, and in reStructuredText.

Other people's text is escaped for each format: it shows as written, and does nothing.
"""

import html as htmllib
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import replace
from urllib.parse import quote

from mrbench.results.table.sheet import Sheet, wrapped

MARKDOWN = re.compile(r"[\\`*_{}\[\]|~$#!]")
RST = re.compile(r"[\\`*_|:]")
# begins what is no paragraph: a list, an option, a directive, a table, a title's line
RST_BLOCK = re.compile(r"[^\w\\]|\w+[.)](\s|$)")
LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "%": r"\%",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\char34{}",  # babel's shorthands begin with it
    "[": "{[}",  # after a row's end it would be that row's argument
    "]": "{]}",
    "*": "{*}",  # the same
    "`": r"\textasciigrave{}",
    "\u00b1": r"$\pm$",
}


def markdown(sheet: Sheet) -> str:
    """Return GitHub's Markdown: the table, and below it what it means."""
    above, below = (map(escape_markdown, texts) for texts in (sheet.above, sheet.below))
    return "\n\n".join([*above, _markdown_table(sheet, _markdown_cells(sheet)), *below])


def github(sheet: Sheet) -> str:
    """Return a GitHub step summary: Markdown with a heading, marks, footnotes and notes."""
    marked = [
        [f"{mark} {cells[0]}".strip(), *cells[1:]]
        for cells, mark in zip(_markdown_cells(sheet), sheet.marks, strict=True)
    ]
    parts = [f"## {escape_markdown(sheet.title)}", *map(escape_markdown, sheet.above)]
    parts.append(_markdown_table(sheet, marked))
    parts += map(escape_markdown, replace(sheet, remarks=()).below)
    if sheet.remarks:
        lines = "\n".join(f"- {escape_markdown(text)}" for text in sheet.remarks)
        parts.append(f"<details><summary>Notes</summary>\n\n{lines}\n\n</details>")
    return "\n\n".join(parts)


def rst(sheet: Sheet) -> str:
    """Return a grid table, as the published one is, and below it what it means."""

    def linked(text: str, link: str) -> str:
        return f"`{escape_rst(text)} <{url_of(link)}>`__"

    cells = _cells(sheet, escape_rst, linked)
    # each in one line: a second may underline it
    above, below = (map(escape_rst, texts) for texts in (sheet.above, sheet.below))
    table = grid([[*map(escape_rst, sheet.headers)], *cells], sheet.right)
    return "\n\n".join([*above, table, *below])


def html(sheet: Sheet) -> str:
    """Return a `table` element in a `section`, for a page of any kind."""

    def linked(text: str, link: str) -> str:
        return f'<a href="{escape_html(url_of(link))}">{escape_html(text)}</a>'

    table = _table(sheet, _cells(sheet, escape_html, linked), "unsafehtml", escape_html)
    caption = f"<table>\n<caption>{escape_html(sheet.title)}</caption>"
    below = "".join(f"\n<p>{escape_html(text)}</p>" for text in sheet.below)
    above = "".join(f"<p>{escape_html(text)}</p>\n" for text in sheet.above)
    return f"<section>\n{above}{table.replace('<table>', caption, 1)}{below}\n</section>"


def latex(sheet: Sheet) -> str:
    """Return a tabular, which needs no package, and a paragraph for each text below it."""
    cells = _cells(sheet, escape_latex, lambda text, _: escape_latex(text))
    table = _table(sheet, cells, "latex_raw", escape_latex)
    above, below = (
        [wrapped(f"\\noindent {escape_latex(text)}") for text in texts]
        for texts in (sheet.above, sheet.below)
    )
    return "\n\n".join([*above, table, *below])


def _markdown_table(sheet: Sheet, cells: Sequence[Sequence[str]]) -> str:
    return _table(sheet, cells, "pipe", escape_markdown)


def _markdown_cells(sheet: Sheet) -> list[list[str]]:
    def linked(text: str, link: str) -> str:
        return f"[{escape_markdown(text)}]({url_of(link)})"

    return _cells(sheet, escape_markdown, linked)


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
    escaped: Callable[[str], str],
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
    """Return a grid table of reStructuredText, as wide as docutils reads it.

    rows: the first of them headers, each cell a line; right: which columns end even. tabulate's
    grid is two wider than its header, as the published table is not, and measures characters by
    another rule than docutils, which then finds the table malformed.
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


def escape_markdown(text: str) -> str:
    """Escape clean text for GitHub's Markdown: no markup, no HTML, nobody is called by @."""
    text = MARKDOWN.sub(r"\\\g<0>", text.replace("&", "&amp;"))
    text = text.replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"@(?=\w)", "@<!-- -->", text)


def escape_html(text: str) -> str:
    """Escape clean text for HTML, in elements and in quoted attributes."""
    return htmllib.escape(text)


def escape_rst(text: str) -> str:
    """Escape clean text for reStructuredText, where a cell may begin a list or a directive."""
    escaped = RST.sub(r"\\\g<0>", text)
    if set(escaped) == {"\\"}:
        return f"\\ {escaped}"  # they alone would be a title's line
    return f"\\{escaped}" if RST_BLOCK.match(escaped) else escaped


def escape_latex(text: str) -> str:
    """Escape clean text for LaTeX's text mode."""
    return "".join(LATEX.get(c, c) for c in text).replace("--", "-{}-")


def url_of(path: str) -> str:
    """Return a path as the relative or absolute URL of links; no character of it needs escapes."""
    quoted = quote(path.encode("utf-8", "surrogateescape"), safe="/")
    quoted = quoted[:-1] + "%5F" if quoted.endswith("_") else quoted  # rst would take it for a name
    return quoted if path.startswith(("/", "../")) else f"./{quoted}"
