"""The comparison table: rows in, text out, in any of FORMATS."""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from mrbench.console.listing import fitting, listing, width_of
from mrbench.model.suite import Reference, Suite
from mrbench.model.table import TableRow
from mrbench.results.table import markup, published
from mrbench.results.table.columns import DISPENSABLE, value
from mrbench.results.table.offered import METRIC, OWN, PARAMETERS, columns_of, shown_by_default
from mrbench.results.table.sheet import UNEQUAL, WIDTH, Sheet, cut, make, wrapped
from mrbench.text import one_line

Values = Mapping[str, object]  # of a row, as JSON holds it

FORMULA = ("=", "+", "-", "@")  # a spreadsheet would compute what begins so


def plain(sheet: Sheet, *, whole: bool = True) -> str:
    """Return the table for a terminal, or a pipe, under its lead and above what it means.

    whole: all of each footnote and note, else a line of each.
    """
    table = listing(sheet.headers, sheet.right, sheet.cells, sheet.links)
    width = width_of(WIDTH)
    above = [wrapped(text, width) for text in sheet.above]
    below = []
    for part in sheet.parts:
        brief = part in (sheet.remarks, sheet.notes) or part[0] == UNEQUAL
        lines = cut if brief and not whole else wrapped
        below.append("\n".join(lines(text, width) for text in part))
    texts = (*sheet.remarks, *sheet.notes, *sheet.unequal)
    if not whole and any(cut(text, width) != text for text in texts):
        below.append(wrapped("A note that ends in ... goes on: --notes prints all of it.", width))
    return "\n\n".join([*above, table, *below])


def as_csv(rows: Sequence[Values], keys: Sequence[str]) -> str:
    """Return the rows' values under their keys; texts of a list are parted by `; `.

    Of texts, what no terminal prints is a space, and an apostrophe stands before what a
    spreadsheet would take for a formula; --format json has them as they are.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(keys)
    writer.writerows([_plain(row.get(key)) for key in keys] for row in rows)
    return out.getvalue().rstrip("\n")


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        value = "; ".join(map(str, value))
    if not isinstance(value, str):
        return value
    text = one_line(value)
    return f"'{text}" if text.startswith(FORMULA) else text


def as_json(rows: Sequence[Values], keys: Sequence[str]) -> str:
    """Return a list of objects."""
    return json.dumps([{key: row.get(key) for key in keys} for row in rows], indent=1)


MARKUP: dict[str, Callable[[Sheet], str]] = {
    "plain": plain,
    "markdown": markup.markdown,
    "github": markup.github,
    "rst": markup.rst,
    "html": markup.html,
    "latex": markup.latex,
}
DATA: dict[str, Callable[[Sequence[Values], Sequence[str]], str]] = {
    "csv": as_csv,
    "json": as_json,
}
FORMATS = (*MARKUP, *DATA)
# What CSV leaves out unless it is asked for.
LISTS = (
    "notes",
    "slowed",
    "runs",
    "folders",
    "stand_ins",
    "lead",
    "metrics",
    "parameters",
    "ledger",
)


def render(
    suite: Suite,
    rows: Sequence[TableRow],
    style: str,
    names: list[str] | None = None,
    *,
    whole: bool = False,
) -> str:
    """Render rows in one of FORMATS, with the named columns; default: all that say something.

    Whatever others wrote is escaped, but in JSON. whole: all of the suite's notes, and plain all
    of each footnote.
    """
    if style in DATA:
        return render_data(rows, style, names)
    if style == "plain":
        return plain(_fitted(suite, rows, names, whole=whole), whole=whole)
    return MARKUP[style](make(suite, rows, names or shown_by_default(suite, rows), whole=whole))


def _fitted(
    suite: Suite, rows: Sequence[TableRow], names: list[str] | None, *, whole: bool
) -> Sheet:
    """Return a sheet of the columns that the terminal has room for.

    Those without a value go first; of named ones the last.
    """
    wanted = names or shown_by_default(suite, rows)
    order = wanted[:0:-1] if names else _dispensable(rows, wanted)
    sheet = make(suite, rows, wanted, whole=whole)
    places = [wanted.index(name) for name in order]
    places.sort(key=lambda i: any(row[i] != "-" for row in sheet.cells))
    fits = fitting(sheet.headers, sheet.right, sheet.cells, places)
    if len(fits) == len(wanted):
        return sheet
    gone = ", ".join(header for i, header in enumerate(sheet.headers) if i not in fits)
    told = f"Not shown (terminal too narrow, `| cat` shows all): {gone}."
    return replace(make(suite, rows, [wanted[i] for i in fits], whole=whole), left_out=told)


def _dispensable(rows: Sequence[TableRow], names: Sequence[str]) -> list[str]:
    """Return the columns that a narrow terminal goes without, the first to go first."""
    offered = {name: column.keys[0] for name, column in columns_of(rows).items()}
    told = [name for name, key in offered.items() if key.startswith(PARAMETERS)]  # by rows' names
    own = [name for name, key in offered.items() if key.startswith(METRIC)]
    *others, last = DISPENSABLE
    return [name for name in (*told, *others, *own[::-1], last) if name in names]


def render_data(rows: Sequence[TableRow], style: str, names: list[str] | None = None) -> str:
    """Render rows, of several suites too, as CSV or JSON; default: all keys of a row.

    JSON has what others wrote as it was.
    """
    offered = columns_of(rows)
    own = [key for column in offered.values() for key in column.keys if key.startswith(OWN)]
    values = [row.plain() | {key: value(row, key) for key in own} for row in rows]
    keys = [
        k for k in (values[0] if values else ()) if k not in (own if style == "json" else LISTS)
    ]
    if names is not None:
        named = dict.fromkeys(
            key for name in names if name in offered for key in offered[name].keys
        )
        several = len({row.suite for row in rows}) > 1
        keys = ["suite", *named] if several else list(named)
    return DATA[style](values, keys or ["implementation"])


def render_published(name: str, suite: Suite, reference: Reference, style: str) -> str:
    """Render a published table by itself in one of FORMATS."""
    if style == "rst":
        return published.rst(reference)
    if style in DATA:
        rows = published.rows(name, reference)
        return DATA[style](rows, list(rows[0]) if rows else ["implementation"])
    return MARKUP[style](published.sheet(suite, reference))
