"""Two runs compared: in what they differ, and whether their numbers may be compared; no I/O."""

from typing import Annotated, Any, Literal

import msgspec

from mrbench.model.doc import doc
from mrbench.model.measurement import Interval
from mrbench.model.run import Status
from mrbench.model.suite import Disparity
from mrbench.model.work import Unit
from mrbench.text import shorten

Kind = Literal["must match", "may explain", "harmless"]
MUST: Kind = "must match"
EXPLAINS: Kind = "may explain"
HARMLESS: Kind = "harmless"
LONGEST = 72  # characters of a value that a line shows


class Difference(msgspec.Struct, frozen=True):
    """One fact that is not the same in both records."""

    key: Annotated[str, doc("Dotted key of the fact.")]
    kind: Annotated[Kind, doc("What it means for a comparison of the numbers.")]
    reason: Annotated[str, doc("Why.")]
    a: Annotated[Any, doc("The fact's value in the first record.")]
    b: Annotated[Any, doc("The same in the second.")]

    def __str__(self) -> str:
        """Return the fact with both its values."""
        return f"{self.key}: {shorten(self.a, LONGEST)} / {shorten(self.b, LONGEST)}"


class ComparedSide(msgspec.Struct, frozen=True, kw_only=True):
    """One of the two: a run, or repeats of one."""

    run: Annotated[str, doc("What it was called: a run's folder, archive, or a row.")]
    id: Annotated[str, doc("suite/implementation/folder of its newest run.")]
    status: Annotated[Status, doc("ok, or why the newest run has no number.")]
    unit: Annotated[Unit, doc("What the throughput counts.")]
    throughput: Annotated[float | None, doc("Throughput of the runs whose number can be used.")]
    interval: Annotated[
        Interval | None,
        doc(
            "Its 95 % confidence interval: of several runs for their mean, of a single one within"
            " that run."
        ),
    ]
    runs: Annotated[tuple[str, ...], doc("Ids of the runs that count, oldest first.")]
    run_throughput: Annotated[tuple[float, ...], doc("Throughput of each of them.")]
    assumed_noise: Annotated[
        float | None,
        doc("Standard deviation from run to run, a share, that a baseline gave for a single run."),
    ]
    left_out: Annotated[tuple[str, ...], doc("The other runs, each with why it does not count.")]


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """What `mrbench compare --json` prints."""

    a: Annotated[ComparedSide, doc("The first side.")]
    b: Annotated[ComparedSide, doc("The second side.")]
    comparable: Annotated[bool, doc("Whether the numbers may be compared.")]
    verdict: Annotated[str, doc("The same in words.")]
    ratio_b_to_a: Annotated[float | None, doc("Throughput of b by that of a, if comparable.")]
    low_ratio_b_to_a: Annotated[
        float | None,
        doc(
            "Low end of its 95 % confidence interval; null where a side has one run and nothing is"
            " known of its noise."
        ),
    ]
    high_ratio_b_to_a: Annotated[float | None, doc("High end of it.")]
    conclusion: Annotated[str, doc("What the ratio says, in words; empty if not comparable.")]
    differences: Annotated[
        tuple[Difference, ...], doc("Those that forbid a comparison come first.")
    ]
    of_suite: Annotated[
        tuple[Disparity, ...],
        doc(
            "What the suite says is not equal between their implementations, and which way it"
            " pushes the number."
        ),
    ] = ()
