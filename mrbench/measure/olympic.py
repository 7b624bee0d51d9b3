"""One number of many runs as MLPerf Training makes it: the median of all sets of N in a row.

MLPerf Training Rules, "Benchmark Results" and "Scoring" (mlcommons/training_policies,
training_rules.adoc, commit d73e20f1 of 14 May 2026): of M runs, decided on beforehand and put in
the order of their launch, each N consecutive ones are a set. A set's score is the mean of its times
without the fastest and the slowest one. A failed run takes for ever: one is the slowest, and a set
with two has no score. The result is the set with the median score, or none if that has none.
The rules do not say which of the two sets in the middle of an even number it is; here it is the
slower one.
"""

from collections.abc import Sequence

from mrbench.measure.repeats import mean_rate


def median_of_sets(rates: Sequence[float | None], size: int) -> float | None:
    """Return the throughput of the median set of `size` consecutive runs; None if it has none.

    rates: throughput of each run in the order of their launch, None of one that failed; at least
    `size` of them, which is 3 or more.
    """
    sets = [rates[first : first + size] for first in range(len(rates) - size + 1)]
    scores = sorted((_score(each) for each in sets), reverse=True)
    return scores[len(scores) // 2] or None


def _score(rates: Sequence[float | None]) -> float:
    """Return the throughput of a set; 0.0 if it has none."""
    _, *kept, _ = sorted(rate or 0.0 for rate in rates)
    return mean_rate(kept) if kept[0] > 0 else 0.0
