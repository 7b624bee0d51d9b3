"""Logs that were harmed on their way: the right number, or none; never a wrong one."""

import math
import random
from itertools import pairwise
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import renderers
import wounds
from formats import FORMATS, ITERATIONS, WINDOW, log_format, measured
from mrbench.measure.log.blocks import whole_lines
from mrbench.measure.parsers import parse_samples

IDS = [render.__name__ for _, render, _, _ in FORMATS]
# Of what a line tells, where a longer step may be the log's own: these have no usual interval.
INTERVAL = {"mxnet": 20, "gluoncv": 100, "mllog": 50, "yolox": 20, "paddledetection": 20}
JSON_FILES = ("tensorpack-stats",)  # one line: nothing can come between

seeds = st.integers(0, 10**9)
trainings = st.lists(st.floats(0.02, 4.0), min_size=11, max_size=11).map(
    lambda few: [few[i * i % 11] * (1 + 0.3 * math.sin(i)) for i in range(ITERATIONS)]
)


def rendered(render: renderers.Render, seconds: list[float]) -> list[bytes]:
    return [line.encode() for line in render(seconds, 16)]


def check_samples(text: bytes, name: str, seconds: list[float]) -> int:
    """Hold each sample's seconds against the truth, to within the log's own digits."""
    samples = list(parse_samples(whole_lines([text]), log_format(name), 16))
    for sample in samples:
        if math.isnan(sample.seconds):
            continue
        over = min(sample.count, INTERVAL.get(name, sample.count))
        truth = fmean(seconds[sample.last - over : sample.last]) * sample.count
        wrong = abs(sample.seconds - truth)
        assert wrong <= sample.rounding_s * 1.001 + 1e-9 * truth, sample
    return len(samples)


def check_measured(
    text: bytes, name: str, seconds: list[float], bounds: tuple[float, float]
) -> None:
    """Hold the window's number, if there is one, against the truth."""
    found = measured(text, name)
    if found.status != "ok":
        assert found.throughput is None
        return
    assert found.seconds_per_iteration is not None
    assert found.first is not None
    assert found.last is not None
    if found.clock == "printed":
        bounds = (1.0, 0)  # where the log's seconds are unknown, its time stamps serve
    elif name == "tensorpack":
        bounds = (8 * 0.5, 5e-3)  # where the rate is lost, the epoch's time serves
    truth = sum(seconds[found.first - 1 : found.last])
    hole = found.last - found.first + 1 - found.iterations
    error = abs(found.seconds_per_iteration * (found.iterations + hole) - truth)
    most = max(seconds) - min(seconds)
    assert error <= bounds[0] + bounds[1] * truth + hole * most + 1e-9


@pytest.mark.parametrize("wound", wounds.HARMLESS)
@pytest.mark.parametrize(("name", "render", "absolute", "relative"), FORMATS, ids=IDS)
@given(seconds=trainings, seed=seeds)
@settings(max_examples=4)
def test_what_is_harmless_changes_nothing(
    name: str,
    render: renderers.Render,
    absolute: float,
    relative: float,
    wound: wounds.Wound,
    seconds: list[float],
    seed: int,
) -> None:
    lines = rendered(render, seconds)
    if name in JSON_FILES and wound in (wounds.ranks, wounds.colours):
        return  # a file of its own, into which no launcher writes
    text = b"".join(wound(lines, random.Random(seed)))
    found = measured(text, name)
    assert found.status == "ok", found.reason
    assert found.iterations == WINDOW.last - WINDOW.first
    assert found.seconds_per_iteration is not None
    assert found.first is not None
    truth = sum(seconds[found.first - 1 : found.last])
    assert abs(found.seconds_per_iteration * 400 - truth) <= absolute + relative * truth + 1e-9
    check_samples(text, name, seconds)


@pytest.mark.parametrize("wound", [wounds.collapsed, wounds.more_fields])
@pytest.mark.parametrize(
    ("name", "render"),
    [(name, render) for name, render, _, _ in FORMATS if "json" not in render.__name__],
)
def test_blanks_and_other_fields_change_nothing(
    name: str, render: renderers.Render, wound: wounds.Wound
) -> None:
    seconds = [0.2 + 0.01 * (i * i % 7) for i in range(ITERATIONS)]
    lines = rendered(render, seconds)
    rng = random.Random(name)
    one, two = measured(b"".join(lines), name), measured(b"".join(wound(lines, rng)), name)
    assert two.status == "ok", two.reason
    assert two.seconds_per_iteration == one.seconds_per_iteration
    assert two.data_share == one.data_share


@pytest.mark.parametrize(("name", "render", "_absolute", "_relative"), FORMATS, ids=IDS)
@given(seconds=trainings, where=st.floats(0, 1))
@settings(max_examples=40)
def test_a_log_that_breaks_off_anywhere_tells_nothing_wrong(
    name: str,
    render: renderers.Render,
    _absolute: float,
    _relative: float,
    seconds: list[float],
    where: float,
) -> None:
    text = b"".join(rendered(render, seconds))
    check_samples(text[: int(where * len(text))], name, seconds)


@pytest.mark.parametrize(("name", "render", "_absolute", "_relative"), FORMATS, ids=IDS)
def test_a_last_line_that_is_cut_off_yields_no_shorter_number(
    name: str, render: renderers.Render, _absolute: float, _relative: float
) -> None:
    seconds = [0.123456 + 0.01 * (i * i % 7) for i in range(240)]
    lines = rendered(render, seconds)
    whole = check_samples(b"".join(lines), name, seconds)
    text = b"".join(lines)
    tail = min(len(text), 2 * max(len(line) for line in lines) + 400)
    counts = [check_samples(text[: len(text) - cut], name, seconds) for cut in range(tail)]
    assert counts[0] == whole
    assert all(abs(more - less) <= 1 or name in JSON_FILES for more, less in pairwise(counts))


@pytest.mark.parametrize("wrap", [wounds.wrapped, wounds.wrapped_at_words])
@pytest.mark.parametrize(("name", "render", "absolute", "relative"), FORMATS, ids=IDS)
@given(width=st.integers(40, 200), seconds=trainings)
@settings(max_examples=12)
def test_a_terminal_of_any_width_makes_no_wrong_number(
    name: str,
    render: renderers.Render,
    absolute: float,
    relative: float,
    wrap: object,
    width: int,
    seconds: list[float],
) -> None:
    assert callable(wrap)
    text = wrap(b"".join(rendered(render, seconds)), width)
    check_samples(text, name, seconds)
    check_measured(text, name, seconds, (absolute, relative))


@pytest.mark.parametrize(("name", "render", "absolute", "relative"), FORMATS, ids=IDS)
@given(
    seconds=trainings,
    # where every second line is lost from the beginning on, the interval seems to be twice as long
    lost=st.builds(
        frozenset.union,
        st.frozensets(st.floats(0, 0.999), max_size=1),
        st.frozensets(st.floats(0.45, 0.999), min_size=1, max_size=5),
    ),
)
@settings(max_examples=12)
def test_lines_that_are_lost_are_a_hole_or_told(
    name: str,
    render: renderers.Render,
    absolute: float,
    relative: float,
    seconds: list[float],
    lost: frozenset[float],
) -> None:
    lines = rendered(render, seconds)
    gone = {int(part * len(lines)) for part in lost}
    text = b"".join(line for i, line in enumerate(lines) if i not in gone)
    check_samples(text, name, seconds)
    check_measured(text, name, seconds, (absolute, relative))


def test_an_epoch_whose_rate_is_lost_does_not_take_the_next_ones() -> None:
    seconds = [1 + 0.1 * (i // 50) for i in range(ITERATIONS)]
    lines = rendered(renderers.tensorpack, seconds)
    *_, rate, _cost, start, end, _rate, _last = range(len(lines))
    assert b"Start Epoch 10" in lines[start]
    text = b"".join(line for i, line in enumerate(lines) if i not in (rate, start, end))
    check_samples(text, "tensorpack", seconds)


@pytest.mark.parametrize(
    ("name", "render"), [(name, render) for name, render, _, _ in FORMATS if name == "matterport"]
)
def test_an_epoch_whose_end_is_lost_does_not_take_the_next_ones_seconds(
    name: str, render: renderers.Render
) -> None:
    seconds = [0.5 + 0.5 * (i // 50) for i in range(ITERATIONS)]
    lines = rendered(render, seconds)
    ends = [i for i, line in enumerate(lines) if b"/step" in line]
    assert b"Epoch" in lines[ends[0] + 1]
    del lines[ends[0] : ends[0] + 2]
    check_samples(b"".join(lines), name, seconds)
