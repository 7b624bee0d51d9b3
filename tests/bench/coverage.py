"""How often a run's 95 % interval covers the truth, and how wide it is, by simulation.

The truth of a row is the mean that the window would show if only its noise were drawn anew:
trends, steps, warm-ups, and pauses that come once or by a schedule stay where they are. `covers` is
in percent of the windows. `width` is the median half width by 1.96 standard deviations of the
number: 1.0 is as narrow as can be, 1.2 to 1.3 is what estimating the noise costs. `percent` is the
median half width in percent of the number. Rows below a blank line are beyond what one window can
tell: see what is said there. `python tests/bench/coverage.py [WINDOWS A ROW]`.
"""

import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from mrbench.measure.interval import within_run

ITERATIONS = 400
NOISE = 0.05
Array = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
Draw = Callable[[np.random.Generator, tuple[int, int]], tuple[Array, Array | float]]
AT = np.arange(ITERATIONS)


class Row(NamedTuple):
    """draw: seconds per iteration, (windows, iterations), and each window's truth.

    every: iterations from line to line. step_s: seconds per iteration are printed to this.
    """

    name: str
    draw: Draw
    every: int = 20
    step_s: float = 0.0


def autocorrelated(random: np.random.Generator, rho: float, shape: tuple[int, int]) -> Array:
    """Draw standard normal rows in which each value has that correlation with the one before."""
    noise = random.standard_normal(shape)
    for i in range(1, shape[1]):
        noise[:, i] = rho * noise[:, i - 1] + np.sqrt(1 - rho**2) * noise[:, i]
    return noise


def noisy(rho: float, noise: float = NOISE, course: Array | None = None) -> Draw:
    """Return autocorrelated noise around a course that stays."""
    level = np.ones(ITERATIONS) if course is None else course

    def draw(random: np.random.Generator, shape: tuple[int, int]) -> tuple[Array, float]:
        return level * (1 + noise * autocorrelated(random, rho, shape)), float(level.mean())

    return draw


def wander(tau: float) -> Draw:
    """Return an Ornstein-Uhlenbeck wander of 2 % beside noise of 2 %."""

    def draw(random: np.random.Generator, shape: tuple[int, int]) -> tuple[Array, float]:
        slow = autocorrelated(random, float(np.exp(-1 / tau)), shape)
        return 1 + 0.02 * (slow + random.standard_normal(shape)), 1.0

    return draw


def random_walk(end: float) -> Draw:
    """Return a walk that has this standard deviation at its end, beside noise of 2 %."""

    def draw(random: np.random.Generator, shape: tuple[int, int]) -> tuple[Array, float]:
        walk = np.cumsum(random.standard_normal(shape), axis=1) * end / np.sqrt(ITERATIONS)
        return 1 + walk + 0.02 * random.standard_normal(shape), 1.0

    return draw


def states(stay: float) -> Draw:
    """Return two clock states 4 % apart, beside noise of 2 %."""

    def draw(random: np.random.Generator, shape: tuple[int, int]) -> tuple[Array, float]:
        changes = np.cumsum(random.random(shape) < 1 / stay, axis=1)
        state = (changes + random.integers(0, 2, (shape[0], 1))) % 2
        return 1 + 0.04 * (state - 0.5) + 0.02 * random.standard_normal(shape), 1.0

    return draw


def stalls(expected: float, least: float = 37.0, most: float = 37.0) -> Draw:
    """Return stalls of so many iterations' time at random places."""
    share = expected / ITERATIONS

    def draw(random: np.random.Generator, shape: tuple[int, int]) -> tuple[Array, float]:
        extra = (random.random(shape) < share) * random.uniform(least, most, shape)
        seconds = 1 + NOISE * random.standard_normal(shape) + extra
        return seconds, 1 + share * (least + most) / 2

    return draw


def scheduled(every: int, extra: float) -> Draw:
    """Return stalls in every so many iterations, which begin anywhere."""

    def draw(random: np.random.Generator, shape: tuple[int, int]) -> tuple[Array, Array]:
        begin = random.integers(0, every, (shape[0], 1))
        stalled = (AT + begin) % every == 0
        truth = 1 + extra * stalled.mean(axis=1)
        return 1 + NOISE * random.standard_normal(shape) + extra * stalled, truth

    return draw


def once(extra: float) -> Draw:
    """Return one pause of so many iterations' time, at a random place."""

    def draw(random: np.random.Generator, shape: tuple[int, int]) -> tuple[Array, float]:
        paused = random.integers(0, ITERATIONS, (shape[0], 1)) == AT
        return 1 + NOISE * random.standard_normal(shape) + extra * paused, 1 + extra / ITERATIONS

    return draw


def stepped(size: float) -> Draw:
    """Return a step at a random place, which stays."""

    def draw(random: np.random.Generator, shape: tuple[int, int]) -> tuple[Array, Array]:
        level = 1 + size * (random.uniform(40, 360, (shape[0], 1)) <= AT)
        return level * (1 + NOISE * random.standard_normal(shape)), level.mean(axis=1)

    return draw


def pareto(a: float) -> Draw:
    """Return heavy tails."""
    return lambda random, shape: (random.pareto(a, shape) + 1, a / (a - 1))


def sizes(block: int) -> Draw:
    """Return two sizes of images, one twice the other, in blocks; 30 % are large."""

    def draw(random: np.random.Generator, shape: tuple[int, int]) -> tuple[Array, float]:
        large = random.random((shape[0], -(-shape[1] // block))) < 0.3
        size = 1 + np.repeat(large, block, axis=1)[:, : shape[1]]
        return size + NOISE * random.standard_normal(shape), 1.3

    return draw


def printed(noise: float) -> Draw:
    """Return iterations of about 0.27 s."""

    def draw(random: np.random.Generator, shape: tuple[int, int]) -> tuple[Array, Array]:
        level = 0.27 + random.uniform(-0.005, 0.005, (shape[0], 1))
        return level * (1 + noise * random.standard_normal(shape)), level[:, 0]

    return draw


def rows() -> Iterator[Row]:
    """Yield what the interval must be right for."""
    yield from (Row(f"AR(1), rho {rho}", noisy(rho)) for rho in (0.0, 0.3, 0.6, 0.9))
    for lines in (4, 8, 40, 400):
        yield Row(f"rho 0.3, {lines} lines", noisy(0.3), every=ITERATIONS // lines)
    yield from courses()
    for extra in (40, 150):
        yield Row(f"one pause of {extra} iterations", once(extra))
    for every in (8, 20, 7, 32, 128, 150):
        yield Row(f"stall every {every}, +100 %", scheduled(every, 1.0))
    yield Row("stall every 100, +10 iterations", scheduled(100, 10.0))
    for expected in (4, 8, 20):
        yield Row(f"stalls of 4 to 19, {expected} expected", stalls(expected, 4, 19))
    yield from (Row(f"Pareto {a}", pareto(a)) for a in (2.1, 3.0))
    yield Row("two sizes, iid", sizes(1))
    yield Row("two sizes, blocks of 50", sizes(50))
    for noise in (0.005, 0.05):
        yield Row(f"printed to 0.01 of 0.27, noise {noise:.1%}", printed(noise), step_s=0.01)


def courses() -> Iterator[Row]:
    """Yield speeds that change in a way that stays."""
    for change in (0.02, 0.1, 0.3):
        yield Row(f"drift of {change:.0%}", noisy(0.3, course=1 + change * AT / ITERATIONS))
    for tau in (30, 60, 100):
        course = 1 + 0.1 * np.exp(-AT / tau)
        yield Row(f"warm-up of 10 %, tau {tau}", noisy(0.3, 0.02, course=course))
    yield from (Row(f"step of {size:.0%}", stepped(size)) for size in (0.05, 0.2))


def beyond() -> Iterator[Row]:
    """Yield what a window cannot tell: what is slower than it, or rarer."""
    for rho in (0.95, 0.99):
        yield Row(f"AR(1), rho {rho}", noisy(rho))
    for tau in (50, 100, 400):
        yield Row(f"wander of 2 %, tau {tau}", wander(tau))
    for end in (0.02, 0.05):
        yield Row(f"random walk, {end:.0%} at the end", random_walk(end))
    for stay in (100, 400):
        yield Row(f"two clock states, stay {stay}", states(stay))
    for expected in (0.5, 1, 2, 4):
        yield Row(f"stalls of 37, {expected} expected", stalls(expected))
    for expected in (1, 2):
        yield Row(f"stalls of 4 to 19, {expected} expected", stalls(expected, 4, 19))
    yield Row("one pause of 10 iterations", once(10))
    yield Row("Pareto 1.5", pareto(1.5))


class Cell(NamedTuple):
    """covers, percent: percent; width: by 1.96 standard deviations of the number."""

    covers: float
    width: float
    percent: float


def simulate(row: Row, windows: int, seed: int) -> Cell:
    """Draw windows and hold their intervals against the truth."""
    random = np.random.default_rng(seed)
    seconds, truth = row.draw(random, (windows, ITERATIONS))
    lines = seconds.reshape(windows, -1, row.every).sum(axis=2)
    if row.step_s:
        step = row.step_s * row.every
        lines = np.round(lines / step) * step
    true = np.broadcast_to(np.asarray(truth), (windows,))
    covered, halves = 0, []
    for times, mean in zip(lines, true, strict=True):
        pairs = [(row.every, float(one)) for one in times]
        found = within_run(pairs, resolution_s=row.step_s * row.every)
        if found is None:
            raise SystemExit(f"no interval: {row.name}")
        covered += found.low <= 1 / mean <= found.high
        halves.append((found.high - found.low) / 2 / found.throughput)
    half = float(np.median(halves))
    deviation = float(np.std(seconds.mean(axis=1) / true))
    return Cell(100 * covered / windows, half / (1.96 * deviation), 100 * half)


def main(windows: int | None = None) -> None:
    """Simulate and print the table."""
    count = windows or (int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
    print(f"{count} windows a row, of {ITERATIONS} iterations with a line every 20")
    print(f"{'series':36}{'covers %':>10}{'width':>8}{'percent':>9}")
    for part in (rows(), beyond()):
        for seed, row in enumerate(part):
            cell = simulate(row, count, seed)
            print(
                f"{row.name:36}{cell.covers:10.1f}{cell.width:8.2f}{cell.percent:9.2f}", flush=True
            )
        print()


if __name__ == "__main__":
    main()
