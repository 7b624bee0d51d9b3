"""The statistics of repeats: exact where they can be, and right as often as they promise."""

import itertools
import math
import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrbench.measure import repeats, student
from mrbench.measure.repeats import Noise, between_runs, log_sample, pooled, sample, welch


# Table 26.10 of Abramowitz and Stegun
@pytest.mark.parametrize(
    ("freedom", "t"), [(1, 12.706), (2, 4.303), (3, 3.182), (5, 2.571), (10, 2.228), (120, 1.980)]
)
def test_students_quantiles_are_those_of_the_tables(freedom: int, t: float) -> None:
    assert student.t_quantile(freedom) == pytest.approx(t, abs=6e-4)
    assert student.t_tail(student.t_quantile(freedom), freedom) == pytest.approx(0.05, abs=1e-9)


@given(st.floats(0.001, 40), st.integers(1, 60))
def test_t_is_the_finite_series_of_whole_degrees_of_freedom(ratio: float, freedom: int) -> None:
    """26.7.3 and 26.7.4 of Abramowitz and Stegun."""
    angle = math.atan(ratio / math.sqrt(freedom))
    odd = freedom % 2
    term, total = (math.cos(angle) if odd else 1.0), 0.0
    for i in range(2 + odd, freedom + 1, 2):
        total += term
        term *= math.cos(angle) ** 2 * (i - 1) / i
    inside = math.sin(angle) * total
    inside = 2 / math.pi * (angle + inside) if odd else inside
    assert student.t_tail(ratio, freedom) == pytest.approx(1 - inside, abs=1e-12)


# by scipy.stats.t.ppf
@pytest.mark.parametrize(
    ("freedom", "t"),
    [(1.5, 6.016663104), (2.3, 3.807163208), (2.9, 3.245438062), (7.7, 2.321736753)],
)
def test_quantiles_between_whole_degrees_of_freedom(freedom: float, t: float) -> None:
    assert student.t_quantile(freedom) == pytest.approx(t, rel=1e-8)


@given(st.floats(0.5, 1e4), st.floats(1e-4, 0.5))
def test_a_quantile_is_where_its_tail_begins(freedom: float, outside: float) -> None:
    found = student.t_quantile(freedom, outside)
    assert student.t_tail(found, freedom) == pytest.approx(outside, rel=1e-7)


# percentage points of printed tables
@pytest.mark.parametrize(
    ("above", "below", "level", "point"),
    [
        (1, 1, 0.01, 4052.2),
        (2, 2, 0.01, 99.00),
        (2, 4, 0.01, 18.00),
        (3, 7, 0.01, 8.451),
        (10, 20, 0.01, 3.368),
        (1, 9, 0.05, 5.117),
        (24, 30, 0.05, 1.887),
        (120, 120, 0.01, 1.533),
    ],
)
def test_f_is_that_of_tables(above: int, below: int, level: float, point: float) -> None:
    assert student.f_tail(point, above, below) == pytest.approx(level, rel=3e-3)


@given(st.floats(0.01, 50), st.integers(1, 60))
def test_f_of_one_degree_is_the_square_of_t(ratio: float, freedom: int) -> None:
    assert student.f_tail(ratio**2, 1, freedom) == pytest.approx(
        student.t_tail(ratio, freedom), rel=1e-8, abs=1e-12
    )


@given(st.floats(0.01, 100), st.integers(1, 40), st.integers(1, 40))
def test_f_turned_over_is_the_other_tail(ratio: float, above: int, below: int) -> None:
    both = student.f_tail(ratio, above, below) + student.f_tail(1 / ratio, below, above)
    assert both == pytest.approx(1, abs=1e-10)


def test_one_sided_t_is_that_of_tables() -> None:
    found = [student.t_quantile(freedom, 0.10) for freedom in (1, 2, 4, 10, 1000)]
    assert found == pytest.approx([6.314, 2.920, 2.132, 1.812, 1.646], abs=6e-4)
    assert student.t_quantile(4) == student.t_quantile(4, 0.05)


def test_runs_are_summed_up_over_total_time_and_spread_apart() -> None:
    three = between_runs([59.0, 60.0, 61.0])
    assert three.throughput == pytest.approx(statistics.harmonic_mean([59, 60, 61]))
    assert three.deviation == pytest.approx(1.0)
    assert three.interval is not None
    assert three.interval.half_width == pytest.approx(4.303 / math.sqrt(3), rel=0.05)
    one = between_runs([59.0])
    assert (one.runs, one.deviation, one.interval) == (1, None, None)


def test_runs_that_differ_by_chance_are_covered_in_95_of_100() -> None:
    rng = random.Random(5)
    trials = 800
    hits = 0
    for _ in itertools.repeat(None, trials):
        found = between_runs([rng.gauss(60, 0.6) for _ in range(3)]).interval
        hits += found is not None and found.low <= 60 <= found.high
    assert 0.93 <= hits / trials <= 0.97


ONE, OTHER = [59.0, 60.0, 61.5], [57.0, 57.2, 58.1, 57.9]


def test_two_sets_of_runs_differ_by_welch_and_by_student() -> None:
    """As scipy.stats.ttest_ind has them, with equal_var=False and True."""
    found = welch(sample(OTHER), sample(ONE))
    assert found.freedom == pytest.approx(2.542337854)
    assert found.interval() == pytest.approx((-0.116366728, 5.349700062))
    assert 2 * found.p_above(0.0) == pytest.approx(0.054998492)
    assert found.p_above(0.0) + found.p_below(0.0) == pytest.approx(1)
    found = pooled(sample(OTHER), sample(ONE))
    assert found.interval() == pytest.approx((0.856970349, 4.376362985))
    assert 2 * found.p_above(0.0) == pytest.approx(0.012342228)


def test_a_single_run_has_no_noise_but_what_others_told() -> None:
    one, three = log_sample([57.0]), log_sample(ONE)
    for both in (welch(one, three), welch(three, one), welch(one, one), pooled(one, one)):
        assert both.interval() is None
        assert both.p_below(0.1) == both.p_above(-0.1) == 1.0
    assert repeats.ratio([57.0], ONE).low is None
    noise = Noise(deviation=0.01, freedom=9)
    told = repeats.ratio([57.0], ONE, noise=noise)
    assert told.low is not None
    assert told.high is not None
    assert told.low < told.ratio < told.high
    assert told.ratio == pytest.approx(57 / statistics.harmonic_mean(ONE))
    assert repeats.ratio(ONE, [57.0], noise=noise).low is None, "it is of the other side"
    singles = repeats.ratio([50.0], [50.0], noise=noise, by_noise=noise)
    assert singles.high == pytest.approx(math.exp(2.262157 * 0.01 * math.sqrt(2)), rel=1e-6)


def test_runs_with_equal_numbers_are_as_far_apart_as_their_digits_allow() -> None:
    same, slower = [60.0, 60.0], [57.0, 57.0]
    sure = repeats.ratio(slower, same)
    assert sure.low == sure.high == pytest.approx(0.95)
    rounded = repeats.ratio(slower, same, rounding=0.01)
    assert rounded.low is not None
    assert 0.85 < rounded.low < 0.95


def test_the_noises_of_two_sides_are_kept_apart() -> None:
    """95 of 100 intervals cover a ratio of 1, though the few runs vary six times as much."""
    rng = random.Random(3)
    trials, hits = 1500, 0
    for _ in itertools.repeat(None, trials):
        few = [math.exp(rng.gauss(0, 0.03)) for _ in range(3)]
        many = [math.exp(rng.gauss(0, 0.005)) for _ in range(10)]
        found = repeats.ratio(few, many)
        assert found.low is not None
        assert found.high is not None
        hits += found.low <= 1 <= found.high
    assert 0.935 <= hits / trials <= 0.965


def test_records_may_claim_any_speed() -> None:
    for rates in ([1e300, 2e300], [1e-300, 1.0], [5e-324, 1e308]):
        between_runs(rates)
        repeats.ratio(rates, [1.0, 2.0])
        repeats.ratio([1.0], rates)
