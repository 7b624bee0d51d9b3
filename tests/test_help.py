"""What --help says fits a terminal of 80 columns, and its examples work."""

import argparse
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import cmdlines
from mrbench.cli import Parser, command_names, make_parser, overview
from terminal import mrbench_on


def parsers(parser: Parser) -> Iterator[Parser]:
    """Yield a command's parser, and those of its actions."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.values()


def parser_of(name: str) -> Parser:
    """Return a command's parser."""
    (tree,) = (a for a in make_parser(name)._actions if a.dest == "command")
    assert isinstance(tree, argparse._SubParsersAction)
    parser = tree.choices[name]
    assert isinstance(parser, Parser)
    return parser


PARSERS = {
    p.prog.partition(" ")[2]: p for name in command_names() for p in parsers(parser_of(name))
}


def help_of(*words: str) -> str:
    command = [sys.executable, "-m", "mrbench", *words, "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert not done.stderr
    return done.stdout


def examples_of(text: str) -> list[str]:
    _, heading, end = text.partition("\nexamples:\n")
    assert heading, f"no examples: {text}"
    return [line.strip() for line in end.splitlines()]


def test_the_overview_fits_a_screen_and_begins_with_what_matters(tmp_path: Path) -> None:
    with mrbench_on(80, 24, "--help", cwd=tmp_path) as (terminal, process):
        screen = terminal.wait_for_end(process)
    assert screen[0].startswith("Reproducible"), "the first line has scrolled away"
    assert screen[23] == "", "no room for the prompt"
    assert max(map(len, screen)) < 80, "wrapped"
    begin = screen.index("Begin with")
    assert [line.split()[0] for line in screen[begin + 1 : begin + 3]] == ["run", "table"]


def test_every_command_stands_once_in_the_overview() -> None:
    text = overview.text(command_names())
    for name, command in overview.read(command_names()).items():
        assert command.group in overview.GROUPS
        assert text.count(f"  {name:10} {command.brief}") == 1
    assert len(text.splitlines()) <= 23
    assert max(map(len, text.splitlines())) < 80


def test_the_example_of_the_overview_is_one() -> None:
    for command in cmdlines.commands(overview.TRY.strip().partition("   ")[0]):
        cmdlines.parse(command)


@pytest.mark.parametrize("name", PARSERS)
def test_a_commands_help_fits_and_its_examples_parse(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    text = help_of(*name.split())
    assert max(map(len, text.splitlines())) < 80
    assert text.isascii(), "a terminal of another encoding cannot print it"
    assert text.startswith(f"usage: mrbench {name} ")
    assert len(text.split("\n\n")[0].splitlines()) == 1, "a usage of one line"
    lines = examples_of(text)
    assert lines
    for line in lines:
        found = cmdlines.commands(line)
        assert found, f"no command: {line}"
        for command in found:
            assert command.startswith(f"mrbench {name}")
            cmdlines.parse(command)


@pytest.mark.parametrize(
    "line",
    [x for p in PARSERS.values() for x in p.examples.splitlines() if cmdlines.is_run(x)],
    ids=cmdlines.bare,
)
def test_an_example_works(line: str, demo: Path, tmp_path: Path) -> None:
    cmdlines.check(line, demo, tmp_path)
