"""What --help says fits a terminal of 80 columns, and its examples work."""

import argparse
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

import cmdlines
from mrbench.cli import COMMANDS, make_parser, overview
from mrbench.cli.examples import EXAMPLES
from terminal import mrbench_on


def inner(parser: argparse.ArgumentParser) -> Mapping[str, argparse.ArgumentParser]:
    """Return the parsers of a parser's commands or actions."""
    found = [a.choices for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    return found[0] if found else {}


ACTIONS = {name: tuple(inner(inner(make_parser(name))[name])) for name in COMMANDS}
NAMES = [*COMMANDS, *(f"{name} {action}" for name in COMMANDS for action in ACTIONS[name])]


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
    shown = [*overview.FIRST, *(name for group in overview.GROUPS.values() for name in group)]
    assert len(shown) == len(set(shown))
    assert set(COMMANDS) <= set(shown), "add it to mrbench/cli/overview.py"
    for name in COMMANDS:
        assert f"  {name} " in overview.text(COMMANDS)
    everything = overview.text(shown)  # commands to come, too
    assert len(everything.splitlines()) <= 23
    assert max(map(len, everything.splitlines())) < 80


def test_the_example_of_the_overview_is_one() -> None:
    for command in cmdlines.commands(overview.TRY.strip().partition("   ")[0]):
        cmdlines.parse(command)


@pytest.mark.parametrize("name", NAMES)
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
            cmdlines.how(command)


@pytest.mark.parametrize(
    "line",
    [
        line
        for name, text in EXAMPLES.items()
        for line in text.splitlines()
        if name.split()[0] in COMMANDS and cmdlines.is_run(line)
    ],
    ids=cmdlines.bare,
)
def test_an_example_works(line: str, demo: Path, tmp_path: Path) -> None:
    cmdlines.check(line, demo, tmp_path)


def test_examples_are_of_commands_that_there_are() -> None:
    known = {*COMMANDS, "check", "baseline", "report"}
    assert {name.split()[0] for name in EXAMPLES} <= known
    assert {name for name in NAMES if not ACTIONS.get(name)} <= set(EXAMPLES)
