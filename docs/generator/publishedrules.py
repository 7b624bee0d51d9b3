"""The page of the rules that mrbench brings, made from their file."""

from mrbench.recipe import published
from mrbench.results.byrule import in_words
from pages import cell

INTRO = """\
# Published rules

The rules that `mrbench parse LOG --rule NAME` and a suite's `references[].rule` know by name;
[By their rule, by ours](../rules.md) says what they are for. Each was read at the commit that its
source names.

| name | whose number | the rule | to know |
|---|---|---|---|
"""


def page() -> str:
    """Return the page."""
    rows = [
        f"| `{name}` | {cell(rule.title)} | {cell(in_words(rule))} | {cell(rule.notes)} |"
        for name, rule in sorted(published.known().items())
    ]
    return INTRO + "\n".join(rows) + "\n"
