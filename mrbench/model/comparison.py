"""Two runs compared: in what they differ, and whether their numbers may be compared; no I/O."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

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

    key: Annotated[str, Meta(description="Dotted key of the fact.")]
    kind: Annotated[Kind, Meta(description="What it means for a comparison of the numbers.")]
    reason: Annotated[str, Meta(description="Why.")]
    a: Annotated[Any, Meta(description="The fact's value in the first record.")]
    b: Annotated[Any, Meta(description="The same in the second.")]

    def __str__(self) -> str:
        """Return the fact with both its values."""
        return f"{self.key}: {shorten(self.a, LONGEST)} / {shorten(self.b, LONGEST)}"


class ComparedSide(msgspec.Struct, frozen=True, kw_only=True):
    """One of the two: a run, or repeats of one."""

    run: Annotated[str, Meta(description="What it was called: a run's folder, archive, or a row.")]
    id: Annotated[str, Meta(description="suite/implementation/folder of its newest run.")]
    status: Annotated[Status, Meta(description="ok, or why the newest run has no number.")]
    unit: Annotated[Unit, Meta(description="What the throughput counts.")]
    throughput: Annotated[
        float | None, Meta(description="Throughput of the runs whose number can be used.")
    ]
    interval: Annotated[
        Interval | None,
        Meta(
            description="Its 95 % confidence interval: of several runs for their mean, of a single"
            " one within that run."
        ),
    ]
    runs: Annotated[tuple[str, ...], Meta(description="Ids of the runs that count, oldest first.")]
    run_throughput: Annotated[tuple[float, ...], Meta(description="Throughput of each of them.")]
    assumed_noise: Annotated[
        float | None,
        Meta(
            description="Standard deviation from run to run, a share, that a baseline gave for a"
            " single run."
        ),
    ]
    left_out: Annotated[
        tuple[str, ...], Meta(description="The other runs, each with why it does not count.")
    ]


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """What `mrbench compare --json` prints."""

    a: Annotated[ComparedSide, Meta(description="The first side.")]
    b: Annotated[ComparedSide, Meta(description="The second side.")]
    comparable: Annotated[bool, Meta(description="Whether the numbers may be compared.")]
    verdict: Annotated[str, Meta(description="The same in words.")]
    ratio_b_to_a: Annotated[
        float | None, Meta(description="Throughput of b by that of a, if comparable.")
    ]
    low_ratio_b_to_a: Annotated[
        float | None,
        Meta(
            description="Low end of its 95 % confidence interval; null where a side has one run and"
            " nothing is known of its noise."
        ),
    ]
    high_ratio_b_to_a: Annotated[float | None, Meta(description="High end of it.")]
    conclusion: Annotated[
        str, Meta(description="What the ratio says, in words; empty if not comparable.")
    ]
    differences: Annotated[
        tuple[Difference, ...], Meta(description="Those that forbid a comparison come first.")
    ]
    of_suite: Annotated[
        tuple[Disparity, ...],
        Meta(
            description="What the suite says is not equal between their implementations, and which"
            " way it pushes the number."
        ),
    ] = ()
