"""The gate's test: whether a training is slower than its baseline by a margin or more.

Both samples are logarithms of images per second, so their difference is the logarithm of the
ratio of two speeds (geometric means). Two questions are put to it, each at 5 %: can a slowdown of
the margin or more be excluded (then it passes), and can one of less than the margin (then it
fails)? Otherwise the repeats do not tell, and nothing is claimed. That is the test of
non-inferiority, and with two_sided that of equivalence, by two one-sided t tests (Schuirmann,
Journal of Pharmacokinetics and Biopharmaceutics 15 (1987) 657-680); both its answers are those of
one 90 % interval held against the margin. So a slowdown of the margin or more passes in at most 5
of 100 checks, and a smaller one fails in at most 5 of 100, however large the noise is.

Three runs say little of how much runs differ: with 2 degrees of freedom t is 2.92 instead of 1.64.
The baseline's noise is that of the same training on the same machine, so both are pooled, each by
its degrees of freedom (Student's two-sample test). Only where the new runs differ more than the
stored noise explains (F test at 5 %), each side keeps its own (Welch, Biometrika 34 (1947) 28-35).

What this cannot see is what differs from day to day and is the same for all runs of one day: runs
made one after the other do not show it. A baseline whose repeats were made at several times does.
"""

import math
from typing import Literal

import msgspec

from mrbench.measure.repeats import Sample
from mrbench.measure.student import f_critical, t_quantile

GateVerdict = Literal["pass", "fail", "inconclusive"]
LEVEL = 0.05  # of each of the two questions
UNLIKE = 0.05  # of the F test


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What the test holds the speeds against.

    margin: the share of its speed that may be lost, above 0 and below 1. two_sided: being faster
    by the same factor fails, too. floor: the least standard deviation that one run can have, as
    where its log prints few digits; a share.
    """

    margin: float
    two_sided: bool = False
    floor: float = 0.0


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """What the test says. change, low, high: logarithms of new by baseline, with its 90 % interval.

    noise: one run's standard deviation, as a share, and how many degrees of freedom it is known by;
    that of the new runs where `apart`: they differ more than the baseline's noise explains. low,
    high and noise are None where nothing is known of the noise.
    """

    verdict: GateVerdict
    change: float
    low: float | None
    high: float | None
    noise: float | None
    noise_freedom: int
    apart: bool = False


def judge(base: Sample, new: Sample, terms: Terms) -> Judgement:
    """Compare new repeats, at least one, with the baseline's."""
    change = new.mean - base.mean
    least = terms.floor**2
    apart = unlike(base, new, least)
    noise_freedom = new.freedom if apart else base.freedom + new.freedom
    if not noise_freedom:
        return Judgement(
            verdict="inconclusive", change=change, low=None, high=None, noise=None, noise_freedom=0
        )
    if apart:
        variance = new.variance
        error, freedom = _welch(base, new, least)
    else:
        variance = max((base.squares + new.squares) / noise_freedom, least)
        error, freedom = math.sqrt(variance * (1 / base.count + 1 / new.count)), noise_freedom
    reach = t_quantile(freedom, 2 * LEVEL) * error
    low, high = change - reach, change + reach
    return Judgement(
        verdict=_verdict(low, high, terms),
        change=change,
        low=low,
        high=high,
        noise=math.sqrt(variance),
        noise_freedom=noise_freedom,
        apart=apart,
    )


def unlike(base: Sample, new: Sample, least: float = 0.0) -> bool:
    """Tell whether the new runs differ more than the baseline's noise explains.

    least: a variance that every run has at least.
    """
    if not (base.freedom and new.freedom):
        return False
    known = max(base.variance, least)
    return new.variance > known * f_critical(new.freedom, base.freedom, UNLIKE)


def _welch(base: Sample, new: Sample, least: float) -> tuple[float, int]:
    """Return the difference's standard error and its degrees of freedom, rounded down."""
    parts = [(max(side.variance, least) / side.count, side.freedom) for side in (base, new)]
    square = sum(part for part, _ in parts)
    freedom = square**2 / sum(part**2 / known for part, known in parts)
    return math.sqrt(square), max(1, math.floor(freedom))


def _verdict(low: float, high: float, terms: Terms) -> GateVerdict:
    bound = math.log1p(-terms.margin)
    if high < bound or (terms.two_sided and low > -bound):
        return "fail"
    if low > bound and (high < -bound or not terms.two_sided):
        return "pass"
    return "inconclusive"
