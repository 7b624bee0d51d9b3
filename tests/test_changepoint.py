"""Changes of level in series whose noise is drawn by a generator that gives the same each time."""

import math
import random

import pytest

from mrbench.measure.changepoint import find_steps


def noise(count: int, deviation: float = 0.01, seed: int = 1) -> list[float]:
    draw = random.Random(seed)
    return [draw.gauss(0, deviation) for _ in range(count)]


def places(values: list[float]) -> list[int]:
    return [step.at for step in find_steps(values).steps]


def test_a_step_is_found_where_it_is_with_its_size() -> None:
    values = [x - 0.05 * (i >= 14) for i, x in enumerate(noise(24))]
    (step,) = find_steps(values).steps
    assert step.at == 14
    assert step.before < 14 <= step.after
    assert 0.93 < step.low_ratio < math.exp(-0.05) < step.high_ratio < 0.97
    assert step.p < 0.001
    assert not step.gradual


def test_a_level_that_came_and_went_has_two_ends() -> None:
    assert places([x - 0.05 * (20 <= i < 26) for i, x in enumerate(noise(50))]) == [20, 26]


def test_noise_alone_is_no_change() -> None:
    found = [bool(places(noise(30, seed=seed))) for seed in range(100)]
    assert sum(found) <= 3


def test_a_few_slow_runs_are_outliers() -> None:
    values = [x - 0.2 * (i in {3, 8, 21, 29}) for i, x in enumerate(noise(30))]
    assert places(values) == []
    assert places([x - 0.05 * (i >= 15) for i, x in enumerate(values)]) == [15]


def test_what_wanders_from_day_to_day_needs_more() -> None:
    days = noise(20, seed=4)
    values = [
        day + 0.1 * x for day, x in zip((d for d in days for _ in range(3)), noise(60), strict=True)
    ]
    assert places(values) == []


def test_a_drift_is_called_gradual() -> None:
    (drift,) = find_steps([x - 0.002 * i for i, x in enumerate(noise(50))]).steps
    assert drift.gradual
    assert 0.88 < drift.low_ratio < math.exp(-0.1) < drift.high_ratio < 0.93


@pytest.mark.parametrize("count", [10, 20, 50])
def test_a_decline_that_is_no_straight_line_is_a_drift(count: int) -> None:
    (drift,) = find_steps([math.log1p(-0.2 * i / count) for i in range(count)]).steps
    assert drift.gradual
    assert drift.high_ratio < 0.85


@pytest.mark.parametrize("count", range(8))
def test_short_series_of_equal_values_have_no_change(count: int) -> None:
    assert places([0.3] * count) == []


def test_equal_values_that_jump_are_found_within_finite_bounds() -> None:
    assert places([math.log(2)] * 3 + [math.log(1)] * 3) == [3]  # whose means are not exact
    (step,) = find_steps([0.0] * 5 + [-0.1] * 5).steps
    assert (step.before, step.at, step.after) == (4, 5, 5)
    assert 0 < step.low_ratio < step.high_ratio < 1
    assert step.ratio == pytest.approx(math.exp(-0.1))
