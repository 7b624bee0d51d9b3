"""`mrbench list`: show suites and recipes."""

import argparse
from collections.abc import Mapping

import msgspec

from mrbench.cli.arguments import add_json, print_json
from mrbench.cli.commands import Command
from mrbench.model.inputs import PACKAGE, is_package
from mrbench.model.parameters import Parameter, settings
from mrbench.model.published import PublishedRule
from mrbench.recipe import load, published

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


class ListedRecipe(msgspec.Struct, frozen=True):
    """A recipe as listed."""

    name: str
    title: str
    framework: str
    url: str
    commit: str
    licence: str | None = None
    software: Mapping[str, str] = {}
    parameters: Mapping[str, Parameter] = {}


class ListedSuite(msgspec.Struct, frozen=True):
    """A suite as listed, with its recipes."""

    title: str
    window: str
    hardware: str
    implementations: tuple[ListedRecipe, ...]
    references: tuple[str, ...] = ()
    formerly: tuple[str, ...] = ()


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
    suites = {name: _suite(name) for name in load.suite_names()}
    print_json(suites) if args.json else print(_as_text(suites))
    return 0


def _suite(name: str) -> ListedSuite:
    suite = load.load_suite(name)
    files = [load.load_named(name, recipe) for recipe in load.implementations(name)]
    return ListedSuite(
        title=suite.title,
        window=str(suite.window),
        hardware=f"{suite.hardware.count} x {suite.hardware.name}",
        implementations=tuple(
            ListedRecipe(
                name=file.name,
                title=file.recipe.title,
                framework=file.recipe.framework,
                url=file.recipe.source.upstream,
                commit=file.recipe.source.revision,
                licence=file.recipe.licence or None,
                software=file.recipe.software,
                parameters=file.recipe.parameters,
            )
            for file in files
        ),
        references=tuple(each.name for each in suite.references),
        formerly=tuple(old for old, current in load.ABSORBED.items() if current == name),
    )


def _of_rules(rules: Mapping[str, PublishedRule]) -> str:
    width = max(map(len, rules))
    return "\n".join(f"{name:{width}}  {rule.title}" for name, rule in sorted(rules.items()))


def _as_text(suites: Mapping[str, ListedSuite]) -> str:
    lines = []
    for name, suite in suites.items():
        lines += [f"{name}: {suite.title}", f"  {suite.hardware}, window {suite.window}"]
        if suite.formerly:
            lines.append(f"  has taken in {', '.join(suite.formerly)}, whose name goes on working")
        for recipe in suite.implementations:
            own = recipe.url.removeprefix(PACKAGE)
            origin = recipe.url if own == recipe.url else f"{own}, which comes with mrbench"
            if is_package(recipe.url):
                origin = f"SHA-256 of {recipe.url} in a package index"
            lines.append(f"  {recipe.name:20} {recipe.framework:12} {recipe.commit[:12]}  {origin}")
            software = ", ".join(f"{name} {text}" for name, text in recipe.software.items())
            lines += [f"  {'':20} with {software}"] if software else []
            lines += [f"  {'':20} licence: {recipe.licence}"] if recipe.licence else []
            defaults = {name: each.default for name, each in recipe.parameters.items()}
            lines += [f"  {'':20} parameters: {settings(defaults)}"] if defaults else []
        if not suite.implementations:
            tables = ", ".join(suite.references)
            lines.append(f"  no recipes; `mrbench table {name} --reference-only`: {tables}")
        lines.append("")
    return "\n".join(lines).rstrip()
