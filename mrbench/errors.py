"""Errors that end a command, each with the exit code it ends with; MEANINGS tells what each means.

Library code raises; only cli prints and exits. Each error says what is wrong, where, and what to do
next, in parts that stay parts: nobody takes a printed line apart again.
Foreign exceptions are translated at the door of the module that owns the dependency.
"""

# not pathlib.Path: importing that takes a tenth of `mrbench --version`
from os import PathLike, fspath

from mrbench.text import printable, without_secrets

# What `mrbench help exit-codes` prints. Codes 1 to 8 belong to the errors below.
MEANINGS = {
    0: "done",
    1: "another failure: a file that cannot be read or written, or nothing to show",
    2: "the command line, the recipe or the suite asks for something impossible",
    3: "the pinned source cannot be fetched, checked out or patched",
    4: "the machine is busy, or lacks GPUs, disk space, data, weights, programs, a server's answer",
    5: "a step of the environment or the training could not be started, or ended badly",
    6: "the log cannot be read or yields no number to trust, or the run breaks a rule of its suite",
    7: "a run, a log or a comparison does not hold what it claims",
    8: "what was measured does not suffice for an answer, or a budget left runs out",
    70: "a bug in mrbench; the message names a file with the details",
    130: "interrupted, by Ctrl-C or a signal",
    141: "whoever read the output ended, as in `mrbench table | head`",
}


class MrbenchError(Exception):
    """A failure that is understood: one line, no traceback.

    `text` says what is wrong, `remedy` what to do about it. `file`, `line` (from 1) and `key` say
    where, as far as known. `str()` joins the parts: `file:line: key: text; remedy`, in printable
    characters, for a file's name may hold any. `more`: lines below that one, where it sums up
    several things.
    """

    exit_code = 1
    more: tuple[str, ...] = ()

    def __init__(
        self,
        text: str,
        remedy: str = "",
        *,
        file: str | PathLike[str] | None = None,
        line: int | None = None,
        key: str | None = None,
    ) -> None:
        super().__init__(text, remedy)  # what pickle and copy call the class with
        self.text, self.remedy = text, remedy
        self.file, self.line, self.key = file, line, key

    def __str__(self) -> str:
        """Return the one line that people see, and below it what more there is."""
        return "\n".join([self._line(self.file), *map(printable, self.more)])

    def seen_from(self, folder: str | PathLike[str]) -> str:
        """Return the same line, with a file in `folder` called by its path from there."""
        inside = None if self.file is None else fspath(self.file).removeprefix(f"{fspath(folder)}/")
        return self._line(inside)

    def _line(self, file: str | PathLike[str] | None) -> str:
        lined = f"{file}" if self.line is None else f"{file}:{self.line}"
        what = ": ".join(filter(None, (lined if file is not None else "", self.key, self.text)))
        return printable(without_secrets(f"{what}; {self.remedy}" if self.remedy else what))


class NewerFormatError(MrbenchError):
    """A file was written by a newer mrbench, in a format that this one does not read."""


class RecipeError(MrbenchError):
    """The recipe, the suite or the command line asks for something impossible.

    `parts`: where it sums up several, an error for each, with the key and line of its own.
    """

    exit_code = 2
    parts: tuple["RecipeError", ...] = ()


class PlaceholderError(RecipeError):
    """A text of a recipe names a placeholder that mrbench does not fill in."""


class WorkspaceError(MrbenchError):
    """The pinned source could not be fetched, checked out, or patched."""

    exit_code = 3


class UnavailableError(MrbenchError):
    """The machine lacks what the plan needs: GPUs, data, weights, an interpreter."""

    exit_code = 4


class BusyError(UnavailableError):
    """Others train on this machine, and the run was told not to wait so long."""


class BegunError(UnavailableError):
    """All runs that were registered of a plan were begun by now."""


class LaunchError(MrbenchError):
    """Training could not be started, failed, stalled or ran out of time."""

    exit_code = 5


class MeasureError(MrbenchError):
    """Training ran, but its log yields no number that can be trusted."""

    exit_code = 6


class CheckFailed(MrbenchError):  # noqa: N818 - a check that fails is an answer, not an error
    """What was checked does not match: an edited run, or numbers that may not be compared."""

    exit_code = 7


class Inconclusive(MrbenchError):  # noqa: N818 - the same
    """Neither pass nor fail: more runs would tell."""

    exit_code = 8
