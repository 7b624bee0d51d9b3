"""A baseline's repeats as the test sees them."""

import math

from mrbench.measure.repeats import Sample
from mrbench.model.baseline import BaselineEntry


def stored_sample(entry: BaselineEntry) -> Sample:
    """Return a baseline's repeats with all that is known of their noise."""
    variance = (entry.noise or 0.0) ** 2
    return Sample(
        count=len(entry.images_per_second),
        mean=math.log(entry.now.images_per_second),
        squares=variance * entry.noise_freedom,
        freedom=entry.noise_freedom,
    )
