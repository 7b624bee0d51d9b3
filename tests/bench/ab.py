"""How often `mrbench ab` is right, and after how many pairs, on simulated runs.

Runs differ by the noise that a row names, each side by its own, and by what happens to the machine
meanwhile. Margin 3 %, 3 to 10 pairs in turns (A B, B A, ...). Cells are percent of the tests.
`python tests/bench/ab.py levels` computes the levels of mrbench/measure/sequential.py anew.

The promise: where the new side is slower by just the margin, at most 5 % are called `fail` and at
most 5 % `pass`; where it is slower by 5 % with 1 % noise, at most 5 pairs on average; the interval
that is printed in the end covers the true change in 95 % at least.
"""

import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from simulation import Array

from mrbench.measure.sequential import FEWEST, INTERVAL, LEVELS, MOST, STORED, UNLIKE
from mrbench.measure.student import t_quantile

MARGIN, PAIRS = 0.03, 10
BOUND = math.log1p(-MARGIN)
MOST_WRONG, MOST_PAIRS, LEAST_COVERED = 5.0, 5.0, 95.0
SAMPLING = 4.0  # standard errors that a simulated share may be beyond its bound
UNEQUAL = (1.0, 0.5, 0.33, 0.2, 3.0)  # the new side's noise by the old's, that levels are set for
PRECISE = 1e-4  # of a level's scale
GRID = 40  # degrees of freedom for which t is computed; between them it is interpolated
Drift = Callable[[np.random.Generator, Array], Array]


@dataclass(frozen=True, kw_only=True)
class Case:
    """What the simulated tests compare.

    slower: by which share the new side really is. noise: of a run, a share; new_noise: of the new
    side's, if another. drift: what happens to the machine, of (tests, runs in their order). stored:
    the noise that the baseline's runs had, and its degrees of freedom. outliers: share of runs that
    are 5 % slower.
    """

    slower: float = 0.0
    noise: float = 0.01
    new_noise: float | None = None
    drift: Drift | None = None
    stored: tuple[float, int] | None = None
    outliers: float = 0.0


@dataclass(frozen=True)
class Looks:
    """After 3, 4, ... pairs: the change less the truth, and each estimate's (error, freedom)."""

    change: list[Array]
    estimates: list[list[tuple[Array, Array]]]


def line(share: float) -> Drift:
    """Return a straight drift over all runs."""

    def drawn(_random: np.random.Generator, runs: Array) -> Array:
        path: Array = np.arange(runs.shape[1], dtype=np.float64)
        path *= share / (runs.shape[1] - 1)
        return path

    return drawn


def step(share: float, within: int = 2 * PAIRS) -> Drift:
    """Return a step at a random place among the first runs."""

    def drawn(random: np.random.Generator, runs: Array) -> Array:
        at = random.integers(1, within, (len(runs), 1))
        return share * (np.arange(runs.shape[1]) >= at).astype(np.float64)

    return drawn


def wander(share: float, runs_long: float) -> Drift:
    """Return a slow wander (Ornstein-Uhlenbeck) that forgets itself over so many runs."""

    def drawn(random: np.random.Generator, runs: Array) -> Array:
        keep = math.exp(-1 / runs_long)
        path = random.standard_normal(runs.shape)
        for i in range(1, runs.shape[1]):
            path[:, i] = keep * path[:, i - 1] + math.sqrt(1 - keep**2) * path[:, i]
        return share * path

    return drawn


def states(share: float, runs_long: float) -> Drift:
    """Return two speeds of the machine, each kept for so many runs on average."""

    def drawn(random: np.random.Generator, runs: Array) -> Array:
        flips = random.random(runs.shape) < 1 / runs_long
        fast = (np.cumsum(flips, axis=1) + random.integers(0, 2, (len(runs), 1))) % 2
        return share * fast.astype(np.float64)

    return drawn


def draw(case: Case, tests: int, pairs: int, seed: int) -> tuple[Array, Array, Array | None]:
    """Return logarithms of speed of both sides, (tests, pairs), and the stored variances."""
    random = np.random.default_rng(seed)
    runs = random.standard_normal((tests, 2 * pairs))
    noise = np.full(2 * pairs, case.noise)
    k = np.arange(pairs)
    old, new = 2 * k + k % 2, 2 * k + 1 - k % 2  # A B, B A, A B
    noise[new] = case.noise if case.new_noise is None else case.new_noise
    speed = noise * runs - 0.05 * (random.random(runs.shape) < case.outliers)
    if case.drift:
        speed = speed + case.drift(random, runs)
    speed[:, new] += math.log1p(-case.slower)
    stored = None
    if case.stored:
        deviation, freedom = case.stored
        stored = deviation**2 * random.chisquare(freedom, tests) / freedom
    return speed[:, old], speed[:, new], stored


def look(case: Case, tests: int, pairs: int = PAIRS, seed: int = 1) -> Looks:
    """Estimate the change and its noise after each pair, as `sequential.estimates` does."""
    old, new, stored = draw(case, tests, pairs, seed)
    changes, found = [], []
    for n in range(FEWEST, pairs + 1):
        a, b, freedom = old[:, :n], new[:, :n], n - 1
        d = b - a
        var_a, var_b = a.var(axis=1, ddof=1), b.var(axis=1, ddof=1)
        each = [
            (np.sqrt(d.var(axis=1, ddof=1) / n), np.full(tests, float(freedom))),
            _welch(var_a, freedom, var_b, freedom, n),
        ]
        if stored is not None and case.stored:
            more = case.stored[1]
            both = (freedom * var_a + more * stored) / (freedom + more)
            error, known = _welch(both, freedom + more, var_b, freedom, n)
            each.append((np.where(var_a <= UNLIKE * stored, error, np.inf), known))
        changes.append(d.mean(axis=1) - math.log1p(-case.slower))
        found.append(each)
    return Looks(changes, found)


def _welch(var_a: Array, known_a: int, var_b: Array, known_b: int, n: int) -> tuple[Array, Array]:
    square = var_a + var_b
    freedom = square**2 / (var_a**2 / known_a + var_b**2 / known_b)
    return np.sqrt(square / n), freedom


def reaches(looks: Looks, levels: list[float]) -> list[Array]:
    """Return after each look how far the change may be from the truth at these one-sided levels."""
    return [
        np.min([error * _quantiles(known, 2 * level) for error, known in each], axis=0)
        for each, level in zip(looks.estimates, levels, strict=True)
    ]


def _quantiles(freedom: Array, outside: float) -> Array:
    low, high = float(freedom.min()), float(freedom.max())
    grid = np.linspace(1 / high, 1 / low, GRID if high > low else 1)
    return np.interp(1 / freedom, grid, [t_quantile(1 / x, outside) for x in grid.tolist()])


@dataclass(frozen=True)
class Row:
    """Percent of the tests; pairs: their mean; slower: the mean of the changes that are printed."""

    fail: float
    passed: float
    pairs: float
    covered: float
    slower: float


def scaled(scale: float, pairs: int) -> list[float]:
    """Return the levels of all looks."""
    return [scale / math.sqrt(n) for n in range(FEWEST, pairs + 1)]


def outcome(looks: Looks, slower: float, scale: float, interval: float = INTERVAL) -> Row:
    """Stop each test when it is decided, and count."""
    truth = math.log1p(-slower)
    levels = scaled(scale, len(looks.change) + FEWEST - 1)
    change = np.stack(looks.change, axis=1)
    reach = np.stack(reaches(looks, levels), axis=1)
    wide = np.stack(reaches(looks, [interval * level for level in levels]), axis=1)
    fails, passes = change + truth + reach < BOUND, change + truth - reach > BOUND
    decided = fails | passes
    last = np.where(decided.any(axis=1), decided.argmax(axis=1), decided.shape[1] - 1)
    at = np.arange(len(last)), last
    return Row(
        100 * float(fails[at].mean()),
        100 * float(passes[at].mean()),
        float(last.mean()) + FEWEST,
        100 * float((np.abs(change[at]) <= wide[at]).mean()),
        100 * float((1 - np.exp(change[at] + truth)).mean()),
    )


def scale_for(pairs: int, tests: int, stored: tuple[tuple[float, int] | None, ...]) -> float:
    """Return the largest scale of levels that keeps all errors at the margin within 5 %."""
    noises = [(0.01 * other, known) for other in UNEQUAL for known in stored]
    designs = [
        look(Case(new_noise=new, stored=known), tests, pairs, seed=2 + seed)
        for seed, (new, known) in enumerate(noises)
    ]
    low, high = 0.008, 0.08
    while high - low > PRECISE:
        middle = (low + high) / 2
        wrong = (outcome(each, MARGIN, middle) for each in designs)
        keeps = all(max(row.fail, row.passed) <= MOST_WRONG for row in wrong)
        low, high = (middle, high) if keeps else (low, middle)
    return low


def print_levels(tests: int) -> None:
    """Print LEVELS, and beside it which share of it becomes STORED."""
    for pairs in range(FEWEST, MOST + 1):
        plain = scale_for(pairs, tests, (None,))
        stored = scale_for(pairs, tests, ((0.01, 10), (0.01, 30)))
        print(f"    {pairs}: {plain:.4f},  # {stored / plain:.2f}", flush=True)


def rows() -> Iterator[tuple[str, Case]]:
    """Yield all rows of the table."""
    for slower in (0.0, 0.01, 0.02, 0.03, 0.04, 0.05, 0.07):
        yield f"1 % noise: {slower:.0%} slower", Case(slower=slower)
    for noise in (0.003, 0.02):
        for slower in (0.0, MARGIN, 0.05):
            yield f"{noise:.1%} noise: {slower:.0%} slower", Case(slower=slower, noise=noise)
    for other in (0.0, 0.0025, 0.005, 0.03):
        yield (
            f"new side's noise {other:.2%}: {MARGIN:.0%} slower",
            Case(slower=MARGIN, new_noise=other),
        )
    for stored in ((0.01, 10), (0.01, 30), (0.007, 10), (0.02, 10)):
        for slower in (0.0, MARGIN, 0.05):
            case = Case(slower=slower, stored=stored)
            yield f"noise {stored[0]:.1%} stored ({stored[1]}): {slower:.0%} slower", case
    noisier = Case(slower=MARGIN, stored=(0.01, 10), new_noise=0.03)
    yield "the same, new side's noise 3 %: 3 % slower", noisier
    drifts = {
        "straight drift of 2 %": line(0.02),
        "straight drift of 10 %": line(0.10),
        "step of 2 %": step(0.02),
        "step of 2 % in the first 3 pairs": step(0.02, 6),
        "step of 10 % in the first 3 pairs": step(0.10, 6),
        "two speeds 4 % apart, 4 runs each": states(0.04, 4),
        "wander of 1 % over 5 runs": wander(0.01, 5),
        "wander of 2 % over 20 runs": wander(0.02, 20),
    }
    for name, drift in drifts.items():
        for slower in (0.0, MARGIN, 0.05):
            yield f"{name}: {slower:.0%} slower", Case(slower=slower, drift=drift)
        quiet = Case(slower=MARGIN, drift=drift, noise=0.003)
        yield f"{name}, noise 0.3 %: 3 % slower", quiet
    for slower in (0.0, MARGIN, 0.05):
        case = Case(slower=slower, outliers=0.15)
        yield f"15 % of runs 5 % slower: {slower:.0%} slower", case


def main(tests: int = 20_000) -> None:
    """Simulate, print the table, and end with an error where the promise is not kept."""
    print(f"{tests} tests a row; margin {MARGIN:.0%}, at most {PAIRS} pairs")
    names = ("fail", "pass", "undecided", "pairs", "95 % covers", "printed")
    print(f"{'':52}" + "".join(f"{name:>12}" for name in names))
    broken = []
    for name, case in rows():
        scale = LEVELS[PAIRS] * (STORED if case.stored else 1.0)
        row = outcome(look(case, tests), case.slower, scale)
        open_ = 100 - row.fail - row.passed
        cells = [f"{row.fail:.1f}", f"{row.passed:.1f}", f"{open_:.1f}", f"{row.pairs:.2f}"]
        cells += [f"{row.covered:.1f}", f"{row.slower:+.2f} %"]
        print(f"{name:52}" + "".join(f"{cell:>12}" for cell in cells), flush=True)
        broken += [name] if _breaks(case, row, tests) else []
    if broken:
        raise SystemExit(f"mrbench ab does not keep its promise: {'; '.join(broken)}")


def _breaks(case: Case, row: Row, tests: int) -> bool:
    """Tell whether a row is not as promised, more than sampling explains."""
    more = SAMPLING * 100 * math.sqrt(0.05 * 0.95 / tests)
    wrong = {
        MARGIN: max(row.fail, row.passed),
        **dict.fromkeys((0.0, 0.01, 0.02), row.fail),
    }.get(case.slower, row.passed)
    plain = case == replace(Case(), slower=0.05)
    return (
        wrong > MOST_WRONG + more
        or (row.covered < LEAST_COVERED - more and not case.drift)
        or (plain and row.pairs > MOST_PAIRS)
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["levels"]:
        print_levels(*map(int, sys.argv[2:3] or ["100000"]))
    else:
        main(*map(int, sys.argv[1:2]))
