"""A unit that stands beside a value, or in its column's name, counts or is refused."""

import pytest

from mrbench.measure.parsers import units
from mrbench.measure.parsers.pattern import from_pattern, of_columns
from mrbench.model.logformat import Columns, LogFormat

VALUE = r"(?P<iteration>\d+) (?P<value>\S+)"


def meant(text: str, timing: str, **keys: str) -> units.Meaning:
    """Return what the value at <> in a line means."""
    log = LogFormat(pattern=VALUE, timing=timing, **keys)  # type: ignore[arg-type]  # the test's own words
    rule = from_pattern(log, "tokens")
    before, value, behind = text.replace(">", "<").encode().split(b"<")
    start = len(before)
    block = before + value + behind
    return units.meaning(block, start, start + len(value), rule, len(block), closed=False)


@pytest.mark.parametrize(
    ("text", "scale"),
    [
        ("at <1.00>K tok/s;", 1e3),
        ("throughput: <1.000> ktok/s, 0.1 s", 1e3),
        ("<1.5>k x", 1e3),
        ("<1.5> M tokens per second", 1e6),
        ("ktok/s: <1.5> ", 1e3),
        ("K tokens/sec = <1.5>", 1e3),
        ("tokens_per_second: <900>", 1),
        ("<900> tokens/s 0.1 s", 1),
        ("tok/s <900> | time 0.5 s", 1),
        ("0.5 s/it <900>, loss 3", 1),
        ("<900> 0.5 s", 1),
        ("rate <900>, 5 tokens", 1),
        ("12 samples/s <900> tok/s", 1),
        ("tps: <1,234.5> ", 1),
    ],
)
def test_thousands_of_a_rate_count(text: str, scale: float) -> None:
    found = meant(text, "rate")
    assert (found.untold, found.scale) == (None, scale)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("<1000> tokens/s/gpu;", "log.per: device"),
        ("tokens/sec/GPU: <1000>", "log.per: device"),
        ('"tokens_per_gpu_per_second": <1000>', "log.per: device"),
        ("throughput per GPU (tokens/s): <1000>", ""),
        ("throughput per device: <1000>", "log.per: device"),
        ("<1000> tps/gpu", "log.per: device"),
        ("<8.0> sequences/s;", "workload.unit: sequences"),
        ("img/s: <8.0>", "workload.unit: images"),
        ("<8.0> samples/sec", "workload.unit: samples"),
        ("<1000> tok/min", "clock: arrival"),
        ("<100> MB/s", "clock: arrival"),
        ("TFLOP/s: <100>", "clock: arrival"),
        ("<0.1000> s", "interval_mean"),
        ("time (ms): <100> |", "interval_mean"),
        ("<10> it/s", "iterations_per_second"),
        ("tok/s <1>,234", "all of it"),
        ("tok/s <1.5>e3", "all of it"),
    ],
)
def test_another_unit_of_a_rate_is_refused(text: str, key: str) -> None:
    found = meant(text, "rate")
    assert (found.untold is not None) == bool(key)
    assert found.untold is None or key in found.untold.remedy
    assert key != "log.per: device" or meant(text, "rate", per="device").untold is None


@pytest.mark.parametrize(
    ("text", "seconds", "keys"),
    [
        ("time (ms): <100.0> |", 1e-3, {}),
        ("<100.0>ms;", 1e-3, {"unit": "ms"}),
        ("time <0.1> tokens/s 1000", 1, {}),
        ("time <0.1> tok/s: 1000", 1, {}),
        ("1000 tok/s <0.1> loss", 1, {}),
        ("frames_per_sec: 9 dt <0.1> s", 1, {}),
        ("time <0.1> s/step", 1, {}),
        ("total <0.8333>m;", 60, {"unit": "min"}),
        ("<12>,100,345", 1, {}),
        ("loss 1.5 <0.1>, lr 3e-4", 1, {}),
        ("elapsed_s: <0.1>", 1, {"unit": "s"}),
        ("time (ms): <100> s: 5", 1e-3, {}),
    ],
)
def test_the_unit_of_a_time_counts(text: str, seconds: float, keys: dict[str, str]) -> None:
    found = meant(text, "interval_mean", **keys)
    closed = text.startswith("<12>")  # a pattern that goes on behind its value
    assert (found.untold is None) or closed
    assert closed or (found.seconds, found.inverse) == (seconds, False)


@pytest.mark.parametrize(
    ("text", "key", "keys"),
    [
        ("time (ms): <100.0> |", "log.unit", {"unit": "s"}),
        ("<100.0>ms;", "log.unit", {"unit": "s"}),
        ("<0.1000> s", "log.unit", {"unit": "ms"}),
        ("<0.1000> s", "it/s", {"unit": "it/s"}),
        ("total <0.8333>m;", "log.unit", {}),
        ("elapsed_min: <5>", "log.unit", {}),
        ("<1000> tokens/s", "log.timing: rate", {}),
        ("<0.1> s/sample", "clock: arrival", {}),
        ("<1.5>k", "clock: arrival", {}),
        ("took <1,100> s", "by points", {}),
        ("took <1>:30", "all of it", {}),
        ("took <1>m30s", "all of it", {}),
        ("took <1.5>e-3 s", "all of it", {}),
    ],
)
def test_a_contradicted_time_is_refused(text: str, key: str, keys: dict[str, str]) -> None:
    problem = meant(text, "interval_mean", **keys).untold
    assert problem is not None
    assert key in problem.remedy


@pytest.mark.parametrize(
    ("name", "timing", "expected"),
    [
        ("dt_ms", "interval_mean", (1e-3, False, 1, "")),
        ("it/s", "interval_mean", (1, True, 1, "")),
        ("train/time", "cumulative", (1, False, 1, "")),
        ("items", "cumulative", (1, False, 1, "")),
        ("elapsed_min", "cumulative", (1, False, 1, "log.unit")),
        ("perf/tokens_per_sec", "rate", (1, False, 1, "")),
        ("ktok/s", "rate", (1, False, 1e3, "")),
        ("tokens_per_second_per_gpu", "rate", (1, False, 1, "log.per: device")),
        ("img/s", "rate", (1, False, 1, "workload.unit: images")),
        ("step_time_s", "rate", (1, False, 1, "")),
    ],
)
def test_a_columns_name_tells_its_unit(
    name: str, timing: str, expected: tuple[float, bool, float, str]
) -> None:
    log = LogFormat(columns=Columns(value=name), timing=timing)  # type: ignore[arg-type]  # the test's own words
    found = units.of_column(name, of_columns(log, "tokens"))
    assert (found.seconds, found.inverse, found.scale) == expected[:3]
    assert bool(found.untold) == bool(expected[3])
    assert found.untold is None or expected[3] in found.untold.remedy


def test_work_in_thousands_or_another_unit_is_not_counted() -> None:
    for text, key in (
        (b"seen <0.1>M;", "per_device"),
        (b"seen <0.1> M tokens", "per_device"),
        (b"seen <8> sequences", "workload.unit: sequences"),
        (b"consumed samples: <8> |", "workload.unit: samples"),
        (b"consumed tokens: <800> |", ""),
        (b"tokens <800> tok/s 12", ""),
        (b"total <800>, 3 images", ""),
    ):
        before, value, behind = text.replace(b">", b"<").split(b"<")
        span = len(before), len(before) + len(value)
        problem = units.of_work(before + value + behind, *span, "tokens")
        assert (key in problem.remedy) if problem and key else (problem is None and not key), text


def test_a_wait_for_data_may_have_a_unit_of_its_own() -> None:
    for text, seconds in (
        (b"data <12>ms, time 0.5 s", 1e-3),
        (b"data (ms): <12> |", 1e-3),
        (b"time 500 ms data <0.1> s", 1.0),
        (b"time 500 ms data <100> |", 0.25),
    ):
        before, value, behind = text.replace(b">", b"<").split(b"<")
        span = len(before), len(before) + len(value)
        assert units.of_wait(before + value + behind, *span, 0.25) == seconds, text
