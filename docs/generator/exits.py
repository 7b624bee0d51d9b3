"""The page of exit codes, made from mrbench/errors.py."""

import inspect

from pages import cell

from mrbench import errors
from mrbench.cli import BUG, INTERRUPTED

INTRO = """\
# Exit codes

Every command ends with one of these. Of several runs the largest code counts.

| code | error | meaning |
|---|---|---|
| 0 | | ok |
"""


def page() -> str:
    """Return the page."""
    kinds = [k for _, k in inspect.getmembers(errors, inspect.isclass) if _is_kind(k)]
    rows = [
        f"| {kind.exit_code} | `{kind.__name__}` | {cell((kind.__doc__ or '').split('.')[0])} |"
        for kind in sorted(kinds, key=lambda kind: (kind.exit_code, kind.__name__))
    ]
    rows += [
        f"| {BUG} | | a bug in mrbench; the message names the file with the details |",
        f"| {INTERRUPTED} | | interrupted (Ctrl-C, SIGTERM or SIGHUP) |",
    ]
    return INTRO + "\n".join(rows) + "\n"


def _is_kind(kind: type) -> bool:
    return issubclass(kind, errors.MrbenchError) and "exit_code" in {*vars(kind), *vars(kind)}
