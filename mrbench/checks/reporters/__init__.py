"""How `mrbench check` and `mrbench ab` print findings, as functions of these and an output."""

from collections.abc import Callable, Sequence
from typing import TextIO

from mrbench.checks.reporters import github
from mrbench.checks.reporters.base import exit_code, summary
from mrbench.checks.reporters.formats import write_json, write_junit, write_plain
from mrbench.model.finding import Finding

__all__ = ["FORMATS", "exit_code", "summary"]
Write = Callable[[Sequence[Finding], TextIO, str], None]  # str: of which command
FORMATS: dict[str, Write] = {
    "plain": write_plain,
    "json": write_json,
    "junit": write_junit,
    "github": github.write,
}
