"""What `mrbench --help` prints: all commands on one screen, the main ones first."""

import ast
from collections.abc import Iterable, Mapping
from itertools import zip_longest
from pathlib import Path

from mrbench.cli import commands
from mrbench.cli.commands import Command

ABOUT = (
    "Reproducible training-throughput benchmarks of other people's code.",
    "usage: mrbench COMMAND [OPTION ...]    more: mrbench help COMMAND|exit-codes",
)
FIRST = "Begin with"  # its commands have a line each; those of the other groups share lines
GROUPS = (FIRST, "Look at runs", "Get ready and clean up")
TRY = "  mrbench run demo && mrbench table demo    try it, on any CPU"
COLUMN = 40  # of two, on 80


def read(names: Iterable[str]) -> Mapping[str, Command]:
    """Return these commands by their names, out of their modules' sources, which are not run."""
    return {name: _read(Path(commands.__file__).with_name(f"{name}.py")) for name in names}


def _read(module: Path) -> Command:
    for node in ast.parse(module.read_bytes()).body:
        match node:
            case ast.Assign(targets=[ast.Name("COMMAND")], value=ast.Call(keywords=keywords)):
                return Command(**{str(k.arg): ast.literal_eval(k.value) for k in keywords})
    raise ValueError(f"{module}: has no COMMAND = Command(...)")


def text(names: Iterable[str]) -> str:
    """Return the overview: at most 23 lines of 79 characters."""
    known = sorted(read(names).items(), key=lambda item: item[1].order)
    lines = [*ABOUT]
    for group in GROUPS:
        entries = [f"  {name:10} {one.brief}" for name, one in known if one.group == group]
        if group != FIRST:  # two on a line
            entries = [
                f"{a:{COLUMN}}{b}" for a, b in zip_longest(*[iter(entries)] * 2, fillvalue="")
            ]
        lines += [group, *entries]
    return "\n".join(line.rstrip() for line in [*lines, TRY]) + "\n"
