"""The table for programs: CSV and JSON."""

import csv
import io
import json
from collections.abc import Mapping, Sequence

from mrbench.text import one_line

Values = Mapping[str, object]  # of a row, as JSON holds it

FORMULA = ("=", "+", "-", "@")  # a spreadsheet would compute what begins so


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
