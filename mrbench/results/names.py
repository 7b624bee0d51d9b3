"""What the rows of a table are called, and which row somebody means by a name.

A name says in what a row differs from its suite: `detectron2`, `detectron2@d01c861` for another
commit, `minimask x2` for another number of devices, `minimask x16 2nodes`, `minimask 20:60` for
another window, `minimask batch=4` for another value of a parameter. To name one, as much of it does
as tells it from the other rows.
"""

import re
from collections import Counter
from collections.abc import Sequence

from msgspec.structs import replace

from mrbench.errors import RecipeError
from mrbench.model.parameters import changed, settings
from mrbench.model.suite import Suite
from mrbench.model.table import TableRow
from mrbench.text import did_you_mean, first_few, shorten

COMMIT = 12  # hexadecimal digits
MOST = 12  # names that a line lists
DEVICES = re.compile(r"x(\d{1,9})")
NODES = re.compile(r"(\d{1,9})nodes?")
WINDOW = re.compile(r"\d+:\d+")


def with_names(suite: Suite, rows: Sequence[TableRow]) -> list[TableRow]:
    """Return the rows with their names, no two alike."""
    names = [_name(suite, row, commit=not row.pinned) for row in rows]
    count = Counter(names)
    return [
        replace(row, name=name if count[name] == 1 else _name(suite, row, commit=True))
        for row, name in zip(rows, names, strict=True)
    ]


def _name(suite: Suite, row: TableRow, *, commit: bool) -> str:
    parts = [f"{row.implementation}@{row.commit[:COMMIT]}" if commit else row.implementation]
    if row.gpus != suite.hardware.count or row.nodes > 1:
        parts.append(f"x{row.gpus}")
    if row.nodes > 1:
        parts.append(f"{row.nodes}nodes")
    if row.window != str(suite.window):
        parts.append(row.window)
    parts += [settings(changed(row.parameters))] if changed(row.parameters) else []
    parts += [row.signer] if row.signer else []
    return " ".join(parts)


def one(rows: Sequence[TableRow], text: str, where: str) -> TableRow:
    """Return the row of that name; RecipeError where there is none, or several.

    where: what the error's line begins with.
    """
    exact = [row for row in rows if row.name == text]
    found = exact or _matching(rows, text)
    if len(found) != 1:
        raise _unclear(rows, found, text, where)
    return found[0]


def family(rows: Sequence[TableRow], text: str, where: str) -> list[TableRow]:
    """Return the rows of that name, all of one commit: they differ in devices or window only.

    Without a commit in the name the recipe's own is meant, and of parameters that it does not name
    the defaults, where there are such rows. RecipeError as for `one`.
    """
    found = _matching(rows, text)
    named = {word.partition("=")[0] for word in text.split()[1:]}
    found = [row for row in found if named.issuperset(changed(row.parameters))] or found
    if len({settings(changed(row.parameters)) for row in found}) > 1:
        raise _unclear(rows, found, text, where)
    if len({row.commit for row in found}) > 1:
        own = [row for row in found if "@" not in row.name]
        if len({row.commit for row in own}) != 1:
            raise _unclear(rows, found, text, where)
        return own
    if not found:
        raise _unclear(rows, found, text, where)
    return found


def _matching(rows: Sequence[TableRow], text: str) -> list[TableRow]:
    head, *words = text.split() or [""]
    name, at, commit = head.partition("@")
    if at and not commit:
        return []
    return [
        row
        for row in rows
        if row.implementation == name
        and row.commit.startswith(commit)
        and all(_says(row, word) for word in words)
    ]


def _says(row: TableRow, word: str) -> bool:
    if devices := DEVICES.fullmatch(word):
        return row.gpus == int(devices[1])
    if nodes := NODES.fullmatch(word):
        return row.nodes == int(nodes[1])
    name, is_setting, text = word.partition("=")
    if is_setting:
        return name in row.parameters and str(row.parameters[name].value) == text
    return bool(WINDOW.fullmatch(word)) and row.window == word


def _unclear(
    rows: Sequence[TableRow], found: Sequence[TableRow], text: str, where: str
) -> RecipeError:
    names = [row.name for row in found or rows]
    listed = first_few([shorten(name) for name in names], MOST, last=", and") or "none"
    if found:
        return RecipeError(f"{where}: {text!r} fits {len(found)} rows", f"give one of: {listed}")
    meant = did_you_mean(text, names)
    hint = f"{meant}; the rows are: {listed}" if meant else f"the rows are: {listed}"
    return RecipeError(f"{where}: no row {text!r}", hint)
