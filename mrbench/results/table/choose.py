"""Which rows and columns are shown, and in what order: --columns, --filter, --sort."""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mrbench.errors import RecipeError
from mrbench.model.table import TableRow
from mrbench.model.work import Unit
from mrbench.results.table.columns import value
from mrbench.results.table.offered import METRIC, OWN, PARAMETERS, columns_of, units_of

OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "~": lambda value, text: text.casefold() in value.casefold(),
}
CONDITION = re.compile(
    r"(?P<key>[\w.]+)\s*(?P<operator>!=|<=|>=|=|<|>|~)\s*(?P<value>.*)", re.DOTALL
)


def columns(text: str | None) -> list[str] | None:
    """Read names of columns parted by commas; None where none are given."""
    if text is None:
        return None
    return list(dict.fromkeys(name.strip() for name in text.split(",")))


def require(names: Sequence[str] | None, rows: Sequence[TableRow]) -> None:
    """Raise RecipeError for a name of --columns that is of no column of these rows."""
    offered = columns_of(rows)
    for name in names or () if rows else ():
        if name not in offered:
            raise RecipeError(f"--columns {name!r}: no such column", f"known: {', '.join(offered)}")


def keep(rows: Sequence[TableRow], conditions: Sequence[str]) -> list[TableRow]:
    """Return the rows that meet all conditions: KEY, an operator of OPERATORS, VALUE.

    Numbers are compared as numbers (=, !=, <, <=, >, >=), texts by = and != as a whole and by ~ as
    what contains VALUE, in any case of letters. A row that has no value there meets only !=.
    """
    kept = list(rows)
    for text in conditions:
        match = CONDITION.fullmatch(text.strip())
        if match is None:
            raise RecipeError(
                f"--filter {text!r}: no condition",
                f"write KEY=VALUE, or one of {' '.join(OPERATORS)} in place of =",
            )
        key = _key(match["key"], rows, f"--filter {text!r}")
        kept = [
            row for row in kept if _holds(value(row, key), match["operator"], match["value"], text)
        ]
    return kept


def by_unit(rows: Sequence[TableRow]) -> dict[Unit, list[TableRow]]:
    """Group rows by what their throughputs count; an order's first unit comes first."""
    groups: dict[Unit, list[TableRow]] = {}
    for row in rows:
        groups.setdefault(row.unit, []).append(row)
    return groups


def order(rows: Sequence[TableRow], text: str | None) -> list[TableRow]:
    """Sort by a column (COLUMN, COLUMN:asc or COLUMN:desc); rows without a value come last."""
    if text is None:
        return list(rows)
    name, _, direction = text.partition(":")
    if direction not in ("", "asc", "desc"):
        raise RecipeError(f"--sort {text!r}: the order is asc or desc, as {name}:desc")
    key = _key(name, rows, f"--sort {text!r}")
    valued = [row for row in rows if value(row, key) is not None]
    contents = [value(row, key) for row in valued]
    several = dict.fromkeys(n for each in contents if isinstance(each, Mapping) for n in each)
    if several:
        hint = f"name one of them: {', '.join(several)}"
        raise RecipeError(f"--sort {text!r}: that is several values", hint)
    valued.sort(key=lambda row: _sortable(row, key), reverse=direction == "desc")
    return valued + [row for row in rows if value(row, key) is None]


def _key(name: str, rows: Sequence[TableRow], where: str) -> str:
    """Return the key of rows that a column, or a key as JSON has it, stands for."""
    if name == "implementation":  # the column has the rows' names
        return name
    offered = columns_of(rows)
    if name in offered:
        return _of_one_unit(offered[name].keys[0], rows, where)
    own = [key for column in offered.values() for key in column.keys if key.startswith(OWN)]
    keys = list(rows[0].plain()) if rows else []
    if name in own:
        return _of_one_unit(name, rows, where)
    if name in keys or not rows:
        return name
    known = dict.fromkeys([*offered, *keys])
    raise RecipeError(f"{where}: no such column or key", f"known: {', '.join(known)}")


def _of_one_unit(key: str, rows: Sequence[TableRow], where: str) -> str:
    """Return the key; RecipeError where its values are of several units."""
    units = units_of(key, rows) if key.startswith(METRIC) else ()
    if len(units) > 1:
        each = ", ".join(sorted(f"{aggregation} {unit}".rstrip() for unit, aggregation in units))
        text = f"{where}: the rows' values are not of one kind ({each})"
        raise RecipeError(text, "choose rows that are with --filter")
    return key


def _holds(content: object, sign: str, text: str, condition: str) -> bool:
    if content is None:
        return sign == "!="
    if isinstance(content, bool):
        content = "yes" if content else "no"
    if isinstance(content, int | float):
        number = _number(text)
        if sign == "~" or number is None:
            raise RecipeError(
                f"--filter {condition!r}: that is a number",
                "compare it with one, by = != < <= > >=",
            )
        return OPERATORS[sign](content, number)
    if sign not in ("=", "!=", "~"):
        raise RecipeError(f"--filter {condition!r}: that is text", "compare it by = != or ~")
    joined = "; ".join(map(str, content)) if isinstance(content, tuple) else str(content)
    return OPERATORS[sign](joined, text)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _sortable(row: TableRow, key: str) -> Any:  # noqa: ANN401 - of one key all are of one type
    content = value(row, key)
    # but for a parameter that two recipes declare, one of them as a text
    return (isinstance(content, str), content) if key.startswith(PARAMETERS) else content
