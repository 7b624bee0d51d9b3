"""What samples say of themselves: how exact they are, how long they waited, and when they were."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import renderers
from formats import log_format
from mrbench.measure.log.blocks import whole_lines
from mrbench.measure.log.stated import elapsed
from mrbench.measure.parsers import parse_samples
from mrbench.measure.parsers.base import last_digit, significant_step
from mrbench.model.logformat import LogFormat, Timing
from mrbench.model.measurement import IterationSample

# format, renderer, what the log tells: d(ata), p(rinted stamps), e(dges of a running sum)
TELLING: list[tuple[str, renderers.Render, str]] = [
    ("detectron2", renderers.detectron2, "dpe"),
    ("detectron2", renderers.detectron2_today, "dpe"),
    ("maskrcnn-benchmark", renderers.maskrcnn_benchmark, "dpe"),
    ("mmdetection", renderers.mmdetection, "dp"),
    ("mmdetection-json", renderers.mmdetection_json, "d"),
    ("mmdetection3", renderers.mmdetection3, "dp"),
    ("mmdetection3-scalars", renderers.scalars, "d"),
    ("simpledet", renderers.simpledet, "p"),
    ("gluoncv", renderers.gluoncv, ""),
    ("mxnet", renderers.mxnet, ""),
    ("detectron", renderers.detectron, "e"),
    ("tensorpack", renderers.tensorpack, "p"),
    ("tensorpack", renderers.tensorpack_without_rates, "p"),
    ("tensorpack-stats", renderers.tensorpack_stats, ""),
    ("matterport", renderers.keras, ""),
    ("matterport", renderers.keras_terminal, ""),
    ("torchvision", renderers.torchvision, "d"),
    ("minimask", renderers.minimask, "dp"),
]
IDS = [render.__name__ for _, render, _ in TELLING]
EXACT = ("scalars", "tensorpack_stats")

training = st.lists(st.floats(0.02, 4.0), min_size=11, max_size=11).map(
    lambda few: [few[i * i % 11] * (1 + 0.3 * math.sin(i)) for i in range(240)]
)


def samples_of(text: str, log: LogFormat) -> list[IterationSample]:
    return list(parse_samples(whole_lines([text.encode()]), log, 16))


@pytest.mark.parametrize(("name", "render", "tells"), TELLING, ids=IDS)
@given(seconds=training)
@settings(max_examples=20)
def test_the_error_of_printing_is_bounded(
    name: str, render: renderers.Render, tells: str, seconds: list[float]
) -> None:
    found = samples_of("".join(render(seconds, 16)), log_format(name))
    assert len(found) > 1
    for sample in found:
        truth = sum(seconds[sample.last - sample.count : sample.last])
        if "e" in tells and sample is found[0]:
            continue  # the timer skips the first iterations, or starts anew
        assert abs(sample.seconds - truth) <= sample.rounding_s * (1 + 1e-9) + 1e-9 * truth
        assert (sample.rounding_s == 0) == (render.__name__ in EXACT)
        assert (sample.edge_s is not None) == ("e" in tells)
    if "e" in tells:
        whole = sum(sample.seconds for sample in found[3:])
        truth = sum(seconds[found[2].last : found[-1].last])
        edges = (found[2].edge_s or 0) + (found[-1].edge_s or 0)
        assert abs(whole - truth) <= edges * (1 + 1e-9)
        assert edges < sum(sample.rounding_s for sample in found[3:])


@pytest.mark.parametrize(("name", "render", "tells"), TELLING, ids=IDS)
@given(seconds=training)
@settings(max_examples=10)
def test_the_wait_for_data_is_told_where_the_log_tells(
    name: str, render: renderers.Render, tells: str, seconds: list[float]
) -> None:
    found = samples_of("".join(render(seconds, 16)), log_format(name))
    for sample in found:
        assert (sample.data_s is not None) == ("d" in tells)
        truth = renderers.WAITING * sum(seconds[sample.last - sample.count : sample.last])
        if sample.data_s is not None and sample is not found[0]:
            assert abs(sample.data_s - truth) <= sample.rounding_s + 5e-4 * sample.count + 1e-9


@pytest.mark.parametrize(("name", "render", "tells"), TELLING, ids=IDS)
@given(seconds=training)
@settings(max_examples=10)
def test_printed_stamps_time_what_the_sample_times(
    name: str, render: renderers.Render, tells: str, seconds: list[float]
) -> None:
    found = samples_of("".join(render(seconds, 16)), log_format(name))
    before = None
    for sample in found:
        assert (sample.printed is not None) == ("p" in tells)
        assert (sample.printed_began is not None) == (name == "tensorpack")
        began = sample.printed_began or before
        if sample.printed and began:
            truth = sum(seconds[sample.last - sample.count : sample.last])
            assert elapsed(began, sample.printed) == pytest.approx(truth, abs=began.step_s + 1e-6)
        before = sample.printed


def test_metrics_json_tells_all_but_stamps() -> None:
    entries = [
        {"data_time": 0.125, "iteration": i, "lr": 0.1, "time": 0.5, "total_loss": 3.5}
        for i in range(19, 200, 20)
    ]
    found = samples_of(
        "".join(json.dumps(entry) + "\n" for entry in entries),
        LogFormat(format="detectron2-metrics"),
    )
    assert [(s.last, s.seconds, s.data_s, s.rounding_s) for s in found][:2] == [
        (20, 10, 2.5, 0),
        (40, 10, 2.5, 0),
    ]


def test_a_mean_of_twenty_says_nothing_of_forty() -> None:
    lines = renderers.detectron2([0.5] * 240, 16)
    del lines[5]
    found = samples_of("".join(lines), LogFormat(format="detectron2"))
    gap = next(sample for sample in found if sample.count == 40)
    assert gap.data_s is None
    assert all(sample.data_s is not None for sample in found if sample is not gap)


@pytest.mark.parametrize(
    ("timing", "seconds", "rounding_s", "data_s"),
    [
        ("interval_mean", 5.0, 0.05, 2.0),
        ("interval_total", 0.5, 0.005, 0.2),
        ("rate", 320.0, 3.2323, 0.2),
        ("running_mean", 5.0, 0.15, 2.0),
    ],
)
def test_a_recipes_own_pattern_tells_its_wait(
    timing: Timing, seconds: float, rounding_s: float, data_s: float
) -> None:
    text = "".join(f"2026-05-23 23:57:{i:02d} s{i} took 0.50, waited 0.2;\n" for i in (10, 20, 30))
    pattern = r"s(?P<iteration>\d+) took (?P<value>[\d.]+), waited (?P<data>[\d.]+);"
    found = samples_of(text, LogFormat(pattern=pattern, timing=timing, every=10))[1]
    assert found.last == 20
    assert found.seconds == pytest.approx(seconds)
    assert found.rounding_s == pytest.approx(rounding_s, rel=1e-4)
    assert found.data_s == pytest.approx(data_s)
    assert found.printed is not None


def test_the_worth_of_digits() -> None:
    assert last_digit(b"0.2701") == pytest.approx(1e-4)
    assert last_digit(b"3") == 1
    assert last_digit(b"1.5e-05") == pytest.approx(1e-6)
    assert last_digit(b"1e999") == math.inf
    assert last_digit(b"nan") == 0
    assert significant_step(49.9, 5) == pytest.approx(1e-3)
    assert significant_step(0.42459, 5) == pytest.approx(1e-5)
    assert significant_step(0.0, 5) == 0
