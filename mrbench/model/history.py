"""How fast the runs of one plan were over time, and when that changed; no I/O."""

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

from mrbench.model.comparison import Difference
from mrbench.model.doc import doc
from mrbench.model.work import Unit

Part = Literal["code", "environment", "machine", "method"]


class HistoryRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run that counts."""

    id: Annotated[str, doc("suite/implementation/folder.")]
    started: Annotated[str, doc("UTC time of the start.")]
    commit: Annotated[str, doc("Commit or SHA-256 of what was trained.")]
    throughput: Annotated[float, doc("Its throughput.")]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A change of speed. Indices count the series' runs, from 0."""

    at: Annotated[int, doc("Index of the first run after it, most likely.")]
    before: Annotated[int, doc("Index of the last run that is before it, at 95 % confidence.")]
    after: Annotated[int, doc("Index of the first run after it, at 95 % confidence.")]
    ratio: Annotated[float, doc("Speed after by speed before.")]
    low_ratio: Annotated[float, doc("Low end of its 95 % confidence interval.")]
    high_ratio: Annotated[float, doc("High end of it.")]
    p: Annotated[float, doc("How often noise alone shows such a change in the series, at most.")]
    gradual: Annotated[bool, doc("Whether a straight line fits better than a step: a drift.")]
    differences: Annotated[
        Mapping[Part, tuple[Difference, ...]],
        doc("What differs between the runs `before` and `after` and may explain it."),
    ]


class History(msgspec.Struct, frozen=True, kw_only=True):
    """A series of runs that may be compared, in order of time."""

    suite: Annotated[str, doc("Name of the suite.")]
    implementation: Annotated[str, doc("Name of the recipe.")]
    name: Annotated[str, doc("The same with settings and devices.")]
    hardware: Annotated[str, doc("Names of the devices.")]
    window: Annotated[str, doc("Iterations that are measured.")]
    unit: Annotated[Unit, doc("What the throughput counts.")]
    runs: Annotated[tuple[HistoryRun, ...], doc("Valid runs, oldest first.")]
    left_out: Annotated[int, doc("Runs without a number that counts, and those of A/B tests.")]
    changes: Annotated[tuple[Change, ...], doc("All that were found.")]
    noise: Annotated[float | None, doc("Standard deviation from run to run, a share.")]
    correlation: Annotated[float | None, doc("Autocorrelation of runs that follow each other.")]
    detectable: Annotated[
        float | None,
        doc(
            "Smallest slowdown, a share, that is found 9 times of 10 in the middle of the runs"
            " since the last change; null if they are too few."
        ),
    ]
    detectable_newest: Annotated[
        float | None, doc("The same for a change before the newest three runs.")
    ]
