"""How often the 95 % interval of a ratio covers the true one, over runs of each side.

Runs vary by the noise that a row names, and each also by what 5 % of noise of its 400 iterations
leave (0.25 %). The truth is a ratio of 1. A side of one run has no interval, unless a baseline
knows the noise: here from 10 runs.
"""

import math
import statistics
import sys

import numpy as np

from mrbench.measure.repeats import Noise, log_sample, ratio

ITERATION_NOISE, ITERATIONS = 0.05, 400
# runs of both sides, percent of noise between runs of each
DESIGNS = (
    *((1, 1, 0.3, 0.3), (1, 1, 1.0, 1.0), (1, 1, 2.0, 2.0), (1, 3, 1.0, 1.0), (2, 2, 1.0, 1.0)),
    *((3, 3, 1.0, 1.0), (5, 5, 1.0, 1.0), (2, 5, 1.0, 1.0), (3, 10, 0.5, 1.0), (3, 10, 3.0, 0.5)),
    *((2, 10, 1.0, 1.0), (2, 10, 1.0, 0.5)),
)
STORED = 10  # runs of a baseline


def coverage(
    runs: tuple[int, int], noises: tuple[float, float], trials: int, *, stored: bool = False
) -> tuple[float, float] | None:
    """Return percent of covering intervals, and their median half width in percent of the ratio.

    None where there is none. noises: standard deviations from run to run, as shares. stored: the
    noise is known from STORED runs besides.
    """
    random = np.random.default_rng(sum(runs))
    covered, widths = 0, []
    for _ in range(trials):
        sides = [_rates(random, count, noise) for count, noise in zip(runs, noises, strict=True)]
        noise = _known(random, noises[0]) if stored else None
        found = ratio(*sides, noise=noise, by_noise=noise)
        if found.low is None or found.high is None:
            return None
        covered += found.low <= 1 <= found.high
        widths.append(50 * (found.high - found.low) / found.ratio)
    return 100 * covered / trials, statistics.median(widths)


def _rates(random: np.random.Generator, runs: int, noise: float) -> list[float]:
    spread = math.hypot(noise, ITERATION_NOISE / math.sqrt(ITERATIONS))
    rates: list[float] = np.exp(spread * random.standard_normal(runs)).tolist()
    return rates


def _known(random: np.random.Generator, noise: float) -> Noise:
    sample = log_sample(_rates(random, STORED, noise))
    return Noise(deviation=math.sqrt(sample.variance), freedom=sample.freedom)


def main(trials: int = 10_000) -> None:
    """Print the table."""
    print(
        f"{trials} ratios a row; 95 % intervals: percent that cover, median half width in percent"
    )
    print(f"{'runs':12}{'noise between runs':>20}{'Welch':>16}{f'noise of {STORED} runs':>20}")
    for *runs, one, other in DESIGNS:
        a, b = map(int, runs)
        cells = [
            coverage((a, b), (one / 100, other / 100), trials, stored=stored)
            for stored in (False, True)
            if not stored or min(a, b) == 1
        ]
        texts = ["none" if c is None else f"{c[0]:.1f}, {c[1]:.1f} %" for c in cells]
        noise = f"{one:g} %" if one == other else f"{one:g}, {other:g} %"
        print(
            f"{f'{a} v {b}':12}{noise:>20}"
            + "".join(f"{t:>{16 + 4 * i}}" for i, t in enumerate(texts))
        )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
