"""Intervals and drift of one run, against simulated truth."""

import math
import random
import statistics

import pytest

from mrbench.measure.interval import drift, estimate_long_run, within_run
from mrbench.model.measurement import Interval, plus_minus

Times = list[tuple[int, float]]


def series(seed: int, *, rho: float = 0.0, noise: float = 0.05, trend: float = 0.0) -> Times:
    """Return 20 intervals of 20 iterations of 1 s, disturbed, autocorrelated and with a trend."""
    rng = random.Random(seed)
    state, seconds = rng.gauss(0, 1), []
    for i in range(400):
        state = rho * state + math.sqrt(1 - rho**2) * rng.gauss(0, 1)
        seconds.append(1 + noise * state + trend * (i / 400 - 0.5))
    return [(20, sum(seconds[i : i + 20])) for i in range(0, 400, 20)]


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9])
def test_about_95_of_100_intervals_cover_the_truth(rho: float) -> None:
    found = [within_run(series(seed, rho=rho), 16) for seed in range(600)]
    covered = sum(i is not None and i.low <= 16 <= i.high for i in found)
    assert 0.925 <= covered / len(found) <= 0.975  # 95 +- 2.8 standard errors of 600 runs


def test_a_trend_is_not_taken_for_noise_and_is_found() -> None:
    steady = [drift(series(seed, rho=0.3)) for seed in range(300)]
    alarms = sum(d is not None and d.beyond_noise for d in steady)
    assert alarms <= 9  # 1 of 100 are to be expected, 3 standard errors above
    moving = [drift(series(seed, rho=0.3, trend=0.1)) for seed in range(50)]
    assert sum(d is not None and d.beyond_noise for d in moving) >= 45
    changes = [d.change for d in moving if d is not None]
    assert statistics.fmean(changes) == pytest.approx(-0.075, abs=0.01)  # quarters' middles
    wide = within_run(series(1, trend=0.1), 16)
    narrow = within_run(series(1), 16)
    assert wide is not None
    assert narrow is not None
    assert wide.half_width == pytest.approx(narrow.half_width, rel=0.2)


def test_too_few_or_impossible_intervals_give_none() -> None:
    assert within_run([(20, 10.0)] * 3, 16) is None
    assert within_run([(20, math.nan)] * 8, 16) is None
    assert within_run([(20, 0.0)] * 8, 16) is None
    assert drift([(20, 10.0)] * 3) is None
    assert estimate_long_run([]) is None


def test_equal_times_have_no_width_but_what_rounding_leaves() -> None:
    sharp = within_run([(20, 10.0)] * 20, 16)
    assert sharp is not None
    assert sharp.half_width == pytest.approx(0, abs=1e-9)
    one_clock = within_run([(20, 10.0)] * 20, 16, resolution_s=1.0, one_clock=True)
    assert one_clock is not None
    assert one_clock.half_width / 32 == pytest.approx(1 / 200, rel=0.01)
    each = within_run([(20, 10.0)] * 20, 16, resolution_s=1.0)
    assert each is not None
    assert each.half_width / 32 == pytest.approx(0.05, rel=0.06)
    assert within_run([(20, 0.4)] * 20, 16, resolution_s=1.0) is None  # rounding leaves nothing


def test_rare_long_stalls_widen_the_slow_side() -> None:
    times = [(20, 10.0 + 0.05 * math.sin(i)) for i in range(20)]
    times[7], times[15] = (20, 16.0), (20, 16.0)
    found = within_run(times, 16)
    assert found is not None
    below, above = found.throughput - found.low, found.high - found.throughput
    assert below > 1.2 * above


@pytest.mark.parametrize(
    ("value", "half", "text"),
    [
        (59.123, 0.41, "59.1 ± 0.4"),
        (59.123, 0.17, "59.12 ± 0.17"),
        (59.123, 0.0996, "59.12 ± 0.10"),
        (59.123, 3.0, "59 ± 3"),
        (0.7412, 0.0031, "0.741 ± 0.003"),
        (59.123, 0.0, "59.12"),
        (59.123, math.inf, "59.12"),
        (5900.0, 40.0, "5900 ± 40"),
    ],
)
def test_digits_are_those_that_the_width_leaves(value: float, half: float, text: str) -> None:
    assert plus_minus(value, half) == text


def test_an_interval_prints_both_ends_where_one_side_is_much_the_larger() -> None:
    assert str(Interval(throughput=59.1, low=58.6, high=59.5)) == "59.1 \u00b1 0.5"
    assert str(Interval(throughput=33.27, low=14.12, high=153.9)) == "33 (14 to 154)"
    assert str(Interval(throughput=99.3, low=94.1, high=101.6)) == "99.3 (94.1 to 101.6)"
    assert str(Interval(throughput=20.0, low=20.0, high=20.0)) == "20.00"
    assert plus_minus(33.27, 121.0) == "33.27"  # never beyond the number


def test_one_long_pause_and_a_schedule_of_pauses_are_taken_as_given() -> None:
    steady = within_run(series(3))
    assert steady is not None
    for places in ((7,), (4, 9, 14, 19)):
        times = series(3)
        for i in places:
            times[i] = (20, times[i][1] + 40)
        found = within_run(times)
        assert found is not None
        assert found.throughput == pytest.approx(400 / sum(seconds for _, seconds in times))
        # in seconds, the noise is that of the rest
        width, narrow = (1 / one.low - 1 / one.high for one in (found, steady))
        assert width == pytest.approx(narrow, rel=0.25)
    by_chance = series(3)
    by_chance[7], by_chance[8 + 3] = (20, 60.0), (20, 50.0)
    found = within_run(by_chance)
    assert found is not None
    assert found.high - found.low > 0.3 * found.throughput


def test_a_warm_up_is_not_taken_for_noise() -> None:
    def warm(seed: int) -> Times:
        times = series(seed, noise=0.02)
        return [(c, s + 2 * math.exp(-i / 3)) for i, (c, s) in enumerate(times)]

    truth = 1 + sum(2 * math.exp(-i / 3) for i in range(20)) / 400
    found = [within_run(warm(seed)) for seed in range(300)]
    covered = sum(i is not None and i.low <= 1 / truth <= i.high for i in found)
    assert 0.91 <= covered / len(found) <= 0.985
    widths = [(i.high - i.low) / i.throughput for i in found if i]
    assert statistics.median(widths) < 0.01  # 0.04 with the warm-up taken for noise
