"""What a sign of a failure is, and how much it says about what came first."""

import math
import re
from collections.abc import Iterable, Iterator
from enum import IntEnum
from typing import NamedTuple

import msgspec

from mrbench.model.run import FailureCause, IterationSample, Status
from mrbench.text import printable

LONGEST = 300  # characters of a line that are quoted


class Weight(IntEnum):
    """How near a line stands to the root; of several the lowest counts, of equals the first.

    ROOT: the process's own error. TOLD: a launcher says that a process was killed. DOUBTFUL: an
    error behind which others printed on for a while. CONSEQUENCE: what a survivor says once another
    process has gone. SURVIVED: an error behind which the training went on. ECHO: a launcher repeats
    that something failed.
    """

    ROOT = 0
    TOLD = 1
    DOUBTFUL = 2
    CONSEQUENCE = 3
    SURVIVED = 4
    ECHO = 5


class Sign(NamedTuple):
    """A pattern searched in one line, without colours and rank prefix, and what it means."""

    cause: FailureCause
    pattern: "re.Pattern[bytes]"
    remedy: str
    status: Status = "failed"
    weight: Weight = Weight.ROOT


def any_of(*patterns: bytes, flags: int = 0) -> "re.Pattern[bytes]":
    """Compile alternatives; each is searched anywhere unless it begins with ^."""
    return re.compile(b"|".join(patterns), flags)


def quote(line: bytes) -> str:
    """Return a line as it may stand in a message: printable, at most 300 characters."""
    text = line[: 4 * LONGEST].decode(errors="replace").strip()
    return printable(text)[:LONGEST].strip()


class Marks(msgspec.Struct):
    """Offsets in bytes into the log.

    last: behind the last mark; near: behind the last but two. lost: behind the first whose loss is
    no finite number; ends_lost: that of the last is none either.
    """

    last: int = 0
    near: int = 0
    lost: int | None = None
    ends_lost: bool = False

    def watch(self, samples: Iterable[IterationSample]) -> Iterator[IterationSample]:
        """Hand the samples on."""
        before = 0
        for sample in samples:
            self.near, before, self.last = before, self.last, sample.ended_at
            if sample.loss is not None:
                self.ends_lost = not math.isfinite(sample.loss)
                if self.ends_lost and self.lost is None:
                    self.lost = sample.ended_at
            yield sample
