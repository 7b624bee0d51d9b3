"""Prints the errors of ways to read a log, against simulated trainings whose seconds are known.

A cell is `median/worst` of the errors' sizes in percent over the runs, worst being the 99th
percentile, for mrbench the very worst. `digits` is the largest error that the digits in the log
allow; mrbench must keep to it, or to 0.1 % where they allow less, and to the bound that it states
itself; where it does not stands a `!`. `refused` counts the runs whose clocks differ so much, by
an evaluation that the log's figures leave out, that mrbench gives no number.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from statistics import fmean

import numpy as np
from cases import KIN, SEVEN, Case, Shown
from simulation import Array, simulate

from mrbench.measure.clocks import GROSS
from mrbench.measure.log.blocks import whole_lines
from mrbench.measure.parsers import parse_samples
from mrbench.measure.window import measure
from mrbench.model.inputs import Window
from mrbench.model.logformat import LogFormat
from mrbench.model.measurement import Measurement

WINDOW = Window(first=100, last=500)
LIMIT = 1e-3
DOUBLES = 1e-9  # arithmetic's own error
NEARLY = 0.95  # time stamps of whole seconds may show a pause as that much longer
COLUMNS = ("mean of times", "last", "mean of rates", "medians", "time stamps", "mrbench", "digits")
ALL = (*COLUMNS, "refused")
Errors = dict[str, list[float]]


def mean_of_times(case: Case, shown: Sequence[float]) -> float:
    """Mean the printed seconds; a rate's are those of its images."""
    return case.images / fmean(case.images / v if case.shows == "rate" else v for v in shown)


def mean_of_rates(case: Case, shown: Sequence[float]) -> float:
    """Mean the printed rates; seconds are made rates line by line."""
    return fmean(v if case.shows == "rate" else case.images / v for v in shown)


def last(case: Case, shown: Sequence[float]) -> float:
    """Take the last line's."""
    return mean_of_times(case, shown[-1:])


NAIVE: Mapping[str, Callable[[Case, Sequence[float]], float]] = {
    "mean of times": mean_of_times,
    "last": last,
    "mean of rates": mean_of_rates,
}


def inside(shown: Sequence[Shown]) -> list[float]:
    """Return what the lines of the window show."""
    return [value for i, value in shown if WINDOW.first < i <= WINDOW.last + 1]


def by_stamps(case: Case, text: str) -> float | None:
    """Divide by the time from the line nearest to the window's begin to that nearest its end."""
    marks = list(case.stamps(text))
    if not marks:
        return None
    edges = (WINDOW.first, WINDOW.last)
    (i, began), (j, ended) = (min(marks, key=lambda m: abs(m[0] - edge)) for edge in edges)
    return (j - i) * case.images / (ended - began)


def by_mrbench(case: Case, text: str) -> Measurement:
    """Measure as `mrbench parse` does."""
    smoothing = 50 if case.format == "mmdetection3-scalars" else None  # it does not say so itself
    log = LogFormat(format=case.format, smoothing=smoothing)
    samples = parse_samples(whole_lines([text.encode()]), log, case.images, WINDOW)
    return measure(samples, WINDOW, case.images)


def read_all(case: Case, runs: int, seed: int) -> Errors:
    """Return, for each way that the format has, the relative error of each run."""
    drawn = simulate(case.images / case.rate, runs, seed)
    own, pauses = drawn.seconds, drawn.pauses if case.pauses != "none" else 0 * drawn.pauses
    if case.pauses == "inside":
        own = own.copy()
        own[:, 1:] += pauses[:, :-1]
        pauses = 0 * pauses
    errors: Errors = {name: [] for name in (*ALL, "stated")}
    for seconds, pause in zip(own, pauses, strict=True):
        _read_one(case, seconds, pause, errors)
    return errors


def _read_one(case: Case, drawn: Array, pauses: Array, errors: Errors) -> None:
    seconds = drawn.tolist()
    ended = np.cumsum(drawn) + np.cumsum(pauses) - pauses
    text = case.stamped(case.render(seconds, case.images), (ended - drawn).tolist(), ended.tolist())
    found = by_mrbench(case, text)
    errors["refused"].append(found.status == "clocks_disagree")
    if (
        errors["refused"][-1]
        and case.pauses == "outside"
        and pauses.sum() > NEARLY * GROSS * drawn[WINDOW.first : WINDOW.last].sum()
    ):
        return
    if found.throughput is None or found.first is None or found.last is None:
        raise SystemExit(f"{case.name}: mrbench gives no number: {found.reason}")
    taken = seconds[found.first - 1 : found.last]
    truth = case.images * len(taken) / sum(taken)

    def add(name: str, rate: float | None) -> None:
        if rate is not None:
            errors[name].append(abs(rate / truth - 1))

    shown = inside(case.shown(text))
    for name, naive in NAIVE.items():
        add(name, naive(case, shown))
    if case.medians:
        add("medians", mean_of_times(case, inside(case.medians(text, seconds))))
    add("time stamps", by_stamps(case, text))
    add("mrbench", found.throughput)
    edges = range(found.first - 1, found.last + 1, case.spacing)
    intervals = [sum(seconds[a:b]) for a, b in pairwise(edges)]
    bound = case.bound(intervals, found.first - 1, found.last) / sum(taken)
    errors["digits"].append(bound)
    errors["stated"].append(found.rounding or 0.0)


def line(case: Case, errors: Errors) -> tuple[str, bool]:
    """Return a row, and whether mrbench keeps to what the digits allow."""
    own = zip(errors["mrbench"], errors["digits"], errors["stated"], strict=True)
    # the rate's error is larger than the seconds' by their product
    kept = all(
        error <= max(LIMIT, bound * (1 + 2 * bound))
        and (not stated or error <= stated * (1 + 2 * stated) + DOUBLES)
        for error, bound, stated in own
    )
    cells = []
    for name in ALL:
        sizes = 100 * np.array(errors[name])
        if not sizes.size:
            cells.append("-")
        elif name == "refused":
            cells.append(f"{sum(errors[name]):.0f}")
        elif name == "digits":
            cells.append(f"{sizes.max():.4f}")
        elif name == "mrbench":
            cells.append(f"{np.median(sizes):.4f}/{sizes.max():.4f}{'' if kept else '!'}")
        else:
            cells.append(f"{np.median(sizes):.2f}/{np.percentile(sizes, 99):.2f}")
    return f"{case.name:24}" + "".join(f"{cell:>16}" for cell in cells), kept


def main(runs: int = 1000) -> None:
    """Simulate, print the table, and end with an error where mrbench is not right."""
    print(f"{runs} runs a row; errors in percent, median/worst; window {WINDOW}")
    print(f"{'':24}" + "".join(f"{name:>16}" for name in ALL))
    kept = True
    for seed, case in enumerate((*SEVEN, *KIN)):
        if case is KIN[0]:
            print("-" * (24 + 16 * len(ALL)))
        text, fine = line(case, read_all(case, runs, seed))
        print(text, flush=True)
        kept &= fine
    if not kept:
        raise SystemExit("mrbench's error is larger than the log's digits allow, or than it states")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
