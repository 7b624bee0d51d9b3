"""How checks are told: each format is a function of the checks and where it writes."""

from collections.abc import Callable, Sequence
from typing import TextIO

from mrbench.checks.reporters import github, junit, machine, plain
from mrbench.checks.reporters.base import exit_code, summary
from mrbench.model.finding import Checked

__all__ = ["FORMATS", "exit_code", "summary"]
Write = Callable[[Sequence[Checked], TextIO], None]
FORMATS: dict[str, Write] = {
    "plain": plain.write,
    "json": machine.write,
    "junit": junit.write,
    "github": github.write,
}
