"""`mrbench list`: show suites and recipes."""

import argparse
import json
from typing import Any

from mrbench.cli.commands import Command
from mrbench.recipe import load

COMMAND = Command(
    group="Get ready",
    order=1,
    brief="suites and recipes",
    help="List suites and recipes.",
    examples="""\
mrbench list
mrbench list --json""",
)

Listing = dict[str, dict[str, Any]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `mrbench list`."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def main(args: argparse.Namespace) -> int:
    """Show suites and recipes."""
    found: Listing = {}
    for suite_name in load.suite_names():
        suite = load.load_suite(suite_name)
        files = [load.load_named(suite_name, n) for n in load.implementations(suite_name)]
        found[suite_name] = {
            "title": suite.title,
            "window": str(suite.window),
            "hardware": f"{suite.hardware.count} x {suite.hardware.name}",
            "implementations": [
                {
                    "name": f.name,
                    "title": f.recipe.title,
                    "framework": f.recipe.framework,
                    "url": f.recipe.source.url,
                    "commit": f.recipe.source.commit,
                }
                for f in files
            ],
        }
    print(json.dumps(found, indent=1) if args.json else _listing(found))
    return 0


def _listing(found: Listing) -> str:
    lines = []
    for name, suite in found.items():
        lines += [f"{name}: {suite['title']}", f"  {suite['hardware']}, window {suite['window']}"]
        for item in suite["implementations"]:
            lines.append(
                f"  {item['name']:20} {item['framework']:12} {item['commit'][:12]}  {item['url']}"
            )
        lines.append("")
    return "\n".join(lines).rstrip()
