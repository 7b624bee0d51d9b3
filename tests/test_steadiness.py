"""Windows that are not steady: pauses, steps and warm-ups are found and named with their place."""

import math
import random
from collections.abc import Callable, Iterator

import pytest

from mrbench.measure.steadiness import are_regular, find_change, find_pauses
from mrbench.measure.window import measure
from mrbench.model.inputs import Window
from mrbench.model.logformat import LogFormat
from mrbench.model.measurement import IterationSample, Measurement

WINDOW = Window(first=100, last=500)
Pace = Callable[[int], float]  # iteration to its seconds


def noisy(seed: int, pace: Pace, *, rho: float = 0.0, noise: float = 0.02) -> list[float]:
    """Return the seconds of 540 iterations."""
    rng = random.Random(seed)
    state, seconds = rng.gauss(0, 1), []
    for i in range(540):
        state = rho * state + math.sqrt(1 - rho**2) * rng.gauss(0, 1)
        seconds.append(pace(i + 1) * (1 + noise * state))
    return seconds


def lines(seconds: list[float], every: int = 20) -> list[tuple[int, float]]:
    """Return what the lines of a log in the window say."""
    return [(every, sum(seconds[i : i + every])) for i in range(100, 500, every)]


def measured(pace: Pace, *, every: int = 20, data: Pace | None = None) -> Measurement:
    """Measure iterations that take so long, of 16 images, and wait so long for data."""
    seconds = noisy(1, pace)
    waits = [data(i + 1) if data else 0.0 for i in range(540)]

    def samples() -> Iterator[IterationSample]:
        for last in range(every, 541, every):
            part = slice(last - every, last)
            yield IterationSample(
                last, every, sum(seconds[part]), 100 * last, data_s=sum(waits[part])
            )

    return measure(samples(), WINDOW, 16)


def step(i: int) -> float:
    """Take half the time from iteration 301 on, as with a batch cut in two."""
    return 0.04 if i <= 300 else 0.02


def warm_up(i: int) -> float:
    """Come down to 0.02 s with a time constant of 60 iterations."""
    return 0.02 * (1 + 0.3 * math.exp(-i / 60))


def hump(i: int) -> float:
    """Be slower for 100 iterations, as beside another program."""
    return 0.026 if 220 < i <= 320 else 0.02


def paused(i: int) -> float:
    """Evaluate for 40 s after iteration 310."""
    return 0.27 + 40 * (i == 310)


@pytest.mark.parametrize("every", [20, 4, 1])
def test_a_step_is_named_with_its_place_and_the_longest_steady_part(every: int) -> None:
    found = measured(step, every=every)
    assert found.unsteady is not None
    assert (found.unsteady.kind, found.unsteady.at) == ("step", (300,))
    assert (found.unsteady.first, found.unsteady.last) in {(101, 300), (301, 500)}
    assert found.throughput == pytest.approx(16 / 0.03, rel=0.01)  # it stays what it is
    assert "throughput rose by" in found.warnings[0]
    assert "after iteration 300; iterations 301-500 alone: 8" in found.warnings[0]


def test_a_warm_up_that_reaches_into_the_window_is_named() -> None:
    found = measured(warm_up)
    assert found.unsteady is not None
    assert found.unsteady.kind == "warm-up"
    assert 200 <= found.unsteady.at[0] <= 320
    assert found.unsteady.seconds_per_iteration == pytest.approx(0.02, rel=0.005)
    assert "a warm-up reaches to iteration" in found.warnings[0]


def test_what_comes_and_goes_has_two_places() -> None:
    found = measured(hump)
    assert found.unsteady is not None
    assert found.unsteady.at == (220, 320)
    assert "after iterations 220 and 320" in found.warnings[0]


def test_one_pause_counts_as_one_pause() -> None:
    found = measured(paused, data=lambda i: 0.027 + 40 * (i == 310))
    assert found.pauses is not None
    assert [(p.first, p.last) for p in found.pauses.each] == [(301, 320)]
    assert found.pauses.each[0].seconds == pytest.approx(40, abs=1)
    assert found.data_share == pytest.approx(0.1, rel=0.01)  # the pause is not waiting for data
    assert found.unsteady is None
    (note,) = found.warnings
    assert note.startswith("a pause of 39.7 s in iterations 301-320; without it 59.")
    assert found.throughput == pytest.approx(16 * 400 / (400 * 0.27 + 40), rel=0.01)


def test_what_is_below_one_percent_is_not_mentioned() -> None:
    found = measured(lambda i: 0.27 * (1.005 if i > 300 else 1) + 0.8 * (i == 200))
    assert found.warnings == ()


def test_steady_windows_are_called_steady() -> None:
    for rho, most in ((0.0, 2), (0.6, 2), (0.9, 12)):  # of 300: 0.1, 0.3 and 2 percent, and chance
        alarms = 0
        for seed in range(300):
            times = lines(noisy(seed, lambda _: 1.0, rho=rho, noise=0.05))
            alarms += bool(find_pauses(times)) or find_change(times) is not None
        assert alarms <= most, rho


def test_rounded_figures_make_no_step() -> None:
    times = [(20, 20 * (0.27 if i < 10 else 0.28)) for i in range(20)]
    assert find_change(times) is not None
    assert find_change(times, resolution_s=0.2) is None  # printed to two digits


def test_pauses_by_a_schedule_are_told_from_pauses_by_chance() -> None:
    def at(*places: int) -> list[tuple[int, float]]:
        return [(20, 20 + 0.1 * math.sin(i) + 9 * (i in places)) for i in range(20)]

    for places, regular in (((4, 9, 14, 19), True), ((2, 3, 14), False), ((3, 9), False)):
        found = find_pauses(at(*places))
        assert are_regular(at(*places), found) is regular
    assert find_pauses(at(4, 9, 14, 19)) == (4, 9, 14, 19)
    assert find_pauses(at(3, 4)) == ()  # a slow stretch of two lines


@pytest.mark.parametrize(
    ("after", "rise"),
    [
        (0.02, None),  # half the work in half the time
        (0.04, -0.5),
        (0.08, -0.75),
    ],
)
def test_where_the_work_of_an_iteration_changes_it_is_the_throughput_that_is_steady_or_not(
    after: float, rise: float | None
) -> None:
    """Of 100 tokens up to iteration 300, of 50 from there on."""
    seconds = noisy(1, lambda i: 0.04 if i <= 300 else after, noise=0.001)
    samples = [
        IterationSample(
            last,
            20,
            sum(seconds[last - 20 : last]),
            100 * last,
            work=20 * (100 if last <= 300 else 50),
        )
        for last in range(20, 541, 20)
    ]
    found = measure(samples, WINDOW, 75, unit="tokens")
    assert found.throughput is not None
    assert found.interval is not None
    assert found.drift is not None
    assert found.throughput == pytest.approx(400 * 75 / (200 * 0.04 + 200 * after), rel=1e-3)
    assert found.interval.throughput == pytest.approx(found.throughput)
    if rise is None:
        assert found.unsteady is None
        assert found.interval.half_width < 0.001 * found.throughput
        assert abs(found.drift.change) < 0.001
    else:
        assert found.unsteady is not None
        assert (found.unsteady.kind, found.unsteady.at) == ("step", (300,))
        assert found.unsteady.change == pytest.approx(rise, abs=0.001)
        # the steady part with most of the work
        assert (found.unsteady.first, found.unsteady.last) == (101, 300)
        assert found.unsteady.throughput == pytest.approx(100 / 0.04, rel=1e-3)
        assert found.unsteady.seconds_per_iteration == pytest.approx(0.04, rel=1e-3)


def test_a_batch_that_grows_by_a_schedule_is_no_clock_since_the_start() -> None:
    own = LogFormat(pattern="(?P<iteration>.)(?P<value>.)(?P<work>.)", timing="interval_mean")
    growing = [IterationSample(i, 1, 0.001 * i, 100 * i, work=10.0 * i) for i in range(1, 541)]
    found = measure(growing, Window(first=10, last=500), 10, log=own, unit="tokens")
    assert found.throughput == pytest.approx(10_000)
    assert found.unsteady is None
    told = [sample._replace(work=None) for sample in growing]
    assert measure(told, Window(first=10, last=500), 10, log=own).status == "incomplete_window"
