"""The gate's statistics: exact where they can be, and right as often as they promise."""

import math
import random
import statistics
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrbench.checks.baseline.runs_needed import MOST, runs_needed
from mrbench.checks.baseline.verdict import Terms, alike, decides, judge
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


def test_the_interval_is_welchs_of_logarithms() -> None:
    old, new = [100.0, 101.0, 99.0], [98.0, 99.5, 99.0, 97.5]
    found = judge(log_sample(old), log_sample(new), TERMS)
    change = statistics.fmean(map(math.log, new)) - statistics.fmean(map(math.log, old))
    assert found.change == pytest.approx(change)
    # by scipy.stats.ttest_ind of the logarithms, equal_var=False, at 90 %
    assert (found.low, found.high) == pytest.approx((-0.030647029, 0.000422003), abs=1e-8)
    assert found.verdict == "inconclusive"


def test_one_run_is_unknown_whatever_the_baseline_knows() -> None:
    base = Sample(count=10, mean=0.0, squares=20 * 0.005**2, freedom=20)
    for rate in (0.5, 1.0, 2.0):
        found = judge(base, log_sample([rate]), TERMS)
        assert (found.verdict, found.low, found.high) == ("inconclusive", None, None)
        assert judge(log_sample([rate]), base, TERMS).verdict == "inconclusive"


def test_each_side_keeps_its_own_noise() -> None:
    base = Sample(count=10, mean=0.0, squares=9 * 0.002**2, freedom=9)
    new = Sample(count=3, mean=0.0, squares=2 * 0.03**2, freedom=2)
    found = judge(base, new, TERMS)
    assert found.verdict == "inconclusive"
    # the degrees of freedom are nearly those of the new runs alone
    error = math.sqrt(0.002**2 / 10 + 0.03**2 / 3)
    assert found.high == pytest.approx(2.91999 * error, rel=2e-3)
    assert not alike(base, new)
    assert not alike(new, base)
    assert alike(base, Sample(count=3, mean=0.0, squares=2 * 0.0021**2, freedom=2))


def test_a_further_look_is_a_stricter_one() -> None:
    base, new = log_sample([100.0, 101.0, 99.0]), log_sample([98.2, 99.5, 100.0, 98.9])
    looks = [judge(base, new, Terms(margin=0.03, look=look)) for look in (1, 2, 3)]
    assert [look.confidence for look in looks] == pytest.approx([0.90, 0.98, 0.99])
    assert looks[0].high is not None
    assert looks[1].high is not None
    assert looks[2].high is not None
    assert looks[0].high < looks[1].high < looks[2].high


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
    order = ("ok", "inconclusive", "failed")
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
    assert both.verdict == turned.verdict
    if both.verdict == "ok":
        assert one.verdict == "ok"
    if one.verdict == "failed":
        assert both.verdict == "failed"


def test_equal_speed_within_two_sides_and_not_beyond() -> None:
    base = Sample(count=10, mean=0.0, squares=20 * 0.005**2, freedom=20)
    for factor, one, both in (
        (1.0, "ok", "ok"),
        (1.1, "ok", "failed"),
        (0.9, "failed", "failed"),
        (1.03, "ok", "inconclusive"),
    ):
        new = Sample(count=3, mean=math.log(factor), squares=2 * 0.005**2, freedom=2)
        assert judge(base, new, TERMS).verdict == one
        assert judge(base, new, Terms(margin=0.03, two_sided=True)).verdict == both


def test_without_any_noise_nothing_is_claimed() -> None:
    for rate in (1.0, 100.0, 300.0):
        found = judge(log_sample([100.0]), log_sample([rate]), TERMS)
        assert found.verdict == "inconclusive"
        assert (found.low, found.high) == (None, None)
    assert runs_needed(log_sample([100.0]), log_sample([100.0] * 3), TERMS) is None


def test_digits_that_are_few_keep_equal_numbers_from_being_sure() -> None:
    same = log_sample([100.0] * 3)
    assert judge(same, same, TERMS).verdict == "ok"
    found = judge(same, same, Terms(margin=0.03, floor=0.05))
    assert found.verdict == "inconclusive"
    assert found.high == pytest.approx(2.131847 * 0.05 * math.sqrt(2 / 3), rel=1e-5)


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


@given(CLOSE, CLOSE, st.integers(1, 4))
def test_the_fast_way_to_a_verdict_is_the_exact_ones(
    old: list[float], new: list[float], look: int
) -> None:
    for margin in (0.005, 0.02):
        for two_sided in (False, True):
            terms = Terms(margin=margin, two_sided=two_sided, look=look)
            base, fresh = log_sample(old), log_sample(new)
            assert decides(base, fresh, terms) == (
                judge(base, fresh, terms).verdict != "inconclusive"
            )


@pytest.mark.parametrize(
    ("base", "new", "base_noise", "new_noise"),
    [(3, 3, 0.01, 0.01), (10, 3, 0.03, 0.005), (10, 3, 0.005, 0.01), (2, 10, 0.01, 0.005)],
)
def test_errors_at_the_margin_are_rare(
    base: int, new: int, base_noise: float, new_noise: float
) -> None:
    """Exactly at the margin each wrong answer has at most 6.5 %; tests/bench/gate.py has more."""
    source = random.Random(7)
    total = 4000
    found = Counter(
        judge(
            draws(source, base, base_noise), draws(source, new, new_noise, math.log1p(-0.03)), TERMS
        ).verdict
        for _ in range(total)
    )
    assert found["ok"] / total <= 0.065
    assert found["failed"] / total <= 0.065
