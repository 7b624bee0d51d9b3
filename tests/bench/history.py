"""How often `mrbench history` is right, beside asv's step detection, on simulated series of runs.

A cell of the first table is the percentage of series without a step in which one is found (mrbench:
also those in which it finds a drift). It promises 1 % for independent runs. The second table has
series with steps: percentage of the steps that are found within two runs, of those within one run,
and wrong steps in 100 series. asv.step_detect.detect_steps gets the throughput, as asv does.
"""

import math
import sys
from collections.abc import Callable, Sequence

import numpy as np
from asv.step_detect import detect_steps
from simulation import Array

from mrbench.measure.changepoint import LEAST, Steps, find_steps

LENGTHS = (6, 10, 20, 50, 100)
MOST_FALSE = 1.0  # percent, of independent runs
RANDOM = np.random.default_rng(17)


def ar(runs: int, rho: float) -> Array:
    """Draw an AR(1) process of deviation 1."""
    shocks = RANDOM.standard_normal(runs) * math.sqrt(1 - rho * rho)
    shocks[0] = RANDOM.standard_normal()
    for i in range(1, runs):
        shocks[i] += rho * shocks[i - 1]
    return shocks


def outliers(runs: int, share: float) -> Array:
    """Draw runs of which a share is 5 to 30 deviations slower."""
    slow = (RANDOM.random(runs) < share) * RANDOM.uniform(5, 30, runs)
    return RANDOM.standard_normal(runs) - slow


def sessions(runs: int) -> Array:
    """Draw runs that are made three a day, with half of the variance between days."""
    days = np.repeat(RANDOM.standard_normal(runs // 3 + 1), 3)[:runs]
    return (days + RANDOM.standard_normal(runs)) / math.sqrt(2)


INDEPENDENT: dict[str, Callable[[int], Array]] = {
    "normal": RANDOM.standard_normal,
    "t with 3 degrees of freedom": lambda n: RANDOM.standard_t(3, n),
}
NOISES = INDEPENDENT | {
    "5 % outliers": lambda n: outliers(n, 0.05),
    "15 % outliers": lambda n: outliers(n, 0.15),
    "noise 1 %, then 3 %": lambda n: (
        RANDOM.standard_normal(n) * np.where(np.arange(n) < n / 2, 1, 3)
    ),
    "three runs a day": sessions,
    "AR(1), rho 0.3": lambda n: ar(n, 0.3),
    "AR(1), rho 0.6": lambda n: ar(n, 0.6),
    "drift of 1 deviation": lambda n: RANDOM.standard_normal(n) + np.linspace(0, 1, n),
    "drift of 5 deviations": lambda n: RANDOM.standard_normal(n) + np.linspace(0, 5, n),
}
# runs, where steps are, and their signs
PLACES = {
    "10 runs, at 5": (10, (5,), (-1,)),
    "20, at 10": (20, (10,), (-1,)),
    "20, last 3": (20, (17,), (-1,)),
    "50, at 25": (50, (25,), (-1,)),
    "50, last 3": (50, (47,), (-1,)),
    "50, 5 slow ones": (50, (20, 25), (-1, 1)),
    "60, down twice": (60, (20, 40), (-1, -1)),
    "60, three": (60, (15, 30, 45), (-1, 1, -1)),
}


def ours(values: Array) -> Steps:
    """Return what mrbench finds in logarithms of speeds."""
    return find_steps(values.tolist())


def theirs(values: Array) -> list[int]:
    """Return the steps that asv finds in the speeds."""
    steps = detect_steps(np.exp(values).tolist())
    return [int(left) for left, *_ in steps[1:]]


def false_alarms(series: int) -> float:
    """Print the first table; return the worst share of independent runs."""
    print(f"found where there is no step, percent of {series} series; noise 1 %")
    print(f"{'':30}" + "".join(f"{f'{n} runs':>22}" for n in LENGTHS))
    print(f"{'':30}" + f"{'step':>8}{'drift':>7}{'asv':>7}" * len(LENGTHS))
    worst = 0.0
    for name, draw in NOISES.items():
        cells = ""
        for n in LENGTHS:
            found = np.zeros(3)
            for _ in range(series):
                values = 0.01 * draw(n)
                kinds = [step.gradual for step in ours(values).steps]
                found += (False in kinds, True in kinds, bool(theirs(values)))
            shares = 100 * found / series
            cells += "{:>8.1f}{:>7.1f}{:>7.1f}".format(*shares)
            if name in INDEPENDENT:
                worst = max(worst, shares[0])
        print(f"{name:30}{cells}", flush=True)
    return worst


def steps_found(series: int) -> None:
    """Print the second table, with how often the intervals of size and place hold the truth."""
    print(
        f"\nsteps found within 2 runs and within 1, percent; wrong ones in 100 of {series} series"
    )
    head = f"{'within 2':>10}{'1':>5}{'wrong':>7}"
    print(f"{'':28}{'mrbench':>22}{'size, place hold':>18}{'asv':>22}\n{'':28}{head}{'':18}{head}")
    for noise in (0.01, 0.03):
        for size in (0.01, 0.02, 0.03, 0.05, 0.1):
            print(f"noise {noise:.0%}, steps of {size:.0%}")
            for name, (runs, places, signs) in PLACES.items():
                print(f"  {name:26}" + _row(series, noise, size, (runs, places, signs)), flush=True)


def _row(
    series: int, noise: float, size: float, case: tuple[int, Sequence[int], Sequence[int]]
) -> str:
    runs, places, signs = case
    scores, held = np.zeros((2, 3)), np.zeros(3)
    for _ in range(series):
        values = noise * RANDOM.standard_normal(runs)
        for at, sign in zip(places, signs, strict=True):
            values[at:] += sign * -math.log1p(-size)
        steps = ours(values).steps
        both = ([s.at for s in steps if not s.gradual], theirs(values))
        for score, found in zip(scores, both, strict=True):
            score += [
                *(sum(any(abs(f - at) <= w for f in found) for at in places) for w in (2, 1)),
                sum(all(abs(f - at) > 2 for at in places) for f in found),
            ]
        for at, sign in zip(places, signs, strict=True):
            for s in steps:
                if abs(s.at - at) <= 2 and not s.gradual:
                    size_held = s.low_ratio <= (1 - size) ** -sign <= s.high_ratio
                    held += (1, size_held, s.before < at <= s.after)
    shares = 100 * scores / series / [len(places), len(places), 1]
    cells = ["{:>10.0f}{:>5.0f}{:>7.0f}".format(*row) for row in shares]
    known = "{:>9.0f}{:>9.0f}".format(*(100 * held[1:] / held[0])) if held[0] else " " * 18
    return cells[0] + known + cells[1]


def detected(series: int) -> None:
    """Print how often changes are found that are as large as mrbench says would mostly be."""
    print(f"\nsteps of the size that would mostly be found, percent of {series} series")
    for runs in (10, 20, 50):
        hits = 0
        for _ in range(series):
            values = 0.01 * RANDOM.standard_normal(runs)
            values[-LEAST:] += math.log1p(-(ours(values).detectable or 0.0))
            hits += any(abs(s.at - (runs - LEAST)) <= 2 for s in ours(values).steps)
        print(f"  {runs} runs, before the last {LEAST}: {100 * hits / series:.0f}", flush=True)


def main(series: int = 300) -> None:
    """Simulate, print the tables, and end with an error where the promise is not kept."""
    worst = false_alarms(series)
    steps_found(max(series // 4, 1))
    detected(max(series // 4, 1))
    if worst > MOST_FALSE + 300 * math.sqrt(MOST_FALSE / 100 / series):
        raise SystemExit("more false alarms than promised")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
