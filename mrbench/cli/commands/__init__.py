"""The commands, a module each: its COMMAND, its `add_arguments`, and its `main`, which runs it.

`main` returns the exit code. A new module here is a new command: the overview, Tab and the tests of
examples find it.
"""

from typing import NamedTuple


class Command(NamedTuple):
    """What a command says about itself.

    A command's module writes it with literals only, since the overview and Tab read it out of the
    source: that takes 10 ms for all commands, importing them with all they need would take 300.

    group: its heading in the overview (mrbench.cli.overview has all); order: its place under it.
    brief: its line in the overview. help: the sentences that begin `mrbench NAME --help`.
    examples: command lines that end the help; words in capitals are the reader's: RUN is a run's
    folder or the end of its path. Commands with actions give examples to the actions' parsers.
    """

    group: str
    order: int
    brief: str
    help: str
    examples: str = ""
