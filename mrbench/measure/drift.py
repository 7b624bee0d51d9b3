"""Whether throughput changes within the window: detectors get slower or faster as they learn."""

from dataclasses import dataclass

from mrbench.measure.distributions import tail
from mrbench.measure.slow import Times, slow

FALSE_ALARMS = 0.01


@dataclass(frozen=True, kw_only=True)
class Drift:
    """change: throughput in the window's last quarter by that in its first, less one.

    p_value: how often a run without drift would show a trend as strong as this one.
    """

    change: float
    p_value: float

    @property
    def beyond_noise(self) -> bool:
        """Whether the trend is more than noise; wrong in about 1 of 100 runs without drift."""
        return self.p_value < FALSE_ALARMS


def drift(times: Times, *, resolution_s: float = 0.0, one_clock: bool = False) -> Drift | None:
    """Test for a straight trend in a window's interval times, or return None: nothing to compare.

    At least four intervals are needed, and some time in the first and in the last quarter.
    Arguments as for interval.within_run. The trend's projection is compared with those on slow
    cosines (see slow), which autocorrelation blows up as much: Student's t. That is the series
    test of trends of Sun, Journal of Econometrics 164 (2011) 345-366. A change that the steps of
    the clock could make counts as none.
    """
    found = slow(times)
    if found is None:
        return None
    quarter = len(times) // 4
    begin, end = _pace(times[:quarter]), _pace(times[-quarter:])
    if not (begin > 0 and end > 0):
        return None
    change = begin / end - 1
    per_interval = abs(end - begin) * found.iterations / len(times)
    steps = 2 / quarter if one_clock else 1
    if not found.line or per_interval <= steps * resolution_s:
        return Drift(change=change, p_value=1.0)
    ratio = found.line / found.noise if found.noise else float("inf")
    return Drift(change=change, p_value=tail(ratio, found.cosines))


def _pace(times: Times) -> float:
    """Return seconds per iteration."""
    return sum(seconds for _, seconds in times) / sum(count for count, _ in times)
