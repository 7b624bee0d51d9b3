"""A recipe's pattern that would take for ever ends with one line."""

import pytest

from mrbench.errors import MeasureError
from mrbench.measure.log import patience
from mrbench.measure.log.stated import read_stated
from mrbench.measure.parsers import parse_samples
from mrbench.model.logformat import LogFormat

EVIL = b"1" + b"a" * 60 + b"!\n"


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "MOST_S", 0.2)


def test_a_pattern_that_backtracks_for_ever_is_refused() -> None:
    pattern = r"(?P<iteration>\d+)(a+)+$(?P<value>\d*)"
    log = LogFormat(pattern=pattern, timing="interval_mean", every=1)
    with pytest.raises(MeasureError, match=r"^log\.pattern: the pattern takes more than"):
        list(parse_samples([(0, EVIL)], log, 1))


def test_so_is_one_that_looks_for_what_the_log_states() -> None:
    with pytest.raises(MeasureError, match=r"^log\.states\.gpus: the pattern takes more than"):
        read_stated([(0, EVIL)], {"gpus": "(a+)+$"})


def test_a_plain_pattern_is_not_limited_by_how_often_it_matches() -> None:
    text = b"".join(b"iter %d: 0.1 s\n" % i for i in range(20000))
    log = LogFormat(
        pattern=r"iter (?P<iteration>\d+): (?P<value>[\d.]+) s", timing="interval_mean", every=1
    )
    assert len(list(parse_samples([(0, text)], log, 1))) == 19999  # iteration 0 is none
