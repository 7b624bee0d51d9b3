"""Prints what mrbench makes of logs whose clocks are wrong: a right number, a refusal, or an error.

Each of the formats is rendered from simulated trainings and timed by the arrival of its lines, with
one fault planted; so is an own pattern whose figures mean something else than the recipe says. A
number is right if it is within 1 % of the truth. Of a pause that the log leaves out both sides
are: with it and without it. What is refused must be named: the cause stands in the last column.
"""

import re
import sys
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate

import numpy as np
from cases import KIN, SEVEN, Case
from simulation import Array, simulate

from mrbench.measure.log.blocks import whole_lines
from mrbench.measure.parsers import parse_samples, resolve_format
from mrbench.measure.totals import Totals
from mrbench.measure.window import measure
from mrbench.model.inputs import Window
from mrbench.model.logformat import LogFormat, Timing
from mrbench.model.measurement import Measurement

WINDOW = Window(first=100, last=500)
RIGHT = 0.01
BUFFER_BYTES = 4096
PAUSE_S, PAUSED_AT = 120.0, 310
IMAGES = 16
Figure = Callable[[Sequence[float], int], float]
Arrive = Callable[[Sequence[float], Sequence[int]], list[float]]


class Arrivals:
    """When each line arrived, by the offset of its end."""

    def __init__(self, ends: Sequence[int], times: Sequence[float]) -> None:
        self.ends, self.times = ends, times

    def at(self, offset: int) -> float:
        """Return the seconds at which the byte before this offset arrived."""
        return self.times[min(bisect_left(self.ends, offset), len(self.times) - 1)]


def at_once(times: Sequence[float], _ends: Sequence[int]) -> list[float]:
    """Let each line arrive when it was written."""
    return list(times)


def buffered(times: Sequence[float], ends: Sequence[int]) -> list[float]:
    """Let lines arrive when the buffer is full."""
    arrived, last = list(times), times[-1]
    for i in range(len(times) - 1, -1, -1):
        full = i + 1 < len(ends) and ends[i] // BUFFER_BYTES != ends[i + 1] // BUFFER_BYTES
        last = times[i + 1] if full else last
        arrived[i] = last
    return arrived


def stopped(times: Sequence[float], _ends: Sequence[int]) -> list[float]:
    """Let nothing be read for half of the window."""
    begin, end = times[len(times) // 4], times[3 * len(times) // 4]
    return [end if begin < time < end else time for time in times]


def paused(times: Sequence[float], _ends: Sequence[int]) -> list[float]:
    """Let an evaluation stand between two lines, of which the log's figures know nothing."""
    place = times[len(times) * PAUSED_AT // 540]
    return [time + PAUSE_S * (time > place) for time in times]


FILES = ("tensorpack-stats", "mmdetection3-scalars", "mmdetection-json")  # do not arrive as output
ARRIVALS: Mapping[str, Arrive] = {
    "nothing wrong": at_once,
    "a buffer of 4,096 bytes": buffered,
    "nobody read for half of it": stopped,
    "two minutes of evaluation": paused,
}


def own_lines(
    seconds: Sequence[float], value: Callable[[Sequence[float], int], float]
) -> list[str]:
    """Return lines of an own format, every 20 iterations; value: of all seconds, and the number."""
    return [f"step {i} took {value(seconds, i):.6f} s\n" for i in range(20, len(seconds) + 1, 20)]


def _mean(seconds: Sequence[float], i: int) -> float:
    return sum(seconds[i - 20 : i]) / 20


# What the figure is, and the timing that the recipe states instead.
OWN: Mapping[str, tuple[Figure, Timing]] = {
    "right means": (_mean, "interval_mean"),
    "milliseconds": (lambda s, i: 1000 * _mean(s, i), "interval_mean"),
    "seconds per image": (lambda s, i: _mean(s, i) / IMAGES, "interval_mean"),
    "totals taken for means": (lambda s, i: 20 * _mean(s, i), "interval_mean"),
    "means taken for totals": (_mean, "interval_total"),
    "cumulative time": (lambda s, i: sum(s[:i]), "interval_total"),
    "iterations per second": (lambda s, i: 1 / _mean(s, i), "rate"),
    "rate of one GPU of 8": (lambda s, i: IMAGES / 8 / _mean(s, i), "rate"),
    "images, not iterations": (lambda s, i: IMAGES / _mean(s, i), "iterations_per_second"),
    "dispatch of the call": (lambda s, i: 0.002 + 0 * s[i - 1], "interval_mean"),
}
BAR = re.compile(r"(\d+)/50 \[")
PATTERN = r"step (?P<iteration>\d+) took (?P<value>[\d.]+) "


def read(
    log: LogFormat, lines: Sequence[str], times: Sequence[float], arrive: Arrive
) -> Measurement:
    """Measure as `mrbench run` does; times: when each line was written."""
    resolved = resolve_format(log)
    ends = list(accumulate(len(line.encode()) for line in lines))
    totals = Totals(resolved, WINDOW)
    blocks = totals.watch(whole_lines(["".join(lines).encode()]))
    samples = parse_samples(blocks, resolved, IMAGES, WINDOW)
    stamps = Arrivals(ends, arrive(times, ends))
    return measure(samples, WINDOW, IMAGES, stamps=stamps, log=resolved, totals=totals)


def written(case: Case, lines: Sequence[str], seconds: Array) -> list[float]:
    """Return when each line of a format was written: after the iterations that it tells of."""
    ended = np.concatenate(([0.0], np.cumsum(seconds)))
    done, began, times = 0, 0, []
    for line in lines:
        if case.format == "matterport":  # an epoch's headline comes first, then its bars
            headline = case.iteration_of(line)
            began = headline - case.counts if headline else began
            bar = BAR.search(line)
            done = began + (int(bar[1]) if bar else 0)
        else:
            done = max(done, case.iteration_of(line))
        times.append(float(ended[min(done, len(seconds))]))
    return times


def verdict(found: Measurement, seconds: Array) -> str:
    """Return `right`, `wrong`, or the cause or status of a refusal."""
    if found.seconds_per_iteration is None or found.first is None or found.last is None:
        cause = found.disagreement.cause if found.disagreement else found.status
        return cause.replace("_", " ")
    truth = float(seconds[found.first - 1 : found.last].mean())
    also = truth + PAUSE_S / (found.last - found.first + 1)  # with a pause
    near = (abs(found.seconds_per_iteration / each - 1) <= RIGHT for each in (truth, also))
    return "right" if any(near) else "wrong"


def judge(runs: int) -> dict[str, Counter[str]]:
    """Return how often each fault was answered how."""
    answers: dict[str, Counter[str]] = {}
    for seed, case in enumerate(case for case in (*SEVEN, *KIN) if case.format not in FILES):
        for seconds in simulate(IMAGES / case.rate, runs, seed).seconds:
            lines = case.render(seconds.tolist(), IMAGES)
            times = written(case, lines, seconds)
            for fault, arrive in ARRIVALS.items():
                found = read(LogFormat(format=case.format), lines, times, arrive)
                answers.setdefault(fault, Counter())[verdict(found, seconds)] += 1
    for fault, (value, timing) in OWN.items():
        log = LogFormat(pattern=PATTERN, timing=timing)
        for seconds in simulate(IMAGES / 59, runs, len(fault)).seconds:
            lines = own_lines(seconds.tolist(), value)
            times = [float(sum(seconds[:i])) for i in range(20, len(seconds) + 1, 20)]
            found = read(log, lines, times, at_once)
            answers.setdefault(f"own: {fault}", Counter())[verdict(found, seconds)] += 1
    return answers


def main(runs: int = 100) -> None:
    """Print a row for each fault, and end with an error if any number is wrong."""
    print(f"{runs} trainings a format; window {WINDOW}, {IMAGES} images")
    print(f"{'fault':32}{'logs':>8}{'right':>8}{'refused':>8}{'wrong':>8}  causes named")
    wrong = 0
    for fault, counts in judge(runs).items():
        total, right, bad = counts.total(), counts["right"], counts["wrong"]
        causes = {name: n for name, n in counts.most_common() if name not in ("right", "wrong")}
        named = ", ".join(f"{name} {n}" for name, n in causes.items())
        print(f"{fault:32}{total:8}{right:8}{total - right - bad:8}{bad:8}  {named}", flush=True)
        wrong += bad
    if wrong:
        raise SystemExit(f"{wrong} numbers are wrong")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
