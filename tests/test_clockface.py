"""Time stamps: what is one, what it says, and the seconds from one to the next."""

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrbench.measure.log.stated import DAY_S, YEAR_S, elapsed, read_stamp
from mrbench.model.measurement import Printed


def epoch(*parts: int) -> float:
    return datetime(*parts, tzinfo=UTC).timestamp()  # type: ignore[misc, arg-type]


FULL = epoch(2023, 1, 8, 3, 52, 25)


@pytest.mark.parametrize(
    ("line", "seconds", "step_s"),
    [
        (b"2023-01-08 03:52:25,483 - mmdet - INFO - Epoch", FULL + 0.483, 1e-3),
        (b"2023/01/08 03:52:25 - mmengine - INFO", FULL, 1),
        (b"2023-01-08T03:52:25.483123Z step", FULL + 0.483123, 1e-6),
        (b"2023-01-08T04:52:25+01:00 step", FULL, 1),
        (b"2023-01-08 02:22:25.5-0130 step", FULL + 0.5, 0.1),
        (b"[2023-01-08 03:52:25,483] iter: 20/520", FULL + 0.483, 1e-3),
        (b"20230108 03:52:25 x", FULL, 1),
        (b"Sun Jan  8 03:52:25 2023", FULL, 1),
        (b"INFO 2023-01-08 03:52:25 x", FULL, 1),
        (b"[1,0]<stderr>:2023-01-08 03:52:25,483 x", FULL + 0.483, 1e-3),
        (b"[rank0]: 2023-01-08 03:52:25 x", FULL, 1),
        (b"0: 2023-01-08 03:52:25 x", FULL, 1),
        (b"   \x00\x00\x08[2023-01-08 03:52:25] x", FULL, 1),
    ],
)
def test_a_full_stamp_is_seconds_since_1970(line: bytes, seconds: float, step_s: float) -> None:
    found = read_stamp(line)
    assert found is not None
    assert found.seconds == pytest.approx(seconds, abs=1e-6)
    assert found.step_s == pytest.approx(step_s)
    assert found.period_s == math.inf


@pytest.mark.parametrize(
    "line",
    [
        b"[11/23 11:18:46 d2.utils.events]: eta",
        b"[11/23 11:18:46] d2.utils.events INFO:",
        b"[1123 11:18:46 @monitor.py:474] Throughput",
        b"11-23 11:18:46 Epoch[0] Batch [10]",
        b"I1123 11:18:46 net.cc:1] x",
        b"Nov 23 11:18:46 host python[12]: x",
    ],
)
def test_a_stamp_without_a_year_leaves_out_a_year(line: bytes) -> None:
    days = datetime(2000, 11, 23, tzinfo=UTC) - datetime(2000, 1, 1, tzinfo=UTC)
    time_s = 11 * 3600 + 18 * 60 + 46
    assert read_stamp(line) == Printed(days.days * DAY_S + time_s, 1.0, YEAR_S)


def test_a_time_alone_leaves_out_the_day() -> None:
    for line in (b"[11:18:46] x", b"11:18:46 x", b"INFO: 11:18:46 x", b"(11:18:46) x"):
        assert read_stamp(line) == Printed(11 * 3600 + 18 * 60 + 46, 1.0, DAY_S)


@pytest.mark.parametrize(
    "line",
    [
        b"[13/45 11:18:46 d2]",
        b"2023-02-29 03:52:25,483 x",
        b"2023-01-08 24:52:25 x",
        b"[11/23 11:60:46] x",
        b"[02/30 11:18:46] x",
        b"0000-01-08 03:52:25 x",
        b"[00:12<00:34, 1.3it/s]",
        b"[01:00:12<00:34, 1.3it/s]",
        b"eta: 11:18:46  iter: 19",
        b"1:18:46 x",
        b"11:18:461 x",
        b"12/50 [=====>....] - ETA: 1s",
        b"",
        b"\xff\xfe",
    ],
)
def test_what_is_no_stamp(line: bytes) -> None:
    assert read_stamp(line) is None


@pytest.mark.parametrize(
    ("begin", "end", "seconds"),
    [
        (b"23:59:58", b"00:00:03", 5),
        (b"11:18:46", b"11:18:45", -1),
        (b"[12/31 23:59:58]", b"[01/01 00:00:03]", 5),
        (b"[02/28 23:59:58]", b"[03/01 00:00:03]", 5),
        (b"[02/28 23:59:58]", b"[02/29 00:00:03]", 5),
        (b"[02/29 23:59:58]", b"[03/01 00:00:03]", 5),
        (b"[12/31 12:00:00]", b"[03/01 12:00:00]", 60 * DAY_S),
        (b"[05/23 23:57:47]", b"[05/23 23:57:46]", -1),
        (b"2024-02-28 23:59:58", b"2024-03-01 00:00:03", 5 + DAY_S),
        (b"2023-12-31 23:59:58", b"2024-01-01 00:00:03", 5),
        (b"2024-01-01 00:00:03", b"2023-12-31 23:59:58", -5),
        (b"2024-01-01T01:00:03+01:00", b"2023-12-31T23:00:05-01:00", 2),
        (b"2024-01-01 00:00:03", b"[01/01 00:00:05]", None),
    ],
)
def test_seconds_between_stamps(begin: bytes, end: bytes, seconds: float | None) -> None:
    first, second = read_stamp(begin), read_stamp(end)
    assert first is not None
    assert second is not None
    found = elapsed(first, second)
    assert found == (None if seconds is None else pytest.approx(seconds))


@given(
    begin=st.datetimes(datetime(1971, 1, 1), datetime(2090, 1, 1)),  # noqa: DTZ001 - as logs print it
    seconds=st.integers(0, 40_000),
    form=st.sampled_from(
        ["%Y-%m-%d %H:%M:%S", "[%m/%d %H:%M:%S", "%b %d %H:%M:%S", "[%m%d %H:%M:%S @x]", "%H:%M:%S"]
    ),
)
def test_any_stretch_is_read_back(begin: datetime, seconds: int, form: str) -> None:
    end = begin + timedelta(seconds=seconds)
    first, second = (
        read_stamp(begin.strftime(form).encode()),
        read_stamp(end.strftime(form).encode()),
    )
    assert first is not None
    assert second is not None
    assert elapsed(first, second) == pytest.approx(seconds, abs=1e-3)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_without_an_error(line: bytes) -> None:
    found = read_stamp(line)
    assert found is None or math.isfinite(found.seconds)


@given(st.from_regex(rb"\[?\d{2,4}[-/]\d\d[-/ ]\d\d[ :T]\d\d:\d\d:\d\d.{0,9}"))
def test_anything_like_a_stamp_is_one_or_not(line: bytes) -> None:
    found = read_stamp(line)
    assert found is None or math.isfinite(found.seconds)
