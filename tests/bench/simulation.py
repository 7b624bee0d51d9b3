"""Simulated trainings: seconds per iteration as real ones have them, and pauses between them."""

from dataclasses import dataclass

import numpy as np

Array = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
ITERATIONS = 540
PAUSED_EVERY = 50  # iterations: evaluations and checkpoints fall on multiples of it


@dataclass(frozen=True)
class Trainings:
    """seconds: (runs, iterations), of each iteration; pauses: (runs, iterations), after each."""

    seconds: Array
    pauses: Array


def simulate(mean_s: float, runs: int, seed: int) -> Trainings:
    """Draw trainings of about mean_s seconds per iteration.

    Each has a slow first iteration (workers start, kernels are chosen), a warm-up that dies away
    over 5 to 80 iterations, a level that drifts by -8 to 8 % over the run as the proposals change,
    autocorrelated jitter of 2 to 8 % with a long tail, and stalls of 1 to 5 s in 0.3 % of its
    iterations. Every second one writes a checkpoint (1 to 4 s) within the window, every fourth
    evaluates there (15 to 60 s).
    """
    random = np.random.default_rng(seed)
    shape, column = (runs, ITERATIONS), (runs, 1)
    at = np.arange(ITERATIONS)
    rho, noise = random.uniform(0.2, 0.8, column), random.uniform(0.02, 0.08, column)
    jitter = _autocorrelated(random, rho, shape)
    warm_up = random.uniform(0.1, 0.8, column) * np.exp(-at / random.uniform(5, 80, column))
    drift = 1 + random.uniform(-0.08, 0.08, column) * (at / ITERATIONS - 0.5)
    level = mean_s * random.uniform(0.9, 1.1, column)
    seconds = level * drift * (1 + warm_up) * np.exp(noise * jitter)
    seconds += (random.random(shape) < 0.003) * random.uniform(1, 5, shape)
    seconds[:, 0] += random.uniform(2, 15, runs)
    return Trainings(seconds, _pauses(random, runs))


@dataclass(frozen=True)
class Repeats:
    """Runs of one training for each check: (checks, runs), all around one.

    mean: of the window's seconds per iteration; variance: of its single iterations; level: standard
    normal, what makes one run slower than the next as a whole.
    """

    mean: Array
    variance: Array
    level: Array


def repeats(checks: int, runs: int, seed: int, iterations: int = 400) -> Repeats:
    """Draw repeats; each check's training has its own jitter, of simulate's kinds."""
    random = np.random.default_rng(seed)
    rho, noise = random.uniform(0.2, 0.8, (checks, 1)), random.uniform(0.02, 0.08, (checks, 1))
    means, variances = np.empty((checks, runs)), np.empty((checks, runs))
    for run in range(runs):
        seconds = np.exp(noise * _autocorrelated(random, rho, (checks, iterations)))
        means[:, run], variances[:, run] = seconds.mean(axis=1), seconds.var(axis=1, ddof=1)
    return Repeats(means, variances, random.standard_normal((checks, runs)))


def _autocorrelated(random: np.random.Generator, rho: Array, shape: tuple[int, int]) -> Array:
    """Draw standard normal rows in which each value has that correlation with the one before."""
    noise = random.standard_normal(shape)
    for i in range(1, shape[1]):
        fresh = np.sqrt(1 - rho[:, 0] ** 2) * noise[:, i]
        noise[:, i] = rho[:, 0] * noise[:, i - 1] + fresh
    return noise


def _pauses(random: np.random.Generator, runs: int) -> Array:
    pauses = np.zeros((runs, ITERATIONS))
    for share, shortest, longest in ((0.5, 1, 4), (0.25, 15, 60)):
        where = PAUSED_EVERY * random.integers(3, 10, runs) - 1  # after iteration 150 ... 450
        drawn = (random.random(runs) < share) * random.uniform(shortest, longest, runs)
        pauses[np.arange(runs), where] += drawn
    return pauses
