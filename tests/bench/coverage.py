"""How often the 95 % interval covers the truth, over simulated windows with known truth.

A row is a kind of noise, a column a spacing of the marks. `cover` is in percent of the runs and
should be 93 to 97 (others are marked !); `±` is the median half width in percent of the throughput;
`drift` is how often the drift test says yes: at most 2 percent where there is no trend. Below the
line are windows in which the answer cannot be known, to show what happens then.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mrbench.measure.interval import drift, within_run

GOAL = (93.0, 97.0)
FALSE_ALARMS = 2.0
SPACINGS = (50, 20, 10, 1)
MEAN_STALL = 11.5  # a stalled iteration takes 5 to 20 times its time: 4 to 19 more
Array = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """How iterations of 1 s are disturbed; rho: the autocorrelation from one to the next.

    noise: standard deviation. stalls: share of iterations. trend: change over the window, straight
    or (curved) dying away. step_s: marks are rounded to this, on one clock or each by itself.
    """

    name: str
    rho: float = 0.0
    noise: float = 0.05
    stalls: float = 0.0
    trend: float = 0.0
    curved: bool = False
    step_s: float = 0.0
    one_clock: bool = False
    iterations: int = 400


def kinds() -> Iterator[Kind]:
    """Yield what the interval must be right for."""
    for noise in (0.02, 0.1):
        for rho in (0.0, 0.3, 0.6, 0.9):
            yield Kind(name=f"noise {noise:.0%}, rho {rho}", rho=rho, noise=noise)
    for rho in (0.0, 0.9):
        yield Kind(name=f"stalls 1%, rho {rho}", rho=rho, stalls=0.01)
    yield Kind(name="stalls 5%, rho 0.3", rho=0.3, stalls=0.05)
    for rho in (0.0, 0.9):
        yield Kind(name=f"trend 10%, rho {rho}", rho=rho, trend=0.1)


def limits() -> Iterator[Kind]:
    """Yield what no interval can be right for, or where it is wide on purpose."""
    yield Kind(name="stalls 0.5%", stalls=0.005)
    yield Kind(name="stalls 2%", stalls=0.02)
    yield Kind(name="stalls 10%, rho 0.3", rho=0.3, stalls=0.1)
    yield Kind(name="curved trend 3%, rho 0.3", rho=0.3, trend=0.03, curved=True)
    yield Kind(name="marks to 0.5 s", noise=0.01, step_s=0.5)
    yield Kind(name="marks to 0.5 s, one clock", noise=0.01, step_s=0.5, one_clock=True)
    yield Kind(name="marks to 0.5 s, no noise", noise=1e-5, step_s=0.5)
    for iterations in (200, 100, 40):
        for rho in (0.3, 0.9):
            name = f"{iterations} iterations, rho {rho}"
            yield Kind(name=name, rho=rho, iterations=iterations)


def simulate(kind: Kind, runs: int, seed: int) -> tuple[Array, Array]:
    """Return seconds per iteration, (runs, iterations), and each run's true mean, (runs,)."""
    random = np.random.default_rng(seed)
    shape = (runs, kind.iterations)
    noise = random.standard_normal(shape)
    for i in range(1, kind.iterations):
        noise[:, i] *= np.sqrt(1 - kind.rho**2)
        noise[:, i] += kind.rho * noise[:, i - 1]
    at = (np.arange(kind.iterations) + 0.5) / kind.iterations
    shift = np.exp(-5 * at) if kind.curved else at - 0.5
    # a level that falls anywhere between two steps of the clock
    base = 1 + random.uniform(0, 1, (runs, 1)) + kind.trend * shift
    stalled = random.random(shape) < kind.stalls
    extra = random.uniform(4, 19, shape)
    seconds = base * (1 + kind.noise * noise + stalled * extra)
    return seconds, base.mean(axis=1) * (1 + kind.stalls * MEAN_STALL)


def marks(kind: Kind, seconds: Array, spacing: int) -> Array:
    """Return the seconds of each interval as a log with these marks would tell them."""
    ends = np.cumsum(seconds, axis=1)[:, spacing - 1 :: spacing]
    step = kind.step_s
    if step and kind.one_clock:
        ends = np.round(ends / step) * step
    times = np.diff(ends, axis=1, prepend=0.0)
    if step and not kind.one_clock:
        times = np.round(times / step) * step
    return times


def tally(kind: Kind, spacing: int, seconds: Array, truth: Array) -> tuple[float, float, float]:
    """Return percent covered, median half width in percent, percent of drift alarms."""
    covered = alarms = 0
    widths = []
    for times, mean in zip(marks(kind, seconds, spacing), truth, strict=True):
        pairs = [(spacing, float(t)) for t in times]
        found = within_run(pairs, resolution_s=kind.step_s, one_clock=kind.one_clock)
        moved = drift(pairs, resolution_s=kind.step_s, one_clock=kind.one_clock)
        if found is None:
            raise SystemExit(f"no interval for {kind}")
        covered += found.low <= 1 / mean <= found.high
        alarms += moved is not None and moved.beyond_noise
        widths.append(found.half_width / found.images_per_second)
    return 100 * covered / len(truth), 100 * float(np.median(widths)), 100 * alarms / len(truth)


def main() -> None:
    """Simulate and print the table."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    print(f"{runs} runs a cell: cover ±half width/drift, all in percent; 400 iterations")
    print(f"{'':28}" + "".join(f"{'every ' + str(n):>20}" for n in SPACINGS))
    missed = [_line(kind, runs, seed) for seed, kind in enumerate(kinds())]
    print(f"{sum(missed)} of {len(missed)} rows miss {GOAL[0]:.0f}-{GOAL[1]:.0f} %\n")
    for seed, kind in enumerate(limits(), len(missed)):
        _line(kind, runs, seed)


def _line(kind: Kind, runs: int, seed: int) -> bool:
    """Print one row; return whether a cell misses the goal."""
    seconds, truth = simulate(kind, runs, seed)
    cells, missed = [], False
    for spacing in SPACINGS:
        if kind.iterations // spacing < 4:  # no interval is given from fewer
            cells.append("-")
            continue
        cover, width, alarms = tally(kind, spacing, seconds, truth)
        bad = not GOAL[0] <= cover <= GOAL[1] or (alarms > FALSE_ALARMS and not kind.trend)
        missed |= bad
        cells.append(f"{cover:.1f}{'!' if bad else ''} ±{width:.2f}/{alarms:.1f}")
    print(f"{kind.name:28}" + "".join(f"{cell:>20}" for cell in cells), flush=True)
    return missed


if __name__ == "__main__":
    main()
