"""How fast the runs of one plan were over time, and when that changed; no I/O."""

from collections.abc import Mapping
from typing import Literal

import msgspec

from mrbench.model.comparison import Difference
from mrbench.model.work import Unit

Part = Literal["code", "environment", "machine", "method"]


class HistoryRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run that counts: its id, its UTC start, the commit that was trained, its throughput."""

    id: str
    started: str
    commit: str
    throughput: float


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A change of speed before run `at` (its index, from 0), most likely.

    before, after: the last run before and the first run after it, at 95 % confidence. ratio: of the
    speed after by that before, with its 95 % interval. p: how often noise alone shows such a change
    in the series, at most. gradual: a drift, from run `before` to run `after`. differences: what
    differs between these two and may explain it.
    """

    at: int
    before: int
    after: int
    ratio: float
    low_ratio: float
    high_ratio: float
    p: float
    gradual: bool
    differences: Mapping[Part, tuple[Difference, ...]]


class History(msgspec.Struct, frozen=True, kw_only=True):
    """Runs that may be compared, oldest first, and the changes among them.

    left_out: runs without a number that counts, and those of A/B tests. noise: standard deviation
    from run to run, a share; correlation: of runs that follow each other. detectable: slowdown, a
    share, that would mostly be found in the middle of the runs since the last change;
    detectable_newest: in the newest three of them. Null where runs are too few, or drift.
    """

    suite: str
    name: str
    hardware: str
    window: str
    unit: Unit
    runs: tuple[HistoryRun, ...]
    left_out: int
    changes: tuple[Change, ...]
    noise: float | None
    correlation: float | None
    detectable: float | None
    detectable_newest: float | None
