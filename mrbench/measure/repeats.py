"""What repeats of a training say: their mean, how they vary, and how two sets of them differ.

Runs are independent of each other, so each counts as one value and nothing else of it matters.
Speeds are compared as logarithms: a difference is then the logarithm of a ratio, and noise is a
share of any speed. Two sets of runs have two noises, which need not be alike (another commit may
vary more), so `welch` keeps them apart: Welch, Biometrika 34 (1947) 28-35, with the degrees of
freedom of Satterthwaite, Biometrics Bulletin 2 (1946) 110-114, as they are, not rounded. `pooled`
takes them for one: Student's two-sample test, for sides that are known to vary alike.

A single run says nothing of the noise between runs. A sample of one has none, unless it is given
what other runs of the same training told (`with_noise`).

What none of this can see is what is the same for all runs of one side: see `mrbench ab`.
"""

import math
from collections.abc import Sequence

import msgspec

from mrbench.measure.student import t_quantile, t_tail
from mrbench.model.measurement import Interval, Repeats

LEVEL = 0.95
LARGEST = 700.0  # logarithm
MANY = 5  # degrees of freedom, beside which one side's single one makes Welch's interval too short


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """Runs by one value each: how many, their mean, and how they vary.

    Mostly logarithms of throughputs (`log_sample`). squares: sum of squared deviations, with
    `freedom` degrees of freedom. They may come from more runs than these `count`, as a baseline's
    noise does: squares / freedom is one run's variance.
    """

    count: int
    mean: float
    squares: float
    freedom: int

    @property
    def variance(self) -> float:
        """One run's variance; zero where nothing is known of it."""
        return self.squares / self.freedom if self.freedom else 0.0

    def joined(self, count: int, mean: float, squares: float) -> "Sample":
        """Return this sample with further runs: their count, mean, and squares about that mean."""
        both = self.count + count
        apart = (mean - self.mean) ** 2 * self.count * count / both
        return Sample(
            count=both,
            mean=(self.count * self.mean + count * mean) / both,
            squares=self.squares + squares + apart,
            freedom=self.freedom + count - (0 if self.count else 1),
        )

    def with_noise(self, deviation: float, freedom: int) -> "Sample":
        """Return this sample with what other runs of the same training told of the noise.

        deviation: one run's standard deviation in the unit of the mean (of logarithms: a share),
        known by so many degrees of freedom. Both are pooled.
        """
        return msgspec.structs.replace(
            self, squares=self.squares + deviation**2 * freedom, freedom=self.freedom + freedom
        )


NONE = Sample(count=0, mean=0.0, squares=0.0, freedom=0)


class Noise(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one run's noise: its standard deviation, as a share, and by how much."""

    deviation: float
    freedom: int


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """How far two means are apart: of samples of logarithms the logarithm of the speeds' ratio.

    error: its standard error, and the degrees of freedom that this is known by; None and 0.0 where
    nothing is known of the noise of one side.
    """

    change: float
    error: float | None
    freedom: float

    def interval(self) -> tuple[float, float] | None:
        """Return the 95 % confidence interval, or None where the noise is not known."""
        if self.error is None:
            return None
        reach = t_quantile(self.freedom, 1 - LEVEL) * self.error if self.error else 0.0
        return self.change - reach, self.change + reach

    def p_below(self, bound: float) -> float:
        """Return how probable a change as low as this is where the true one is `bound`.

        One-sided: the change is below the bound, at a level of 5 %, where this is less than 0.05.
        1.0 where the noise is not known.
        """
        return self._p(self.change - bound)

    def p_above(self, bound: float) -> float:
        """Return the same for a change as high as this."""
        return self._p(bound - self.change)

    def _p(self, apart: float) -> float:
        if self.error is None:
            return 1.0
        if self.error == 0:
            return 0.0 if apart < 0 else 1.0
        half = t_tail(apart / self.error, self.freedom) / 2
        return half if apart < 0 else 1 - half


class Ratio(msgspec.Struct, frozen=True, kw_only=True):
    """One speed by another, with its 95 % interval; None where the noise is not known."""

    ratio: float
    low: float | None
    high: float | None


def sample(values: Sequence[float]) -> Sample:
    """Make the sample of runs by one value each."""
    if not values:
        return NONE
    mean = sum(values) / len(values)
    apart = [value - mean for value in values]
    squares = sum(x * x for x in apart)  # infinite rather than an error, as a power would be
    return Sample(count=len(values), mean=mean, squares=squares, freedom=len(values) - 1)


def log_sample(rates: Sequence[float]) -> Sample:
    """Make the sample of runs by the logarithms of their throughput, all above zero."""
    return sample([math.log(rate) for rate in rates])


def ratio_of(change: float) -> float:
    """Return the ratio of this logarithm, or 1e304: runs may claim speeds whose ratio overflows."""
    return math.exp(min(change, LARGEST))


def welch(base: Sample, new: Sample, *, least: float = 0.0) -> Difference:
    """Return new - base, each with its own noise.

    least: the least variance that one run can have, as where its log prints few digits.
    """
    change = new.mean - base.mean
    if not (base.freedom and new.freedom):
        return Difference(change=change, error=None, freedom=0.0)
    parts = [(max(side.variance, least) / side.count, side.freedom) for side in (base, new)]
    largest = max(part for part, _ in parts)
    if largest <= 0:
        return Difference(change=change, error=0.0, freedom=float(base.freedom + new.freedom))
    shares = [(part / largest, freedom) for part, freedom in parts]  # squares do not underflow
    total = sum(part for part, _ in shares)
    freedom = total**2 / sum(part**2 / known for part, known in shares)
    return Difference(change=change, error=math.sqrt(total * largest), freedom=freedom)


def cautious_t(base: Sample, new: Sample, outside: float, *, least: float = 0.0) -> float:
    """Return the t of Cochran and Cox, Experimental Designs (1950), in place of Welch's.

    It is the mean of both sides' own t, weighted by the variances of their means. Both noises must
    be known. Its intervals are never too short; Welch's are where one side has two runs and the
    other many: those of 95 % cover 88 %.
    """
    parts = [max(side.variance, least) / side.count for side in (base, new)]
    each = [t_quantile(side.freedom, outside) for side in (base, new)]
    if not sum(parts):
        return max(each)
    return (parts[0] * each[0] + parts[1] * each[1]) / sum(parts)


def pooled(base: Sample, new: Sample, *, least: float = 0.0) -> Difference:
    """Return new - base, with one noise for both; arguments as for `welch`."""
    change, freedom = new.mean - base.mean, base.freedom + new.freedom
    if not freedom:
        return Difference(change=change, error=None, freedom=0.0)
    variance = max((base.squares + new.squares) / freedom, least)
    error = math.sqrt(variance * (1 / base.count + 1 / new.count))
    return Difference(change=change, error=error, freedom=float(freedom))


def ratio(
    rates: Sequence[float],
    by: Sequence[float],
    *,
    noise: Noise | None = None,
    by_noise: Noise | None = None,
    rounding: float = 0.0,
) -> Ratio:
    """Return the speed of runs by that of others, each the mean that `between_runs` gives.

    rates, by: throughput of each run. The interval is Welch's, on the logarithmic scale.
    There is none where a side has one run only, unless that side's noise is known from elsewhere
    (noise, by_noise; a share). rounding: the largest relative error that the digits of the runs'
    logs allow.
    """
    value = mean_rate(rates) / mean_rate(by)
    # an error that is spread evenly between two bounds deviates by their root of three
    least = rounding**2 / 3
    base, new = _with_known(log_sample(by), by_noise), _with_known(log_sample(rates), noise)
    if len(rates) == len(by) == 1 and noise == by_noise:  # one estimate, not two
        found = pooled(base, log_sample(rates), least=least)
    else:
        found = welch(base, new, least=least)
    interval = found.interval()
    if interval is None or found.error is None:
        return Ratio(ratio=value, low=None, high=None)
    reach = (interval[1] - interval[0]) / 2
    if min(base.freedom, new.freedom) == 1 and max(base.freedom, new.freedom) >= MANY:
        reach = cautious_t(base, new, 1 - LEVEL, least=least) * found.error
    try:
        return Ratio(ratio=value, low=value * math.exp(-reach), high=value * math.exp(reach))
    except OverflowError:  # two runs that have nothing in common
        return Ratio(ratio=value, low=None, high=None)


def _with_known(side: Sample, noise: Noise | None) -> Sample:
    if noise is None or side.freedom:
        return side
    return side.with_noise(noise.deviation, noise.freedom)


def mean_rate(rates: Sequence[float]) -> float:
    """Return all work by all seconds of runs of one plan: their harmonic mean."""
    slowest = min(rates)  # by it nothing overflows
    return slowest * len(rates) / sum(slowest / rate for rate in rates)


def between_runs(rates: Sequence[float]) -> Repeats:
    """Summarise runs of one plan by their throughput, at least one, all above zero.

    The interval is Student's, over the runs' seconds per unit, for the mean of all runs that could
    be made. Nothing of a run but its number counts, so within-run noise is neither needed nor
    counted twice.
    """
    mean = mean_rate(rates)
    if len(rates) == 1:
        return Repeats(runs=1, throughput=mean, deviation=None, interval=None)
    seconds, speeds = sample([1 / rate for rate in rates]), sample(rates)
    error = math.sqrt(seconds.variance / len(rates)) * mean
    wide = 1 + t_quantile(seconds.freedom) * error
    interval = Interval(throughput=mean, low=mean / wide, high=mean * wide)
    return Repeats(
        runs=len(rates),
        throughput=mean,
        deviation=math.sqrt(speeds.variance),
        interval=interval,
    )
