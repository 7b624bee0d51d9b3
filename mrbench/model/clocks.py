"""The nouns of two clocks that are compared: what a difference comes from, and where it shows."""

from typing import Annotated, Literal

import msgspec

from mrbench.model.doc import doc

Cause = Literal[
    "evaluation_or_checkpoint",
    "buffered_output",
    "partial_clock",
    "asynchronous_calls",
    "skipped_iterations",
    "wrong_unit",
    "wrong_timing",
    "changed_format",
    "clock_set",
    "unknown",
]


class Disagreement(msgspec.Struct, frozen=True, kw_only=True):
    """Two clocks that differ by more than they may: the likely cause, and where it shows."""

    cause: Annotated[Cause, doc("Likely cause of the difference.")]
    clock: Annotated[
        str, doc("The other clock: arrival, printed or total; launch: all that passed since then.")
    ]
    first: Annotated[int, doc("First iteration where it shows (1-based).")]
    last: Annotated[int, doc("Last iteration where it shows (1-based).")]
    seconds: Annotated[float, doc("Seconds that the other clock has more there.")]
    began_at: Annotated[int, doc("Where it begins in train.log, in bytes.")]
    ended_at: Annotated[int, doc("Where it ends in train.log, in bytes.")]
    text: Annotated[str, doc("The same in words, with what to do.")]
    remedy: Annotated[str, doc("What to do about it; empty in older records.")] = ""


ComparedName = Literal["arrival", "printed", "total"]


class ComparedClock(msgspec.Struct, frozen=True, kw_only=True):
    """A clock beside the log's own figures, over the iterations that both time."""

    clock: Annotated[
        ComparedName,
        doc(
            "arrival of the lines, time stamps printed in them, or a total that the log prints"
            " elsewhere."
        ),
    ]
    name: Annotated[str, doc("What it is in words, e.g. its 'Training cost'.")]
    first: Annotated[int, doc("First iteration compared (1-based).")]
    last: Annotated[int, doc("Last iteration compared (1-based, inclusive).")]
    log_seconds: Annotated[float, doc("Their seconds by the log's own figures.")]
    seconds: Annotated[float, doc("Their seconds by this clock.")]

    @property
    def ratio(self) -> float:
        """Return this clock's seconds by the log's."""
        return self.seconds / self.log_seconds
