"""A suite's own file: whether it reads well, and where its published numbers come from."""

import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path

from mrbench.checks.recipes.base import Checked, refused
from mrbench.errors import RecipeError
from mrbench.files import real_path
from mrbench.model.finding import Finding
from mrbench.model.suite import Reference, Suite
from mrbench.recipe import load as recipe
from mrbench.recipe import published
from mrbench.recipe.yamlfile import load_yaml
from mrbench.text import counted, did_you_mean

# a file at GitHub, by the name of a branch or a commit
AT_GITHUB = re.compile(r"https://(?:raw\.)?github(?:usercontent)?\.com/[^/]+/[^/]+/(?P<rest>.+)")
NO_RECIPE = "correct the name, or add the recipe"
PINNED = re.compile(r"(?:^|/)[0-9a-f]{40}(?:/|$)")


def check_suite(path: Path) -> Iterator[Finding]:
    """Check a suite.yaml: keys, order, references."""
    name = recipe.suite_name_of(path)
    try:
        suite, place = load_yaml(Suite, path)
    except RecipeError as exc:
        yield from (refused("suite", name, each, path) for each in exc.parts or (exc,))
        return
    checked = Checked(name=name, place=place)
    there = {p.stem for p in real_path(path).parent.glob("*.yaml")}
    recipes = there - {path.stem}
    gone = [each for each in suite.order if each not in there]
    if gone:
        text = f"`order` names {', '.join(gone)}, of which there is no recipe"
        yield checked.finding("suite", text, NO_RECIPE, "order")
    else:
        text = f"window {suite.window}, {suite.hardware}"
        yield checked.ok("suite", f"{text}, {counted(len(there) - 1, 'recipe')}")
    for i, each in enumerate(suite.differences):
        if unknown := [one for one in each.of if one not in recipes]:
            text = f"differences of {', '.join(unknown)}, of which there is no recipe"
            yield checked.finding("suite", text, NO_RECIPE, f"differences[{i}].of")
    if not suite.references:
        yield checked.ok("references", "none: it is compared with nothing published")
    for i, reference in enumerate(suite.references):
        key = f"references[{i}]"
        yield _reference(checked, reference, key, recipes)
        rule = reference.rule
        if isinstance(rule, str) and rule not in published.known():
            text = f"{reference.name}: rule {rule!r} is none that mrbench brings"
            hint = (
                did_you_mean(rule, published.known()) or "`mrbench parse LOG --rule ?` lists them"
            )
            yield checked.finding("references", text, hint, f"{key}.rule")


def _reference(checked: Checked, reference: Reference, key: str, recipes: set[str]) -> Finding:
    """Check one published table; without recipes, its numbers may have any names."""

    def wrong(text: str, remedy: str, inner: str) -> Finding:
        whole = f"{reference.name}: {text}"
        return checked.finding("references", whole, remedy, f"{key}.{inner}")

    at_github = AT_GITHUB.fullmatch(reference.source)
    if not reference.source.strip():
        return wrong("has no source", "say where it was published", "source")
    if at_github and not PINNED.search(at_github["rest"]):
        remedy = "give its address with the 40 digits of the commit, as GitHub's key y does"
        return wrong(f"{reference.source} can move", remedy, "source")
    try:
        dt.date.fromisoformat(reference.date)
    except ValueError:
        return wrong(f"date {reference.date!r}", "give it as 2019-10-13", "date")
    numbers = reference.throughput
    unknown = [each for each in numbers if recipes and each not in recipes]
    if unknown:
        text = f"numbers for {', '.join(unknown)}, of which there is no recipe"
        return wrong(text, NO_RECIPE, f"throughput.{unknown[0]}")
    small = [each for each, rate in numbers.items() if not rate > 0]
    if small or not numbers:
        inner = f"throughput.{small[0]}" if small else "throughput"
        return wrong("has a number that is none", "give one above zero", inner)
    host = reference.source.partition("://")[2].partition("/")[0] or "a text"
    text = f"{reference.name}: {counted(len(numbers), 'number')}, from {host}, pinned"
    return checked.ok("references", text if at_github else text.removesuffix(", pinned"))
