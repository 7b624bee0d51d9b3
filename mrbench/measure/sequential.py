"""Old against new in turns (A B, B A, A B, ...), judged after each pair until it is decided.

Speeds are compared as logarithms, as in repeats.py: a change is the logarithm of new by old. There
are two questions: is the new side slower by more than the margin (failed), and can that be excluded
(ok)? The noise of the change is estimated in two ways, and the smaller result counts:

- from the differences within pairs (paired t). Whatever is the same for both runs of a pair, such
  as the temperature of the machine, cancels, and it does not matter which side varies more.
- from the scatter within each side (Welch), which gets more degrees of freedom from the same runs
  and decides earlier if the machine did not change meanwhile. If it did, this estimate is too
  large, never too small: in turns, both sides get the same share of a drift.

Each look, and the choice between two estimates, is a further chance to be wrong. So a look decides
at a stricter level than 5 %: LEVELS[max_pairs] / sqrt(pairs), with max_pairs fixed before the first
run. The levels are set by simulation so that a true slowdown of exactly the margin is `failed` in
at most 5 % of the tests and `ok` in at most 5 %, whatever the noise of a run and whichever side has
more of it. tests/bench/ab.py shows this, also under drifts, and computes the levels.
(Levels that fall slowly with time lie between the boundaries of Pocock and of O'Brien and Fleming;
see Jennison and Turnbull, Group Sequential Methods with Applications to Clinical Trials, 2000.)

A baseline's noise, where given, is pooled with the old side's own in a third estimate, unless the
old side now varies more than that explains. It saves some pairs, but never goes below three.

The interval keeps its 95 % although measuring stops once the test is decided: it takes Student's t
at INTERVAL of the look's level. It is wider than that of a number of pairs fixed in advance, and
may reach the margin where the test has only just decided, at 5 % in one direction.
"""

import math
from collections.abc import Sequence

import msgspec

from mrbench.measure.repeats import Difference, log_sample, sample, welch
from mrbench.measure.student import t_quantile
from mrbench.model.finding import Outcome

FEWEST, MOST = 3, 20  # pairs
# By max_pairs: the level at which a look decides, times the root of its pairs.
LEVELS = {
    3: 0.0622,
    4: 0.0415,
    5: 0.0317,
    6: 0.0284,
    7: 0.0263,
    8: 0.0242,
    9: 0.0223,
    10: 0.0206,
    11: 0.0202,
    12: 0.0198,
    13: 0.0190,
    14: 0.0183,
    15: 0.0177,
    16: 0.0174,
    17: 0.0171,
    18: 0.0168,
    19: 0.0165,
    20: 0.0162,
}
STORED = 0.74  # times these where a baseline knows the noise of the old side: a third estimate
INTERVAL = 0.6  # of a look's level, on each side, is outside the interval
UNLIKE = 2.0  # times the stored variance: the old side now varies more than that explains


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What is fixed before the first run.

    margin: the share of its speed that may be lost, above 0 and below 1. max_pairs: FEWEST to MOST.
    stored: what a baseline knows of the old side's noise: one run's standard deviation, as a share,
    and its degrees of freedom.
    """

    margin: float
    max_pairs: int
    stored: tuple[float, int] | None = None

    @property
    def bound(self) -> float:
        """The logarithm of the slowest speed that is not too slow, by the old."""
        return math.log1p(-self.margin)

    def level(self, pairs: int) -> float:
        """Return how improbable a result must be to decide after that many pairs."""
        scale = LEVELS[self.max_pairs] * (1.0 if self.stored is None else STORED)
        return scale / math.sqrt(pairs)


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """What the pairs say.

    change, low, high: logarithm of new by old, with its 95 % interval; None before the first look.
    p_fail: how probable a change this low is if the new side is slower by just the margin; p_pass:
    the same for a change this high. The test is decided once the smaller of them is below `level`.
    """

    verdict: Outcome
    pairs: int
    change: float
    low: float | None = None
    high: float | None = None
    p_fail: float = 1.0
    p_pass: float = 1.0
    level: float = 0.0


def judge(
    old: Sequence[float], new: Sequence[float], terms: Terms, *, rounding: float = 0.0
) -> Judgement:
    """Judge pairs of runs, at least one, by the throughput of both sides, in order.

    rounding: the largest relative error that the digits of the runs' logs allow.
    """
    pairs = len(old)
    found = estimates(old, new, terms.stored, rounding=rounding)
    change = found[0].change
    if pairs < FEWEST:
        return Judgement(verdict="inconclusive", pairs=pairs, change=change)
    level = terms.level(pairs)
    p_fail = min(each.p_below(terms.bound) for each in found)
    p_pass = min(each.p_above(terms.bound) for each in found)
    verdict: Outcome = "inconclusive"
    if min(p_fail, p_pass) < level:
        verdict = "failed" if p_fail < p_pass else "ok"
    outside = 2 * INTERVAL * level
    reach = min(t_quantile(each.freedom, outside) * (each.error or 0.0) for each in found)
    return Judgement(
        verdict=verdict,
        pairs=pairs,
        change=change,
        low=change - reach,
        high=change + reach,
        p_fail=p_fail,
        p_pass=p_pass,
        level=level,
    )


def estimates(
    old: Sequence[float],
    new: Sequence[float],
    stored: tuple[float, int] | None = None,
    *,
    rounding: float = 0.0,
) -> list[Difference]:
    """Return the change with each estimate of its noise; arguments as for `judge`."""
    # an error that is spread evenly between two bounds deviates by their root of three
    least = rounding**2 / 3
    a, b = log_sample(old), log_sample(new)
    d = sample([math.log(y / x) for x, y in zip(old, new, strict=True)])
    error = math.sqrt(max(d.variance, 2 * least) / d.count)
    known = d.freedom > 0
    found = [
        Difference(change=d.mean, error=error if known else None, freedom=float(d.freedom)),
        welch(a, b, least=least),
    ]
    if stored is not None and known and a.variance <= UNLIKE * stored[0] ** 2:
        found.append(welch(a.with_noise(*stored), b, least=least))
    return found
