"""Two runs compared: in what they differ, and whether their numbers may be compared; no I/O."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from mrbench.model.run import Interval, Status
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


class ComparedRun(msgspec.Struct, frozen=True, kw_only=True):
    """One of the two."""

    run: Annotated[str, Meta(description="The run's folder or archive.")]
    id: Annotated[str, Meta(description="suite/implementation/folder.")]
    status: Annotated[Status, Meta(description="ok, or why there is no number.")]
    images_per_second: Annotated[
        float | None, Meta(description="Throughput, if its number can be used.")
    ]
    interval: Annotated[Interval | None, Meta(description="Its 95 % confidence interval.")]


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """What `mrbench compare --json` prints."""

    a: Annotated[ComparedRun, Meta(description="The first run.")]
    b: Annotated[ComparedRun, Meta(description="The second run.")]
    comparable: Annotated[bool, Meta(description="Whether the numbers may be compared.")]
    verdict: Annotated[str, Meta(description="The same in words.")]
    ratio_b_to_a: Annotated[
        float | None, Meta(description="Throughput of b by that of a, if comparable.")
    ]
    differences: Annotated[
        tuple[Difference, ...], Meta(description="Those that forbid a comparison come first.")
    ]
