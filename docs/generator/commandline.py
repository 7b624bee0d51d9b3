"""The page of all commands: the help that each prints."""

import argparse
import os
from collections.abc import Iterator

from mrbench.cli import command_names, make_parser, overview

COLUMNS = "80"  # of a help text on the page


def page() -> str:
    """Return the page."""
    os.environ["COLUMNS"] = COLUMNS
    known = sorted(overview.read(command_names()).items(), key=lambda item: item[1].order)
    lines = [
        "# Commands",
        "",
        "What `mrbench COMMAND --help` prints, command by command.",
        "",
        "| command | what it does |",
        "|---|---|",
    ]
    for group in overview.GROUPS:
        for name, command in known:
            if command.group == group:
                lines.append(f"| [{name}](#{name}) | {command.brief} |")
    for name, _ in sorted(known):
        lines += ["", f"## {name}", ""]
        for parser in _parsers(make_parser(name), name):
            lines += ["```text", parser.format_help().rstrip(), "```", ""]
    return "\n".join(lines)


def _parsers(tree: argparse.ArgumentParser, name: str) -> Iterator[argparse.ArgumentParser]:
    """Yield a command's parser, and those of its actions."""
    command = _children(tree)[name]
    yield command
    yield from _children(command).values()


def _children(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for action in parser._actions:  # noqa: SLF001 - argparse has no other way
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - the same
            return dict(action.choices)
    return {}
