"""Parsers: each format's numbers turned back into the seconds that they were made of."""

import itertools
from collections.abc import Iterable, Sequence
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

import renderers
from formats import FORMATS, ITERATIONS, WINDOW, log_format, measured
from mrbench.errors import MrbenchError, RecipeError
from mrbench.measure.log.blocks import whole_lines
from mrbench.measure.parsers import FORMAT_NAMES, parse_samples, resolve_format
from mrbench.measure.window import measure
from mrbench.model.inputs import Window
from mrbench.model.logformat import LogFormat
from mrbench.model.measurement import IterationSample

RENDERERS: list[renderers.Render] = [render for _, render, _, _ in FORMATS]
IDS = [f"{render.__name__}" for render in RENDERERS]

times = st.floats(0.05, 4.0)
slow_start = st.floats(1.0, 20.0)


@st.composite
def training(draw: st.DrawFn) -> list[float]:
    """Seconds per iteration with a slow start, a trend, jitter and stalls."""
    base, trend = draw(times), draw(st.floats(-0.5, 1.0))
    jitter = draw(st.lists(st.floats(0.7, 1.5), min_size=7, max_size=7))
    seconds = [
        base * (1 + trend * i / ITERATIONS) * jitter[i % 7 * (i // 3) % 7]
        for i in range(ITERATIONS)
    ]
    seconds[0] *= draw(slow_start)
    for at in draw(st.lists(st.integers(0, ITERATIONS - 1), max_size=4)):
        seconds[at] += 3.0
    return seconds


def cut(text: bytes, sizes: Sequence[int]) -> Iterable[bytes]:
    """Hand out the bytes in chunks of these sizes, over and over."""
    at = turn = 0
    while at < len(text):
        size = sizes[turn % len(sizes)]
        yield text[at : at + size]
        at, turn = at + size, turn + 1


def samples_of(text: str, log: LogFormat) -> list[IterationSample]:
    return list(parse_samples(whole_lines([text.encode()]), log, 16))


@pytest.mark.parametrize(("name", "render", "absolute", "relative"), FORMATS, ids=IDS)
@given(seconds=training(), sizes=st.lists(st.integers(1, 5000), min_size=1, max_size=5))
@settings(max_examples=20)
def test_the_window_is_right_to_the_logs_resolution(
    name: str,
    render: renderers.Render,
    absolute: float,
    relative: float,
    seconds: list[float],
    sizes: list[int],
) -> None:
    text = "".join(render(seconds, 16)).encode()
    samples = list(parse_samples(whole_lines(cut(text, sizes)), log_format(name), 16))
    found = measure(samples, WINDOW, 16)
    assert found.status == "ok", found.reason
    assert found.first in (101, 102)  # Detectron, SimpleDet and torchvision count from 0
    assert found.last in (500, 501)
    assert found.iterations == 400
    assert found.seconds_per_iteration is not None
    truth = sum(seconds[found.first - 1 : found.last])
    bound = absolute + relative * truth + 1e-9
    assert abs(found.seconds_per_iteration * 400 - truth) <= bound
    assert measured(text, name) == found  # a hint at the window changes nothing
    assert all(text[: s.ended_at].count(b"\n") <= text.count(b"\n") for s in samples)


@pytest.mark.parametrize(("name", "render", "_absolute", "_relative"), FORMATS, ids=IDS)
def test_offsets_stand_behind_the_mark(
    name: str, render: renderers.Render, _absolute: float, _relative: float
) -> None:
    text = "".join(render([0.5] * 220, 16)).encode()
    for cutting in ([10**6], [7, 300]):
        samples = list(parse_samples(whole_lines(cut(text, cutting)), log_format(name), 16))
        ends = [s.ended_at for s in samples]
        assert len(ends) > 1
        assert ends == sorted(set(ends))
        assert all(0 < end <= len(text) for end in ends)
        # What stands before the offset is all that the sample needs.
        again = list(parse_samples(whole_lines([text[: ends[-1]]]), log_format(name), 16))
        assert again[-1].last == samples[-1].last


@given(
    name=st.sampled_from(FORMAT_NAMES),
    junk=st.lists(
        st.one_of(
            st.binary(max_size=200),
            st.sampled_from(
                [line.encode() for render in RENDERERS for line in render([0.5] * 120, 16)[:8]]
            ),
        ),
        max_size=30,
    ),
    wounds=st.lists(st.tuples(st.integers(0, 10**4), st.binary(max_size=3)), max_size=20),
)
@settings(max_examples=300)
def test_junk_yields_a_refusal_at_worst(
    name: str, junk: list[bytes], wounds: list[tuple[int, bytes]]
) -> None:
    text = bytearray(b"".join(junk))
    for at, what in wounds:
        text[at : at + 2] = what
    try:
        found = measured(bytes(text), name)
    except MrbenchError:
        return
    assert (found.status == "ok") == (found.seconds_per_iteration is not None)


@pytest.mark.parametrize(("name", "render", "_absolute", "_relative"), FORMATS, ids=IDS)
def test_who_follows_a_training_sees_it_pass_the_window(
    name: str, render: renderers.Render, _absolute: float, _relative: float
) -> None:
    text = "".join(render([0.5] * 1000, 16)).encode()
    followed = parse_samples(whole_lines([text]), log_format(name), 16, WINDOW)
    enough = next(s for s in followed if s.last >= WINDOW.last + s.count)
    assert enough.last <= (600 if name == "gluoncv" else 551)


def test_ranks_that_all_print_count_once_and_are_meaned_where_means_run() -> None:
    # Rank 1 started 2 s later: its running mean minus the other's is no interval.
    one = renderers.maskrcnn_benchmark([0.5] * 540, 16)
    two = renderers.maskrcnn_benchmark([2.5] + [0.5] * 539, 16)
    pairs = list(zip(one, two, strict=True))
    mixed = [line for i, pair in enumerate(pairs) for line in pair[:: -1 if i > 20 else 1]]
    found = measured("".join(mixed).encode(), "maskrcnn-benchmark")
    assert found.iterations == 400
    assert found.processes == 1
    assert found.seconds_per_iteration == pytest.approx(0.5, abs=2e-4)


def test_tensorpacks_ranks_print_one_line_into_the_others() -> None:
    one, two = renderers.tensorpack([0.5] * 540, 8), renderers.tensorpack([0.6] * 540, 8)
    mixed = [line for pair in zip(one, two, strict=True) for line in pair]
    found = measured("".join(mixed).encode(), "tensorpack", 8)
    assert (found.iterations, found.processes) == (400, 1)
    assert found.seconds_per_iteration == pytest.approx(0.5, rel=1e-4)


def test_a_loss_counts_that_tensorpacks_first_rank_prints_after_the_others_went_on() -> None:
    lines = renderers.tensorpack([0.5] * 540, 8)
    epochs = [lines[i : i + 4] for i in range(0, len(lines), 4)]
    # Start, finished and throughput of the other rank; then this one's, with the loss.
    text = epochs[0][0]
    for here, after in itertools.pairwise(epochs):
        text += "".join([*here[1:3], after[0], *here[1:], after[0]])
    text += "".join(epochs[-1][1:])
    assert measured(text.encode(), "tensorpack", 8).status == "ok"
    bad = text.replace("total_cost: 8.8142", "total_cost: nan", 5)
    assert measured(bad.encode(), "tensorpack", 8).status == "diverged"


def test_a_restart_begins_a_new_process_and_the_last_that_covers_counts() -> None:
    first, second = renderers.detectron2([0.5] * 540, 16), renderers.detectron2([0.7] * 540, 16)
    third = renderers.detectron2([0.9] * 60, 16)
    found = measured("".join(first[:15] + second + third).encode(), "detectron2")
    assert found.processes == 3
    assert found.seconds_per_iteration == pytest.approx(0.7, abs=1e-4)
    assert "3 processes" in found.warnings[-1]
    # Without the headlines the numbers that fall back tell.
    bare = [line for line in first[:15] + second + third if "Starting" not in line]
    again = measured("".join(bare).encode(), "detectron2")
    assert replace(again, lines=None) == replace(found, lines=None)  # they stand elsewhere


def test_a_restart_is_seen_behind_the_window_too() -> None:
    lines = [*renderers.minimask([0.5] * 2000, 16), *renderers.minimask([0.7] * 540, 16)]
    text = "".join(lines).encode()
    hinted = measured(text, "minimask")
    assert hinted == measure(
        parse_samples(whole_lines([text]), LogFormat(format="minimask"), 16), WINDOW, 16
    )
    assert hinted.seconds_per_iteration == pytest.approx(0.7)
    short = list(parse_samples(whole_lines([text]), LogFormat(format="minimask"), 16, WINDOW))
    assert [s.last for s in short] == [*range(20, 1521, 20), *range(20, 541, 20)]


def test_a_resumed_running_mean_is_undone_only_from_where_it_began() -> None:
    lines = renderers.detectron2([0.5] * 540, 16)
    window = Window(first=1100, last=1500)
    head = "[10/18 16:47:49 d2.engine.train_loop]: Starting training from iteration 1000\n"
    shifted = [
        line.replace(f"iter: {i}  ", f"iter: {i + 1000}  ")
        for i, line in zip(range(19, 540, 20), lines[1:], strict=False)
    ]
    log = LogFormat(format="detectron2")
    whole = "".join([head, *shifted]).encode()
    known = measure(parse_samples(whole_lines([whole]), log, 16), window, 16)
    assert known.seconds_per_iteration == pytest.approx(0.5, abs=1e-4)
    bare = "".join(line.partition("]: ")[2] for line in shifted).encode()
    unknown = measure(parse_samples(whole_lines([bare]), log, 16), window, 16)
    assert unknown.status == "incomplete_window"
    assert "did not begin at iteration 1" in unknown.reason


def test_epochs_shorter_than_the_window_leave_holes_that_are_told() -> None:
    line = "2021-07-03 11:07:16,138 - mmdet - INFO - Epoch [{}][{}/271]\ttime: {:.3f}, loss: 0.68\n"
    text = "".join(line.format(e, i, 0.8) for e in (1, 2, 3) for i in range(50, 271, 50))
    found = measured(text.encode(), "mmdetection")
    assert (found.status, found.first, found.last, found.iterations) == ("ok", 101, 471, 350)
    assert found.seconds_per_iteration == pytest.approx(0.8)
    assert any("350 of 371" in warning for warning in found.warnings)


def test_a_mark_lost_within_a_running_mean_is_no_hole_but_in_an_interval_it_is() -> None:
    running = renderers.detectron2([0.5] * 540, 16)
    del running[10:13]
    assert measured("".join(running).encode(), "detectron2").iterations == 400
    interval = renderers.minimask([0.5] * 540, 16)
    del interval[10:13]
    found = measured("".join(interval).encode(), "minimask")
    assert found.iterations == 340
    assert found.seconds_per_iteration == pytest.approx(0.5, abs=1e-4)


def test_a_loss_of_nan_is_still_a_mark() -> None:
    lines = [line.replace("4.146", "nan") for line in renderers.detectron2([0.5] * 540, 16)]
    found = measured("".join(lines).encode(), "detectron2")
    assert (found.status, found.throughput) == ("diverged", None)
    assert found.reason.endswith("iteration 120")


def test_time_that_contains_a_validation_is_unknown() -> None:
    text = "".join(renderers.keras([0.5] * 540, 16)).replace("e+00\n", "e+00 - val_loss: 1.2\n")
    assert measured(text.encode(), "matterport").status == "incomplete_window"


def test_a_recipes_own_pattern_reads_a_log_that_no_format_fits() -> None:
    text = "".join(f"step {i}, ms/step 250.0, loss 1.5\n" for i in range(9, 540, 10))
    pattern = r"^step (?P<iteration>\d+), ms/step (?P<value>[\d.]+), loss (?P<loss>\S+)"
    log = LogFormat(pattern=pattern, timing="interval_mean", every=10, counts_from=0)
    found = samples_of(text, log)
    end = len("step 9, ms/step 250.0, loss 1.5")
    assert found[0] == IterationSample(10, 10, 2.5, end, None, 1.5, rounding_s=0.0005, begins=True)
    assert fmean(s.seconds for s in found) == 2.5
    total = LogFormat(pattern=pattern, timing="interval_total", every=10, counts_from=0)
    assert samples_of(text, total)[-1].seconds == 0.25
    rate = LogFormat(pattern=pattern, timing="rate", every=10, counts_from=0)
    assert samples_of(text, rate)[-1].seconds == pytest.approx(10 * 16 / 250)


@pytest.mark.parametrize(
    ("log", "says"),
    [
        (LogFormat(pattern="(", timing="rate"), "not a valid regular expression"),
        (LogFormat(pattern=r"(?P<iteration>\d+)", timing="rate"), "'value'"),
        (LogFormat(pattern=r"(?P<iteration>\d+) (?P<value>\d+)"), "`timing`"),
        (LogFormat(format="detectron3"), "did you mean 'detectron"),
        (LogFormat(format="zzz"), "known are detectron2, "),
    ],
)
def test_a_format_that_cannot_be_is_refused(log: LogFormat, says: str) -> None:
    with pytest.raises(RecipeError, match=says.replace("(", r"\(")):
        resolve_format(log)


def test_a_pattern_that_matches_no_number_finds_nothing() -> None:
    log = LogFormat(pattern=r"(?P<iteration>\w+) (?P<value>\S*)", timing="rate", every=1)
    assert samples_of("abc def\n12 x\n13 0\n", log)[0].last == 13
