"""Measuring: which samples count, by which clock, and when there is no number."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mrbench.measure.window import measure
from mrbench.model.inputs import Window
from mrbench.model.logformat import LogFormat
from mrbench.model.measurement import IterationSample

WINDOW = Window(first=100, last=500)
BY_ARRIVAL = LogFormat(clock="arrival", timing="interval_total")


class Arrivals:
    """Arrival times that are a function of the offset."""

    def __init__(self, at: Callable[[int], float]) -> None:
        self.at = at


def steady(
    *, step: int = 20, end: int = 540, seconds: float = 0.5, start: int = 0, loss: float = 1.0
) -> Iterator[IterationSample]:
    """Make samples whose offset is a hundred bytes an iteration."""
    for last in range(start + step, end + 1, step):
        yield IterationSample(last, step, step * seconds, 100 * last, None, loss)


def test_total_images_over_total_seconds_not_a_mean_of_rates() -> None:
    fast_and_slow = [
        IterationSample(last, 100, 10.0 if last % 200 else 90.0, last)
        for last in range(100, 700, 100)
    ]
    found = measure(fast_and_slow, WINDOW, 16)
    assert found.throughput == pytest.approx(400 * 16 / 200)
    assert (found.first, found.last, found.iterations, found.processes) == (101, 500, 400, 1)
    assert (found.log_seconds, found.arrival_seconds, found.warnings) == (200.0, None, ())


def test_what_lies_outside_the_window_does_not_matter() -> None:
    samples = [
        s._replace(seconds=math.nan, loss=math.nan) if not 100 < s.last <= 500 else s
        for s in steady()
    ]
    assert measure(samples, WINDOW, 2).seconds_per_iteration == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("window", "first", "last"),
    [
        (Window(first=100, last=500), 101, 500),
        (Window(first=101, last=501), 101, 500),
        (Window(first=105, last=495), 101, 500),
        (Window(first=95, last=505), 101, 500),
        (Window(first=90, last=510), 101, 500),  # a tie: the mark inside
        (Window(first=87, last=513), 81, 520),
        (Window(first=0, last=40), 1, 40),
    ],
)
def test_the_nearest_marks_are_the_edges_and_are_told(
    window: Window, first: int, last: int
) -> None:
    found = measure(steady(), window, 16)
    assert (found.status, found.first, found.last) == ("ok", first, last)
    told = any(f"iterations {first}-{last} instead" in text for text in found.warnings)
    assert told == ((window.first + 1, window.last) != (first, last))


FAR = [IterationSample(last, 20, 10.0, last) for last in range(20, 541, 50)]


@pytest.mark.parametrize(
    ("samples", "says", "remedy"),
    [
        ([], "no line reports", "right format"),
        (list(steady(end=300)), "1-300, 200 of the window's 400", "a window up to iteration 300"),
        (list(steady(end=480)), "380 of the window's 400", "let it train longer"),
        (list(steady(end=80)), "1-80, the window is 101-500", "let it train longer"),
        (list(steady(start=400, end=540)), "begins at iteration 401", "a later window"),
        (list(steady(start=300, end=400)), "iterations 301-400", "begins earlier, and let it"),
        (list(steady(start=540, end=900)), "begins at iteration 541", "begins earlier"),
        (list(steady(step=500, end=1000)), "500 iterations at once, too many", "a longer window"),
        (list(steady(step=200, end=1000)), "the nearest cover 201-400", "--window 200:400,"),
        ([s for s in steady() if not 200 < s.last <= 320], "280 of the", "without the gap"),
        (
            [s for s in steady() if not 90 < s.last <= 160],
            "no line tells of iterations 101-160",
            "--window 160:500",
        ),
        (
            [s for s in steady() if not 90 < s.last <= 520],
            "tells of iterations 101-500",
            "whole log",
        ),
        (FAR, "160 of the window's 400", "without the gap"),
    ],
)
def test_a_window_that_is_not_covered_gets_no_number(
    samples: list[IterationSample], says: str, remedy: str
) -> None:
    found = measure(samples, WINDOW, 16)
    assert found.status == ("incomplete_window" if samples else "no_iterations")
    assert says in found.reason
    assert remedy in found.remedy
    assert found.throughput is None
    assert found.seconds_per_iteration is None


def test_a_window_without_lines_is_answered_with_the_nearest_that_has_some() -> None:
    found = measure(steady(), Window(first=100, last=110), 16)
    assert found.status == "incomplete_window"
    assert found.explanation == (
        "a line tells of 20 iterations at once, too many for 101-110;"
        " choose --window 100:120, the nearest that its lines fit"
    )
    assert measure(steady(), Window(first=100, last=120), 16).status == "ok"


def test_the_start_of_a_process_does_not_count_in_a_window_that_begins_behind_it() -> None:
    starts = [s._replace(seconds=300.0) if s.last == 20 else s for s in steady()]
    found = measure(starts, Window(first=5, last=100), 16)
    assert (found.first, found.last) == (21, 100)
    assert found.seconds_per_iteration == pytest.approx(0.5)
    found = measure(starts, Window(first=5, last=60), 16)
    assert found.throughput is None
    assert "the nearest cover 21-60, not 6-60; choose --window 20:60" in found.explanation
    assert measure(starts, Window(first=0, last=60), 16).log_seconds == 320.0  # it was asked for
    resumed = [s._replace(last=s.last + 1000) for s in starts]
    assert measure(resumed, Window(first=1005, last=1100), 16).log_seconds == 40.0


def test_a_process_that_began_late_is_told() -> None:
    found = measure(steady(start=90, step=10), WINDOW, 16)
    assert found.status == "ok"
    assert len(found.warnings) == 1
    assert "began at iteration 90: it was resumed there, or the log is cut" in found.warnings[0]
    assert "slow start lies in or before the window" in found.warnings[0]
    skipping = LogFormat(timing="running_mean", skipped=2)
    after_two = [s._replace(count=8) if s.last == 100 else s for s in steady(start=90, step=10)]
    assert "at iteration 90" in measure(after_two, WINDOW, 16, log=skipping).warnings[0]


def test_a_hole_is_told_while_three_quarters_are_covered() -> None:
    found = measure([s for s in steady() if not 200 < s.last <= 300], WINDOW, 16)
    assert (found.status, found.iterations) == ("ok", 300)
    assert "only 300 of 400" in found.warnings[0]


@pytest.mark.parametrize(
    ("change", "status", "says"),
    [
        ({"seconds": -0.1}, "non_monotonic", "up to iteration 300"),
        ({"seconds": 0.0}, "non_monotonic", "not positive"),
        ({"loss": math.nan}, "diverged", "at iteration 300"),
        ({"loss": -math.inf}, "diverged", "no finite number"),
        ({"seconds": math.nan}, "incomplete_window", "up to iteration 300 cannot be told"),
    ],
)
def test_one_bad_sample_in_the_window_is_enough(
    change: dict[str, Any], status: str, says: str
) -> None:
    samples = [s._replace(**change) if s.last == 300 else s for s in steady()]
    found = measure(samples, WINDOW, 16)
    assert found.status == status
    assert says in found.reason
    assert found.throughput is None


def test_the_last_process_that_covers_the_window_counts() -> None:
    samples = [*steady(seconds=0.5), *steady(seconds=0.7), *steady(seconds=0.9, end=300)]
    found = measure(samples, WINDOW, 16)
    assert found.seconds_per_iteration == pytest.approx(0.7)
    assert found.processes == 3
    assert "3 processes" in found.warnings[0]
    assert measure([*steady(), *steady(loss=math.nan)], WINDOW, 16).status == "diverged"
    none = measure([*steady(end=400), *steady(end=60)], WINDOW, 16)
    assert (none.status, none.iterations) == ("incomplete_window", 300)


def test_both_clocks_time_the_same_iterations() -> None:
    stamps = Arrivals(lambda offset: 7 + offset / 100 * 0.502)
    found = measure(steady(), WINDOW, 16, stamps=stamps)
    assert found.clock == "log"
    assert found.arrival_seconds == pytest.approx(400 * 0.502)
    assert found.agreement == pytest.approx(1.004)
    assert found.warnings == ()
    led = measure(steady(), WINDOW, 16, stamps=stamps, log=BY_ARRIVAL)
    assert led.seconds_per_iteration == pytest.approx(0.502)
    assert led.clock == "arrival"


def test_clocks_that_disagree_are_told() -> None:
    def late(offset: int) -> float:  # ten seconds of evaluation after iteration 300
        return offset / 200 + (10 if offset > 30000 else 0)

    found = measure(steady(), WINDOW, 16, stamps=Arrivals(late))
    assert found.agreement == pytest.approx(1.05)
    assert "1.050 times" in found.warnings[0]


def test_the_arrival_clock_leaves_out_what_is_between_epochs() -> None:
    # An epoch of 50 takes 25 s; 5 s of checkpoint follow. Offsets are milliseconds here.
    epochs = [
        IterationSample(50 * e, 50, 25.4, 30000 * e - 5000, 30000 * (e - 1)) for e in range(1, 12)
    ]
    stamps = Arrivals(lambda offset: offset / 1000)
    found = measure(epochs, WINDOW, 16, stamps=stamps, log=BY_ARRIVAL)
    assert found.seconds_per_iteration == pytest.approx(0.5)
    assert found.log_seconds == pytest.approx(8 * 25.4)


def test_without_arrival_times_the_log_leads_with_a_warning() -> None:
    found = measure(steady(), WINDOW, 16, log=BY_ARRIVAL)
    assert (found.status, found.clock) == ("ok", "log")
    assert "arrival times are missing" in found.warnings[0]
    buffered = measure(steady(), WINDOW, 16, stamps=Arrivals(lambda _: 3.0), log=BY_ARRIVAL)
    assert (buffered.status, buffered.clock, buffered.agreement) == ("ok", "log", None)
    assert "tell nothing" in buffered.warnings[0]


def test_the_arrival_times_serve_where_the_log_does_not_tell_its_seconds() -> None:
    samples = [s._replace(seconds=math.nan) for s in steady()]
    found = measure(samples, WINDOW, 16, stamps=Arrivals(lambda offset: offset / 200))
    assert (found.status, found.clock) == ("ok", "arrival")
    assert found.seconds_per_iteration == pytest.approx(0.5)


def test_without_work_per_iteration_there_is_no_throughput() -> None:
    found = measure(steady(), WINDOW, None)
    assert (found.status, found.throughput) == ("ok", None)
    assert found.seconds_per_iteration == pytest.approx(0.5)
