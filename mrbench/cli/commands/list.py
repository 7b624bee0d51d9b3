"""`mrbench list`: show suites and recipes."""

import argparse
from collections.abc import Mapping, Sequence

from mrbench.cli.arguments import add_json, print_json
from mrbench.cli.commands import Command
from mrbench.model.inputs import PACKAGE, is_package
from mrbench.model.parameters import settings
from mrbench.model.published import PublishedRule
from mrbench.model.suite import Suite
from mrbench.recipe import load, published
from mrbench.recipe.load import RecipeFile

COMMAND = Command(
    group="Get ready and clean up",
    order=1,
    brief="suites and recipes",
    help="List suites and recipes.",
    examples="""\
mrbench list
mrbench list --rules
mrbench list --json""",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `mrbench list`."""
    purpose = "list the rules of published numbers that `mrbench parse --rule` knows instead"
    parser.add_argument("--rules", action="store_true", help=purpose)
    add_json(parser)


def main(args: argparse.Namespace) -> int:
    """Show suites and recipes, or the rules of published numbers."""
    if args.rules:
        rules = published.known()
        print_json(rules) if args.json else print(_of_rules(rules))
        return 0
    suites = {name: load.load_suite(name) for name in load.suite_names()}
    files = {
        name: [load.load_named(name, recipe) for recipe in load.implementations(name)]
        for name in suites
    }
    if args.json:
        print_json({name: _as_json(name, suite, files[name]) for name, suite in suites.items()})
    else:
        print("\n\n".join(_as_text(name, suite, files[name]) for name, suite in suites.items()))
    return 0


def _as_json(name: str, suite: Suite, files: Sequence[RecipeFile]) -> dict[str, object]:
    return {
        "title": suite.title,
        "window": str(suite.window),
        "hardware": str(suite.hardware),
        "implementations": [
            {
                "name": file.name,
                "title": file.recipe.title,
                "framework": file.recipe.framework,
                "url": file.recipe.source.upstream,
                "commit": file.recipe.source.revision,
                "licence": file.recipe.licence or None,
                "software": file.recipe.software,
                "parameters": file.recipe.parameters,
            }
            for file in files
        ],
        "references": [each.name for each in suite.references],
        "formerly": _formerly(name),
    }


def _formerly(name: str) -> list[str]:
    return [old for old, current in load.ABSORBED.items() if current == name]


def _of_rules(rules: Mapping[str, PublishedRule]) -> str:
    width = max(map(len, rules))
    return "\n".join(f"{name:{width}}  {rule.title}" for name, rule in sorted(rules.items()))


def _as_text(name: str, suite: Suite, files: Sequence[RecipeFile]) -> str:
    lines = [f"{name}: {suite.title}", f"  {suite.hardware}, window {suite.window}"]
    if formerly := _formerly(name):
        lines.append(f"  has taken in {', '.join(formerly)}, whose name goes on working")
    for file in files:
        recipe, url = file.recipe, file.recipe.source.upstream
        own = url.removeprefix(PACKAGE)
        origin = url if own == url else f"{own}, which comes with mrbench"
        if is_package(url):
            origin = f"SHA-256 of {url} in a package index"
        commit = recipe.source.revision[:12]
        lines.append(f"  {file.name:20} {recipe.framework:12} {commit}  {origin}")
        software = ", ".join(f"{name} {text}" for name, text in recipe.software.items())
        lines += [f"  {'':20} with {software}"] if software else []
        lines += [f"  {'':20} licence: {recipe.licence}"] if recipe.licence else []
        defaults = {name: each.default for name, each in recipe.parameters.items()}
        lines += [f"  {'':20} parameters: {settings(defaults)}"] if defaults else []
    if not files:
        tables = ", ".join(each.name for each in suite.references)
        lines.append(f"  no recipes; `mrbench table {name} --reference-only`: {tables}")
    return "\n".join(lines)
