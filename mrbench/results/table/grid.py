"""A grid table of reStructuredText, as wide as docutils reads it.

tabulate's grid is another: two wider than the header, as the published table is not, and by a rule
for the width of characters that is not docutils', which then finds the table malformed.
"""

import unicodedata
from collections.abc import Sequence


def grid(rows: Sequence[Sequence[str]], right: Sequence[bool]) -> str:
    """Return rows, the first of them headers, each cell a line; `right`: which columns end even."""
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
