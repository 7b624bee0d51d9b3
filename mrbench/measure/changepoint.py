"""Where the level of a series changed: few values, with outliers, and neighbours that are alike.

Optimal partitioning (Jackson et al., IEEE Signal Processing Letters 12 (2005) 105-108) proposes
steps. Student's t tests each between its neighbours, and the smallest are dropped until all hold,
as Hunter does (Fleming et al., ICPE 2023). Error and degrees of freedom are those of an AR(1)
process with the autocorrelation of what the levels leave; outliers count as less far away. Values
that a straight line fits better than a step may be a drift. tests/bench/history.py says how often
all that is right.
"""

import math
from collections.abc import Sequence
from itertools import accumulate, pairwise, takewhile
from statistics import median
from typing import NamedTuple

import msgspec

from mrbench.measure.repeats import pooled, ratio_of, sample
from mrbench.measure.student import t_quantile, t_tail

FALSE_ALARMS = 0.01  # of a whole series without a change
LEAST = 3  # values of a level: fewer cannot be told from outliers
FINE = 8.0  # variances, by which a proposed step must lower the squares
NEIGHBOURS, OUTLIER = 5, 4.0  # of these values' median, at most so many deviations
FEW = 20  # values, among fewer of which outliers come in no groups and no correlation is known
SIGMA = 0.6745 * math.sqrt(2)  # median of |difference| of two normal values of deviation 1
SMALLEST = 1e-4  # deviation: equal values have noise all the same
PROFILE = 7.35  # likelihood ratio of a place, 95 %: Hansen, Econometrica 68 (2000) 575-603


class Step(msgspec.Struct, frozen=True):
    """A change before value `at` (its index, from 0), most likely; or a drift, if gradual.

    before, after: the last value before it and the first after it, at 95 % confidence. ratio: of
    the speed after it by that before, with its 95 % interval. p: how often noise alone shows such a
    change anywhere in the series, at most.
    """

    at: int
    before: int
    after: int
    ratio: float
    low_ratio: float
    high_ratio: float
    p: float
    gradual: bool


class Steps(NamedTuple):
    """All changes, in order. deviation: of values from their level.

    detectable: loss, a share, that would mostly be found in the newest LEAST values; None where
    values since the last change are too few, or drift.
    """

    steps: Sequence[Step]
    deviation: float
    detectable: float | None


def find_steps(values: Sequence[float], least: float = SMALLEST) -> Steps:
    """Find the changes among logarithms of speeds; least: the least deviation one can have."""
    series = _Series(values, max(least, SMALLEST))
    edges = [0, *series.proposed(), len(values)]
    while True:
        for i in range(1, len(edges) - 1):
            edges[i] = series.best(edges[i - 1], edges[i + 1])
        deviation, correlation = series.noise(edges)
        places = list(zip(edges, edges[1:], edges[2:], strict=False))
        tested = (series.step(*place, correlation) for place in places)
        # most have one that does not hold, so that few are tested each time
        steps = list(takewhile(lambda step: step.p <= FALSE_ALARMS, tested))
        if len(steps) == len(places):
            break
        edges.remove(min(places, key=lambda place: series.gain(*place))[1])
    long = [(a, b) for a, b in pairwise(edges) if b - a >= 2 * LEAST]
    drifts = [series.drift(a, b) for a, b in long if series.drifts(a, series.best(a, b), b)]
    steps += [drift for drift in drifts if drift.p * (len(edges) - 1) <= FALSE_ALARMS]
    newest = edges[-1] - edges[-2]
    known = newest >= 2 * LEAST and not any(step.gradual for step in steps)
    loss = _detectable(deviation, correlation, newest, len(values)) if known else None
    return Steps(sorted(steps, key=lambda step: step.at), deviation, loss)


def _detectable(deviation: float, correlation: float, newest: int, count: int) -> float:
    wider, freedom = _alike(correlation, newest)
    t = t_quantile(freedom, FALSE_ALARMS / _tests(count)) + t_quantile(freedom, 0.1)
    return -math.expm1(-t * wider * deviation * math.sqrt(1 / (newest - LEAST) + 1 / LEAST))


def _tests(count: int) -> int:
    """Return how many tests a search is: two for each place, which ends one level or begins one."""
    return 2 * max(count - 2 * LEAST + 1, 1)


def _alike(correlation: float, count: int) -> tuple[float, float]:
    """Return by how much errors exceed those of independent values, and the degrees of freedom."""
    ratio = (1 + correlation) / (1 - correlation)
    return math.sqrt(ratio), max(count / ratio - 2, 1.0)


def _correlation(rest: Sequence[float], means: int) -> float:
    """Return the autocorrelation of neighbours; each mean that was taken off has lowered it."""
    squares = sum(x * x for x in rest)
    alike = sum(x * y for x, y in pairwise(rest)) / squares if squares > SMALLEST**2 else 0.0
    return min(max(alike + (means + 1) / max(len(rest), FEW), 0.0), 0.9)


def _ratios(change: float, reach: float) -> tuple[float, float, float]:
    return ratio_of(change), ratio_of(change - reach), ratio_of(change + reach)


class _Series:
    def __init__(self, values: Sequence[float], least: float) -> None:
        centre, n = median(values or [0.0]), len(values)
        self.raw = self.x = [value - centre for value in values]
        apart = [abs(b - a) for a, b in pairwise(self.raw)]
        self.sigma, self.least = max(median(apart or [0.0]) / SIGMA, least), least
        if n >= NEIGHBOURS:
            firsts = [min(max(i - NEIGHBOURS // 2, 0), n - NEIGHBOURS) for i in range(n)]
            middles = [median(self.raw[first : first + NEIGHBOURS]) for first in firsts]
            self.x = [self._near(x, m) for x, m in zip(self.raw, middles, strict=True)]
        self.sums = [0.0, *accumulate(self.x)]
        self.squares = [0.0, *accumulate(x * x for x in self.x)]

    def _near(self, x: float, middle: float, more: float = 1.0) -> float:
        reach = OUTLIER * self.sigma * more
        return min(max(x, middle - reach), middle + reach)

    def _mean(self, a: int, b: int) -> float:
        return (self.sums[b] - self.sums[a]) / (b - a)

    def _rss(self, a: int, b: int) -> float:
        return max(self.squares[b] - self.squares[a] - self._mean(a, b) ** 2 * (b - a), 0.0)

    def proposed(self) -> list[int]:
        """Return the steps that make the squares least, with a fine for each."""
        n, fine = len(self.x), FINE * self.sigma**2
        least, last = [-fine] + [math.inf] * n, [0] * (n + 1)
        for b in range(LEAST, n + 1):
            starts = (0, *range(LEAST, b - LEAST + 1))
            least[b], last[b] = min((least[a] + self._rss(a, b) + fine, a) for a in starts)
        places = []
        while n := last[n]:
            places.append(n)
        return places[::-1]

    def gain(self, a: int, k: int, b: int) -> float:
        """Return by how much a step before k lowers the squares of [a, b)."""
        return self._rss(a, b) - self._rss(a, k) - self._rss(k, b)

    def best(self, a: int, b: int) -> int:
        """Return the best place of a step within [a, b)."""
        return max(range(a + LEAST, b - LEAST + 1), key=lambda k: self.gain(a, k, b))

    def noise(self, edges: Sequence[int]) -> tuple[float, float]:
        """Return deviation and autocorrelation of what the levels leave."""
        rest = [x - self._mean(a, b) for a, b in pairwise(edges) for x in self.x[a:b]]
        freedom = max(len(rest) - len(edges) + 1, 1)
        deviation = math.sqrt(sum(x * x for x in rest) / freedom)
        return max(deviation, self.least), _correlation(rest, len(edges) - 1)

    def step(self, a: int, k: int, b: int, correlation: float) -> Step:
        """Test the step before k between its neighbours a and b; where a line fits better: none."""
        n, tested = b - a, [self.x[a:b]]
        if min(k - a, b - k) < 2 * LEAST:  # a group of outliers is no level
            middle, more = median(self.raw[a:b]), max(FEW / len(self.raw), 1.0)
            tested.append([self._near(x, middle, more) for x in self.raw[a:b]])
        wider, freedom = _alike(correlation, n)
        found = [self._change(values[: k - a], values[k - a :]) for values in tested]
        p = max(t_tail(change / (wider * error), freedom) for change, error in found)
        p = 1.0 if self.drifts(a, k, b) else min(p * _tests(len(self.x)), 1.0)
        left = max(self._rss(a, b) - self.gain(a, k, b), n * self.least**2)
        most = left * math.exp(PROFILE * wider**2 / n)
        places = [i for i in range(a + 1, b) if self._rss(a, b) - self.gain(a, i, b) <= most]
        change, error = found[0]
        ratios = _ratios(change, t_quantile(freedom) * wider * error)
        return Step(k, min(places) - 1, max(places), *ratios, p, gradual=False)

    def _change(self, before: Sequence[float], after: Sequence[float]) -> tuple[float, float]:
        """Return the change of the mean, and its error if values are independent."""
        found = pooled(sample(before), sample(after), least=self.least**2)
        return found.change, found.error or math.inf

    def drifts(self, a: int, k: int, b: int) -> bool:
        """Tell whether a straight line fits [a, b) better than a step before k."""
        return sum(x * x for x in self._line(a, b)[1]) < self._rss(a, k) + self._rss(k, b)

    def drift(self, a: int, b: int) -> Step:
        """Test the slope of [a, b); the change is that from its first to its last value."""
        n, (slope, rest) = b - a, self._line(a, b)
        wider, freedom = _alike(_correlation(rest, 2), n)
        freedom = max(freedom, 2.0)  # what a curve leaves is all alike: with 1, none would be found
        change = slope * (n - 1)
        deviation = max(math.sqrt(sum(x * x for x in rest) / (n - 2)), self.least)
        error = wider * deviation * (n - 1) / math.sqrt(n * (n * n - 1) / 12)
        p = 2 * t_tail(change / error, freedom)  # of two kinds of tests
        ratios = _ratios(change, t_quantile(freedom) * error)
        return Step((a + b) // 2, a, b - 1, *ratios, p, gradual=True)

    def _line(self, a: int, b: int) -> tuple[float, list[float]]:
        """Return the slope of a straight line through [a, b), and what it leaves."""
        mean, at = self._mean(a, b), [i - (a + b - 1) / 2 for i in range(a, b)]
        slope = sum(i * x for i, x in zip(at, self.x[a:b], strict=True)) / sum(i * i for i in at)
        return slope, [x - mean - slope * i for i, x in zip(at, self.x[a:b], strict=True)]
