"""The gate's test: whether a training is slower than its baseline by a margin or more.

Both samples are logarithms of throughputs, so their difference is the logarithm of the
ratio of two speeds (geometric means). Two questions are put to it, each at 5 %: can a slowdown of
the margin or more be excluded (then it passes), and can one of less than the margin (then it
fails)? Otherwise the repeats do not tell, and nothing is claimed. That is the test of
non-inferiority, and with two_sided that of equivalence, by two one-sided t tests (Schuirmann,
Journal of Pharmacokinetics and Biopharmaceutics 15 (1987) 657-680); both its answers are those of
one 90 % interval held against the margin. So a slowdown of the margin or more passes in about 5 of
100 checks at most, and a smaller one fails in about 5 of 100 at most, however large the noise is.

A new commit may vary more than the old one, or less, and few runs cannot rule that out. So each
side keeps its own noise (`welch`), and one run, whose noise nobody knows, decides nothing. Where a
side's noise is known by one degree of freedom, as of two runs, Welch's interval may be too short (8
of 100 wrong); there the t of Cochran and Cox takes its place (`cautious_t`).

Who looks again after further runs has another chance to be wrong. So a further look at the same
runs is put at a stricter level (`level_of`), which keeps the wrong answers of all looks together
near those of one.

What this cannot see is what differs from day to day and is the same for all runs of one day: runs
made one after the other do not show it. `mrbench ab` makes both sides' runs in turns, and does.
"""

import math

import msgspec

from mrbench.measure.repeats import Difference, Sample, cautious_t, welch
from mrbench.measure.student import f_tail, t_quantile
from mrbench.model.baseline import BaselineEntry
from mrbench.model.finding import Outcome

LEVEL = 0.05  # of each of the two questions, at the first look
NORMAL = 10**6  # degrees of freedom, of which t is the normal quantile
FURTHER = 0.01  # at the second, and half of that at each one after it
UNLIKE = 0.25  # of the two-sided F test: a doubt is enough to keep two noises apart


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What the test holds the speeds against.

    margin: the share of its speed that may be lost, above 0 and below 1. two_sided: being faster
    by the same factor fails, too. floor: the least standard deviation that one run can have, as
    where its log prints few digits; a share. look: how many times these runs were looked at, with
    this one; earlier ones saw some of them.
    """

    margin: float
    two_sided: bool = False
    floor: float = 0.0
    look: int = 1

    @property
    def level(self) -> float:
        """How often each of the two questions may be answered wrongly, at this look."""
        return LEVEL if self.look == 1 else FURTHER / 2 ** (self.look - 2)


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """What the test says. change, low, high: logarithms of new by baseline, with its interval.

    low and high are None where the noise of one side is not known. confidence: of the interval,
    0.9 at the first look.
    """

    verdict: Outcome
    change: float
    low: float | None
    high: float | None
    confidence: float


def judge(base: Sample, new: Sample, terms: Terms) -> Judgement:
    """Compare new repeats, at least one, with the baseline's."""
    found = welch(base, new, least=terms.floor**2)
    low, high = None, None
    verdict: Outcome = "inconclusive"
    if found.error is not None:
        reach = _t(base, new, found, terms) * found.error
        low, high = found.change - reach, found.change + reach
        verdict = _verdict(low, high, terms)
    return Judgement(
        verdict=verdict,
        change=found.change,
        low=low,
        high=high,
        confidence=1 - 2 * terms.level,
    )


def decides(base: Sample, new: Sample, terms: Terms) -> bool:
    """Tell whether `judge` comes to a verdict; faster, for thousands of imagined samples.

    The t of all samples lies between that of the normal distribution and that of the side whose
    noise is known worst. Mostly both say the same, and those of whole degrees of freedom are kept.
    """
    found = welch(base, new, least=terms.floor**2)
    if found.error is None:
        return False
    for freedom, answer in ((NORMAL, False), (min(base.freedom, new.freedom), True)):
        reach = t_quantile(freedom, 2 * terms.level) * found.error
        verdict = _verdict(found.change - reach, found.change + reach, terms)
        if (verdict != "inconclusive") is answer:
            return answer
    return judge(base, new, terms).verdict != "inconclusive"


def _t(base: Sample, new: Sample, found: Difference, terms: Terms) -> float:
    if min(base.freedom, new.freedom) > 1:
        return t_quantile(found.freedom, 2 * terms.level)
    return cautious_t(base, new, 2 * terms.level, least=terms.floor**2)


def _verdict(low: float, high: float, terms: Terms) -> Outcome:
    bound = math.log1p(-terms.margin)
    if high < bound or (terms.two_sided and low > -bound):
        return "failed"
    if low > bound and (high < -bound or not terms.two_sided):
        return "ok"
    return "inconclusive"


def stored_sample(entry: BaselineEntry) -> Sample:
    """Return a baseline's repeats with all that is known of their noise."""
    variance = (entry.noise or 0.0) ** 2
    return Sample(
        count=len(entry.throughput),
        mean=math.log(entry.now.throughput),
        squares=variance * entry.noise_freedom,
        freedom=entry.noise_freedom,
    )


def alike(one: Sample, other: Sample) -> bool:
    """Tell whether two noises may be pooled; so may one of which nothing is known."""
    if not (one.freedom and other.freedom) or one.variance == other.variance:
        return True
    if not (one.variance and other.variance):
        return False
    tail = f_tail(one.variance / other.variance, one.freedom, other.freedom)
    return min(tail, 1 - tail) > UNLIKE / 2
