"""The gate's statistics: exact where they can be, and right as often as they promise."""

import math
import random
import statistics
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mrbench.checks.baseline.runs_needed import MOST, runs_needed
from mrbench.checks.baseline.verdict import Terms, judge, unlike
from mrbench.measure.repeats import NONE, Sample, log_sample

RATES = st.lists(st.floats(10, 1000), min_size=1, max_size=8)
CLOSE = st.lists(st.floats(97, 103), min_size=2, max_size=6)
TERMS = Terms(margin=0.03)


@given(RATES, RATES)
def test_runs_that_are_joined_are_one_sample(one: list[float], other: list[float]) -> None:
    whole, part = log_sample([*one, *other]), log_sample(other)
    for joined in (
        log_sample(one).joined(part.count, part.mean, part.squares),
        NONE.joined(whole.count, whole.mean, whole.squares),
    ):
        assert (joined.count, joined.freedom) == (whole.count, whole.freedom)
        assert joined.mean == pytest.approx(whole.mean)
        assert joined.squares == pytest.approx(whole.squares, abs=1e-9)


def test_the_interval_is_students_of_pooled_logarithms() -> None:
    old, new = [100.0, 101.0, 99.0], [98.0, 99.5, 99.0, 97.5]
    found = judge(log_sample(old), log_sample(new), TERMS)
    a, b = ([math.log(rate) for rate in rates] for rates in (old, new))
    pooled = (2 * statistics.variance(a) + 3 * statistics.variance(b)) / 5
    error = math.sqrt(pooled * (1 / 3 + 1 / 4))
    change = statistics.fmean(b) - statistics.fmean(a)
    assert found.change == pytest.approx(change)
    assert found.noise == pytest.approx(math.sqrt(pooled))
    assert (found.low, found.high) == pytest.approx(
        (change - 2.015048 * error, change + 2.015048 * error), rel=1e-5
    )
    assert found.verdict == "pass"


def test_stored_noise_counts_by_its_degrees_of_freedom() -> None:
    base = Sample(count=3, mean=0.0, squares=20 * 0.01**2, freedom=20)
    found = judge(base, Sample(count=1, mean=0.0, squares=0.0, freedom=0), TERMS)
    assert found.noise == pytest.approx(0.01)
    reach = 1.7247 * 0.01 * math.sqrt(1 / 3 + 1)
    assert (found.low, found.high) == pytest.approx((-reach, reach), rel=1e-4)


def test_new_runs_that_differ_more_keep_their_own_noise() -> None:
    base = Sample(count=10, mean=0.0, squares=9 * 0.002**2, freedom=9)
    new = Sample(count=3, mean=0.0, squares=2 * 0.03**2, freedom=2)
    assert unlike(base, new)
    found = judge(base, new, TERMS)
    assert found.apart
    assert found.noise == pytest.approx(0.03)
    assert found.verdict == "inconclusive"
    # Welch's interval: the degrees of freedom are nearly those of the new runs alone
    error = math.sqrt(0.002**2 / 10 + 0.03**2 / 3)
    assert found.high == pytest.approx(2.91999 * error, rel=1e-4)
    assert not unlike(new, base), "a quieter commit is judged by what is known"


@given(CLOSE, CLOSE, st.floats(0.01, 100))
def test_the_unit_of_speed_does_not_matter(old: list[float], new: list[float], by: float) -> None:
    found = judge(log_sample(old), log_sample(new), TERMS)
    scaled = judge(
        log_sample([by * rate for rate in old]), log_sample([by * rate for rate in new]), TERMS
    )
    assert scaled.change == pytest.approx(found.change, abs=1e-9)
    assert scaled.low == pytest.approx(found.low, abs=1e-6)


@given(CLOSE, CLOSE, st.floats(0.8, 1.0))
def test_slower_is_never_better(old: list[float], new: list[float], by: float) -> None:
    order = ("pass", "inconclusive", "fail")
    verdicts = [
        judge(log_sample(old), log_sample([share * rate for rate in new]), TERMS).verdict
        for share in (1.0, by)
    ]
    assert order.index(verdicts[1]) >= order.index(verdicts[0])


@given(CLOSE, CLOSE, st.floats(0.001, 0.2))
def test_equivalence_is_the_stricter_question(
    old: list[float], new: list[float], margin: float
) -> None:
    one = judge(log_sample(old), log_sample(new), Terms(margin=margin))
    both = judge(log_sample(old), log_sample(new), Terms(margin=margin, two_sided=True))
    turned = judge(log_sample(new), log_sample(old), Terms(margin=margin, two_sided=True))
    assume(one.noise and not both.apart and not turned.apart)
    assert both.verdict == turned.verdict
    if both.verdict == "pass":
        assert one.verdict == "pass"
    if one.verdict == "fail":
        assert both.verdict == "fail"


def test_equal_speed_within_two_sides_and_not_beyond() -> None:
    base = Sample(count=10, mean=0.0, squares=20 * 0.005**2, freedom=20)
    for factor, one, both in (
        (1.0, "pass", "pass"),
        (1.1, "pass", "fail"),
        (0.9, "fail", "fail"),
        (1.03, "pass", "inconclusive"),
    ):
        new = Sample(count=3, mean=math.log(factor), squares=2 * 0.005**2, freedom=2)
        assert judge(base, new, TERMS).verdict == one
        assert judge(base, new, Terms(margin=0.03, two_sided=True)).verdict == both


def test_without_any_noise_nothing_is_claimed() -> None:
    for rate in (1.0, 100.0, 300.0):
        found = judge(log_sample([100.0]), log_sample([rate]), TERMS)
        assert found.verdict == "inconclusive"
        assert (found.low, found.high, found.noise) == (None, None, None)
    count = runs_needed(log_sample([100.0]), log_sample([100.0]), TERMS)
    assert count is not None
    assert 2 <= count <= 10
    more = runs_needed(log_sample([100.0]), log_sample([100.0]), TERMS, guess=0.02)
    assert more is None or more > count


def test_digits_that_are_few_keep_equal_numbers_from_being_sure() -> None:
    same = log_sample([100.0] * 3)
    assert judge(same, same, TERMS).verdict == "pass"
    found = judge(same, same, Terms(margin=0.03, floor=0.05))
    assert found.verdict == "inconclusive"
    assert found.noise == pytest.approx(0.05)


def test_more_noise_asks_for_more_runs() -> None:
    counts = []
    for noise in (0.005, 0.01, 0.015, 0.02):
        base = Sample(count=10, mean=0.0, squares=20 * noise**2, freedom=20)
        counts.append(runs_needed(base, NONE, TERMS) or MOST + 1)
    assert all(a <= b for a, b in pairwise(counts))
    assert counts[0] < counts[-1]


def test_a_change_at_the_margin_is_hardly_ever_decided() -> None:
    base = Sample(count=10, mean=0.0, squares=20 * 0.01**2, freedom=20)
    new = Sample(count=10, mean=math.log1p(-0.03), squares=9 * 0.01**2, freedom=9)
    assert judge(base, new, TERMS).verdict == "inconclusive"
    count = runs_needed(base, new, TERMS)
    assert count is None or count > 10


def draws(source: random.Random, count: int, noise: float, mean: float = 0.0) -> Sample:
    return log_sample([math.exp(source.gauss(mean, noise)) for _ in range(count)])


def test_the_further_runs_that_are_asked_for_decide_as_often_as_said() -> None:
    """Truths spread evenly around the margin, as the count supposes; its seed is not the gate's."""
    source = random.Random(12345)
    decided = asked = 0
    while asked < 100:
        truth = source.uniform(-0.08, 0.02)
        base, noise = draws(source, 10, 0.01), 0.01
        new = draws(source, 3, noise, truth)
        if judge(base, new, TERMS).verdict != "inconclusive":
            continue
        count = runs_needed(base, new, TERMS)
        if count is None:
            continue
        asked += 1
        more = draws(source, count, noise, truth)
        grown = new.joined(more.count, more.mean, more.squares)
        decided += judge(base, grown, TERMS).verdict != "inconclusive"
    # half of them, and some more, as counts are whole; 4 standard errors of 100 are 20 %
    assert 0.3 <= decided / asked <= 0.9


@pytest.mark.parametrize(
    ("count", "new_noise", "most"),
    # a noisier commit is not always seen to be one
    [(1, 0.01, 0.05), (3, 0.01, 0.05), (6, 0.01, 0.05), (3, 0.03, 0.09), (6, 0.03, 0.07)],
)
def test_errors_at_the_margin_are_rare(count: int, new_noise: float, most: float) -> None:
    """Exactly at the margin each wrong answer has at most 5 %; 1 % more is four standard errors."""
    source = random.Random(7)
    total = 6000
    found = Counter(
        judge(
            draws(source, 5, 0.01), draws(source, count, new_noise, math.log1p(-0.03)), TERMS
        ).verdict
        for _ in range(total)
    )
    assert found["pass"] / total <= most + 0.01
    assert found["fail"] / total <= most + 0.01
