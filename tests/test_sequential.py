"""`mrbench ab`'s rule: what it answers, and that the bench simulates the very same."""

import math
from pathlib import Path

import numpy as np
import pytest

from mrbench.measure import sequential
from mrbench.measure.sequential import FEWEST, LEVELS, MOST, Terms, estimates, judge

BENCH = Path(__file__).parent / "bench"
TERMS = Terms(margin=0.03, max_pairs=10)


def test_a_clear_slowdown_and_none_are_told_after_three_pairs() -> None:
    old = [100.0, 100.4, 99.8]
    slow = judge(old, [94.0, 94.3, 93.9], TERMS)
    assert slow.verdict == "failed"
    assert math.exp(slow.change) == pytest.approx(0.94, abs=0.002)
    assert slow.low is not None
    assert slow.high is not None
    assert slow.low < slow.change < slow.high < TERMS.bound
    same = judge(old, [100.1, 100.3, 99.9], TERMS)
    assert same.verdict == "ok"


def test_less_than_three_pairs_decide_nothing() -> None:
    early = judge([100.0, 100.0], [50.0, 50.0], TERMS)
    assert (early.verdict, early.low, early.p_fail) == ("inconclusive", None, 1.0)
    assert judge([100.0], [50.0], TERMS).verdict == "inconclusive"


def test_the_drift_of_a_session_is_not_taken_for_noise_of_pairs() -> None:
    warm = [1.0, 0.97, 0.94, 0.92, 0.9]  # each pair is slower than the one before
    noise = [1.0, 1.003, 0.998, 1.001, 1.0]
    old = [100 * w for w in warm]
    new = [94 * w * e for w, e in zip(warm, noise, strict=True)]
    assert judge(old, new, TERMS).verdict == "failed"


def test_equal_numbers_of_a_coarse_log_are_no_proof() -> None:
    old, new = [100.0] * 3, [96.5] * 3
    assert judge(old, new, TERMS).verdict == "failed"
    assert judge(old, new, TERMS, rounding=0.02).verdict == "inconclusive"


def test_a_baseline_that_varied_less_is_not_believed() -> None:
    old, new = [100.0, 103.0, 97.0], [95.0, 95.3, 94.9]
    assert len(estimates(old, new, (0.001, 30))) == len(estimates(old, new))
    assert len(estimates(old, new, (0.03, 30))) == len(estimates(old, new)) + 1


def test_levels_are_there_for_all_numbers_of_pairs_and_fall() -> None:
    assert list(LEVELS) == list(range(FEWEST, MOST + 1))
    assert sorted(LEVELS.values(), reverse=True) == list(LEVELS.values())


def test_the_bench_simulates_the_rule_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCH)
    import ab

    case = ab.Case(slower=0.04, new_noise=0.02, stored=(0.01, 10))
    old, new, stored = ab.draw(case, 60, 6, seed=1)
    looks = ab.look(case, 60, 6, seed=1)
    assert stored is not None
    scale = LEVELS[6] * sequential.STORED
    for i in range(60):
        terms = Terms(margin=0.03, max_pairs=6, stored=(math.sqrt(stored[i]), 10))
        for n in range(FEWEST, 7):
            found = judge(np.exp(old[i, :n]).tolist(), np.exp(new[i, :n]).tolist(), terms)
            reach = ab.reaches(looks, ab.scaled(scale, 6))[n - FEWEST][i]
            change = looks.change[n - FEWEST][i] + math.log1p(-case.slower)
            wanted = "failed" if change + reach < ab.BOUND else "inconclusive"
            wanted = "ok" if change - reach > ab.BOUND else wanted
            near = min(abs(change + reach - ab.BOUND), abs(change - reach - ab.BOUND)) < 1e-4
            assert found.verdict == wanted or near


def test_the_promise_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCH)
    import ab

    def row(case: "ab.Case") -> "ab.Row":
        return ab.outcome(ab.look(case, 4000), case.slower, LEVELS[ab.PAIRS])

    for case in (ab.Case(slower=0.03), ab.Case(slower=0.03, drift=ab.step(0.02, 6))):
        at = row(case)
        assert max(at.fail, at.passed) < 6.4  # four standard errors above 5
    slow = row(ab.Case(slower=0.05))
    assert slow.fail > 95
    assert slow.pairs < 5.1
    assert slow.covered > 95
