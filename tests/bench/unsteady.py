"""How often a window is called not steady, rightly and wrongly, by simulation.

In percent of windows of 400 iterations with a line every 20: `note`: any is printed, of a drift, a
step, a warm-up or a pause; `named`: it names what is there, and its place to a line (a warm-up has
none: it dies away). `drift alone`: what a test for straight trends would have noticed.
`python tests/bench/unsteady.py [WINDOWS A ROW]`.
"""

import sys
from collections.abc import Callable, Iterator
from itertools import product
from typing import NamedTuple

import numpy as np
from coverage import AT, ITERATIONS, Array, autocorrelated

from mrbench.measure.window import measure
from mrbench.model.inputs import Window
from mrbench.model.measurement import IterationSample, Measurement

EVERY = 20
Course = Callable[[np.random.Generator], tuple[Array, tuple[int, ...]]]


class Row(NamedTuple):
    """course: seconds of each iteration without noise, and the places; kind: what is there."""

    name: str
    course: Course
    kind: str = ""
    noise: float = 0.02
    rho: float = 0.0
    every: int = EVERY


def steady(_: np.random.Generator) -> tuple[Array, tuple[int, ...]]:
    """Change nothing."""
    return np.ones(ITERATIONS), ()


def step(size: float) -> Course:
    """Become slower or faster at a random place."""

    def course(random: np.random.Generator) -> tuple[Array, tuple[int, ...]]:
        place = int(random.integers(40, 360))
        return 1 + size * random.choice([-1, 1]) * (place <= AT), (place,)

    return course


def stretch(random: np.random.Generator) -> tuple[Array, tuple[int, ...]]:
    """Be slower by 10 % for 100 iterations."""
    place = int(random.integers(40, 260))
    return np.where((place <= AT) & (place + 100 > AT), 1.1, 1.0), (place, place + 100)


def warm_up(tau: float) -> Course:
    """Begin 10 % slower."""
    return lambda _: (1 + 0.1 * np.exp(-AT / tau), ())


def drift(_: np.random.Generator) -> tuple[Array, tuple[int, ...]]:
    """Become slower by 10 %, evenly."""
    return 1 + 0.1 * AT / ITERATIONS, ()


def pause(random: np.random.Generator) -> tuple[Array, tuple[int, ...]]:
    """Pause for the time of 40 iterations."""
    place = int(random.integers(0, ITERATIONS))
    return np.where(place == AT, 41.0, 1.0), (place,)


def rows() -> Iterator[Row]:
    """Yield windows that are steady, and others."""
    for every in (20, 50, 1):
        for rho in (0.0, 0.6, 0.9, 0.95):
            yield Row(f"steady, line every {every}", steady, "", 0.05, rho, every)
    disturbed = [
        ("step of 5 %", step(0.05), "step"),
        ("step of 20 %", step(0.2), "step"),
        ("100 iterations slower by 10 %", stretch, "step"),
        *((f"warm-up of 10 %, tau {tau}", warm_up(tau), "warm-up") for tau in (30, 60, 100)),
        ("straight drift of 10 %", drift, "trend"),
        ("pause of 40 iterations", pause, "pause"),
    ]
    for noise, rho in product((0.01, 0.02), (0.0, 0.6, 0.9)):
        yield from (Row(name, course, kind, noise, rho) for name, course, kind in disturbed)


def measured(seconds: Array, every: int) -> Measurement:
    """Measure a window of these iterations."""
    ends = range(every, ITERATIONS + 1, every)
    sums = seconds.reshape(-1, every).sum(axis=1)
    samples = (
        IterationSample(end, every, float(one), end) for end, one in zip(ends, sums, strict=True)
    )
    return measure(samples, Window(first=0, last=ITERATIONS), None)


def is_named(row: Row, places: tuple[int, ...], found: Measurement) -> bool:
    """Return whether the notes tell what is there, and where."""
    if row.kind == "pause":
        each = found.pauses.each if found.pauses else ()
        return len(each) == 1 and each[0].first <= places[0] + 1 <= each[0].last
    if row.kind == "trend":
        return any("first quarter" in text for text in found.warnings)
    if found.unsteady is None or found.unsteady.kind != row.kind:
        return False
    at = found.unsteady.at
    if row.kind == "warm-up":
        return True
    near = zip(at, places, strict=False)
    return len(at) == len(places) and all(abs(a - b) <= row.every for a, b in near)


def tally(row: Row, windows: int, seed: int) -> tuple[float, float, float]:
    """Return percent of windows with a note, with the right one, and with one by drift alone."""
    random = np.random.default_rng(seed)
    noted = named = drifted = 0
    jitter = autocorrelated(random, row.rho, (windows, ITERATIONS))
    for one in jitter:
        course, places = row.course(random)
        found = measured(course * (1 + row.noise * one), row.every)
        noted += any(text.startswith(("not steady", "a pause")) for text in found.warnings)
        named += is_named(row, places, found)
        drifted += bool(found.drift and found.drift.beyond_noise)
    return 100 * noted / windows, 100 * named / windows, 100 * drifted / windows


def main(windows: int | None = None) -> None:
    """Simulate and print the table."""
    count = windows or (int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
    print(f"{count} windows a row, in percent")
    print(f"{'in the window':32}{'noise':>7}{'rho':>6}{'note':>8}{'named':>8}{'drift alone':>13}")
    for seed, row in enumerate(rows()):
        note, named, drifted = tally(row, count, seed)
        right = f"{named:8.1f}" if row.kind else " " * 8
        head = f"{row.name:32}{row.noise:7.0%}{row.rho:6.2f}"
        print(f"{head}{note:8.1f}{right}{drifted:13.1f}", flush=True)


if __name__ == "__main__":
    main()
