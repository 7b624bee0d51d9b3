"""A baseline's repeats as the test sees them."""

import math

from mrbench.measure.repeats import Sample
from mrbench.measure.student import f_tail
from mrbench.model.baseline import BaselineEntry

# Of the two-sided F test: where noises are pooled, a doubt is enough to keep them apart.
UNLIKE = 0.25


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
