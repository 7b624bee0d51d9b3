"""The nouns of a baseline: what its file holds. Its keys are the field names of these types."""

import math
from collections.abc import Mapping
from dataclasses import field

from mrbench.checks.baseline.sample import Sample
from mrbench.model.recipe import noun

FORMAT = 1
Key = tuple[str, int, int]  # implementation, devices in all, nodes


@noun
class Value:
    """A speed that counted from `saved` on (UTC).

    images_per_second: the geometric mean of its repeats; runs: their ids; why: the reason for
    accepting a change that was refused.
    """

    saved: str
    commit: str
    images_per_second: float
    runs: tuple[str, ...]
    why: str = ""


@noun
class Entry:
    """One implementation's baseline.

    images_per_second: of each repeat, in order of time; half_widths: of their within-run intervals.
    noise: standard deviation from run to run, a share of the speed, with noise_freedom degrees of
    freedom: of these repeats and of those of earlier values; None of a single run. rounding: the
    largest relative error that printed digits allow. anchor: the value that slow changes are
    measured from. history: earlier values, oldest first. provenance: what is not that of the file.
    """

    implementation: str
    gpus: int
    nodes: int
    now: Value
    images_per_second: tuple[float, ...]
    half_widths: tuple[float | None, ...]
    noise: float | None
    noise_freedom: int
    rounding: float
    anchor: Value
    history: tuple[Value, ...] = ()
    provenance: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        """Return what it is known by."""
        return self.implementation, self.gpus, self.nodes

    @property
    def sample(self) -> Sample:
        """Return its repeats with all that is known of their noise."""
        variance = (self.noise or 0.0) ** 2
        return Sample(
            count=len(self.images_per_second),
            mean=math.log(self.now.images_per_second),
            squares=variance * self.noise_freedom,
            freedom=self.noise_freedom,
        )

    @property
    def known_runs(self) -> set[str]:
        """Return the ids of all runs that went into it: they are no test of it."""
        return {run for value in (*self.history, self.anchor, self.now) for run in value.runs}


@noun
class Baseline:
    """All baselines of a suite on one machine; provenance: what its entries have in common."""

    format: int
    suite: str
    mrbench: str
    provenance: Mapping[str, str]
    entries: tuple[Entry, ...]
    digest: str = ""


def called(key: Key, others: set[Key]) -> str:
    """Return the name of a series: its devices are told where an implementation has several."""
    name, gpus, nodes = key
    if sum(other[0] == name for other in others | {key}) == 1:
        return name
    devices = f"{gpus} device{'s' * (gpus != 1)}"
    return f"{name} ({devices}, {nodes} nodes)" if nodes > 1 else f"{name} ({devices})"
