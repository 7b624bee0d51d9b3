"""The page of exit codes, made from mrbench/errors.py."""

from mrbench.errors import MEANINGS
from pages import cell

INTRO = """\
# Exit codes

Every command ends with one of these; `mrbench help exit-codes` prints them. Of several runs the
largest code counts.

| code | meaning |
|---|---|
"""


def page() -> str:
    """Return the page."""
    return INTRO + "".join(f"| {code} | {cell(text)} |\n" for code, text in MEANINGS.items())
