"""Repeats of one training as the test sees them: how many, their mean, how they scatter."""

import math
from collections.abc import Sequence
from statistics import fmean

import msgspec

from mrbench.model.baseline import BaselineEntry


class SpeedSample(msgspec.Struct, frozen=True, kw_only=True):
    """Logarithms of images per second, one for each run: a change is then a share of any speed.

    squares: sum of squared deviations, with `freedom` degrees of freedom. They may come from more
    runs than these `count`, as a baseline's noise does: squares / freedom is one run's variance.
    """

    count: int
    mean: float
    squares: float
    freedom: int

    @property
    def variance(self) -> float:
        """Return one run's variance; zero where nothing is known of it."""
        return self.squares / self.freedom if self.freedom else 0.0

    def joined(self, count: int, mean: float, squares: float) -> "SpeedSample":
        """Return this sample with further runs: their count, mean, and squares about that mean."""
        both = self.count + count
        apart = (mean - self.mean) ** 2 * self.count * count / both
        return SpeedSample(
            count=both,
            mean=(self.count * self.mean + count * mean) / both,
            squares=self.squares + squares + apart,
            freedom=self.freedom + count - (0 if self.count else 1),
        )


NONE = SpeedSample(count=0, mean=0.0, squares=0.0, freedom=0)


def sample_of(rates: Sequence[float]) -> SpeedSample:
    """Make the sample of runs by their images per second, all above zero."""
    if not rates:
        return NONE
    logs = [math.log(rate) for rate in rates]
    mean = fmean(logs)
    squares = sum((value - mean) ** 2 for value in logs)
    return SpeedSample(count=len(logs), mean=mean, squares=squares, freedom=len(logs) - 1)


def stored_sample(entry: BaselineEntry) -> SpeedSample:
    """Return a baseline's repeats with all that is known of their noise."""
    variance = (entry.noise or 0.0) ** 2
    return SpeedSample(
        count=len(entry.images_per_second),
        mean=math.log(entry.now.images_per_second),
        squares=variance * entry.noise_freedom,
        freedom=entry.noise_freedom,
    )
