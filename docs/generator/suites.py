"""The page of the suites that mrbench carries, made from their files."""

from mrbench.model.suite import Suite
from mrbench.recipe.load import implementations, load_named, load_suite, suite_names
from pages import cell

INTRO = """\
# Suites

The suites that mrbench carries, as their files in `recipes/` state them. `mrbench list` prints
them in short.
"""


def page() -> str:
    """Return the page."""
    return INTRO + "".join(_section(name, load_suite(name)) for name in suite_names())


def _section(name: str, suite: Suite) -> str:
    of = f"{suite.hardware}, window {suite.window}"
    text = f"\n## {name}\n\n{suite.title}: {suite.model}; {of}.\n\n{suite.notes}\n"
    if rows := [_row(name, impl) for impl in implementations(name)]:
        text += "\n| row | source | licence | notes |\n|---|---|---|---|\n" + "\n".join(rows) + "\n"
    if suite.differences:
        text += "\nWhat is not equal, and which way it pushes throughput:\n"
        text += "\n| what | rows | how | pushes | why |\n|---|---|---|---|---|\n"
        text += "".join(
            f"| {cell(d.what)} | {', '.join(d.of)} | {cell(d.how)} | {d.pushes} | {cell(d.why)} |\n"
            for d in suite.differences
        )
    return text


def _row(suite_name: str, implementation: str) -> str:
    recipe = load_named(suite_name, implementation).recipe
    source = f"{cell(recipe.source.upstream)} {recipe.source.revision[:12]}"
    return f"| {implementation} | {source} | {recipe.licence} | {cell(recipe.notes)} |"
