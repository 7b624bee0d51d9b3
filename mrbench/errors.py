"""Errors that end a command, each with the exit code it ends with.

MrbenchError 1
 +-- RecipeError 2        the recipe, the suite or the command line asks for something impossible
 +-- WorkspaceError 3     the pinned source cannot be fetched, checked out or patched
 +-- UnavailableError 4   this machine lacks what the plan needs
 +-- LaunchError 5        training could not be started, or ended badly
 +-- MeasureError 6       the log yields no number that can be trusted
 +-- CheckFailed 7        a run, a log or a comparison does not hold what it claims
 +-- Inconclusive 8       what was measured does not suffice for an answer

Library code raises; only cli prints and exits. Each message ends in what to do next.
Foreign exceptions are translated at the door of the module that owns the dependency.
"""


class MrbenchError(Exception):
    """A failure that is understood: one line, no traceback."""

    exit_code = 1


class RecipeError(MrbenchError):
    """The recipe, the suite or the command line asks for something impossible."""

    exit_code = 2


class WorkspaceError(MrbenchError):
    """The pinned source could not be fetched, checked out, or patched."""

    exit_code = 3


class UnavailableError(MrbenchError):
    """The machine lacks what the plan needs: GPUs, data, weights, an interpreter."""

    exit_code = 4


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
