"""What a sign of a failure is, and how much it says about what came first."""

import re
from enum import IntEnum
from typing import NamedTuple

from mrbench.model.run import FailureCause, Status
from mrbench.text import printable

LONGEST = 300  # characters of a line that are quoted


class Weight(IntEnum):
    """How near a line stands to the root; of several the lowest counts, of equals the first.

    ROOT: the process's own error. REPORTED: a launcher reports a killed process. DOUBTFUL: an
    error behind which others printed on for a while. CONSEQUENCE: what a survivor says once another
    process has gone. SURVIVED: an error behind which the training went on. ECHO: a launcher repeats
    that something failed.
    """

    ROOT = 0
    REPORTED = 1
    DOUBTFUL = 2
    CONSEQUENCE = 3
    SURVIVED = 4
    ECHO = 5


class Sign(NamedTuple):
    """A pattern searched in one line, without colours and rank prefix, and what it means."""

    cause: FailureCause
    pattern: "re.Pattern[bytes]"
    remedy: str
    status: Status
    weight: Weight


def sign(
    cause: FailureCause,
    remedy: str,
    *patterns: bytes,
    status: Status = "failed",
    weight: Weight = Weight.ROOT,
) -> Sign:
    """Return a sign of alternative patterns; each is searched anywhere unless it begins with ^."""
    return Sign(cause, re.compile(b"|".join(patterns)), remedy, status, weight)


def quote(line: bytes) -> str:
    """Return a line as it may stand in a message: printable, at most 300 characters."""
    text = line[: 4 * LONGEST].decode(errors="replace").strip()
    return printable(text)[:LONGEST].strip()
