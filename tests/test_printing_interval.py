"""The printing interval is what a log's own lines show, whatever its format's usual one is."""

import renderers
from formats import WINDOW, measured
from mrbench.measure.log.blocks import whole_lines
from mrbench.measure.parsers import parse_samples
from mrbench.measure.window import measure
from mrbench.model.logformat import LogFormat

MMDET = "2021-08-17 17:00:20,000 - mmdet - INFO - Epoch [{}][{}/{}]\ttime: {:.3f}, loss: 1.0000\n"


def mmdetection(length: int, every: int, *, tail: bool) -> tuple[bytes, list[float]]:
    """Return an mmcv log of epochs of that length, and the seconds that it was made of."""
    seconds = [0.2 + 0.1 * (i // 10 % 7) for i in range(840)]
    text = ""
    for epoch in range(1, len(seconds) // length + 1):
        ends = [*range(every, length + 1, every)]
        ends += [length] if tail and length % every else []
        for began, end in zip([0, *ends], ends, strict=False):
            first = (epoch - 1) * length + began
            mean = sum(seconds[first : first + end - began]) / (end - began)
            text += MMDET.format(epoch, end, length, mean)
    return text.encode(), seconds


def test_lines_farther_apart_than_usual_tell_of_all_iterations_between_them() -> None:
    text, seconds = mmdetection(840, 100, tail=False)
    found = measured(text, "mmdetection")
    assert (found.first, found.last, found.iterations) == (101, 500, 400)
    assert found.seconds_per_iteration is not None
    assert abs(found.seconds_per_iteration * 400 - sum(seconds[100:500])) < 400 * 0.0005
    lines = text.splitlines(keepends=True)
    lost = measured(b"".join(lines[:2] + lines[3:]), "mmdetection")
    assert (lost.iterations, lost.warnings) == (300, ("only 300 of 400 iterations are in the log",))


def test_the_short_line_at_an_epochs_end_is_not_the_interval() -> None:
    text, seconds = mmdetection(130, 50, tail=True)
    found = measured(text, "mmdetection")
    assert (found.first, found.last, found.iterations) == (101, 490, 390)
    assert found.seconds_per_iteration is not None
    assert abs(found.seconds_per_iteration * 390 - sum(seconds[100:490])) < 390 * 0.0005


def test_speedometers_interval_is_the_lines_own() -> None:
    for name, every in (("simpledet", 20), ("simpledet", 50), ("mxnet", 20), ("gluoncv", 50)):
        first = every - (name == "gluoncv")
        text = "".join(
            f"[Epoch 0][Batch {k}], Speed: {8 + k / 1000:.3f} samples/sec, RPNAcc=0.9\n"
            if name == "gluoncv"
            else f"Epoch[0] Batch [{k}]\tSpeed: {8 + k / 1000:.3f} samples/sec\tTrain-Acc=0.5,\n"
            for k in range(first, 700, every)
        )
        found = measured(text.encode(), name)
        assert (found.status, found.iterations) == ("ok", 400), name


def test_a_bar_that_is_not_always_redrawn_has_no_interval() -> None:
    steps = [i for i in range(1, 600) if i % 3 and i % 7]
    text = "".join(f"{i}/600 [00:30, {0.1 * (i // 50):.2f}s/it]\n" for i in steps)
    log = LogFormat(
        pattern=r"^(?P<iteration>\d+)/600 \[00:30, (?P<value>[\d.]+)s/it",
        timing="interval_mean",
        every=1,
    )
    found = measure(parse_samples(whole_lines([text.encode()]), log, 16, WINDOW), WINDOW, 16)
    assert (found.status, found.first, found.last, found.iterations) == ("ok", 101, 500, 400)


def test_a_torn_line_of_one_of_several_ranks_counts_as_missing() -> None:
    one = renderers.maskrcnn_benchmark([0.5] * 540, 16)[1::2]
    two = renderers.maskrcnn_benchmark([8.5] + [0.5] * 539, 16)[1::2]
    pairs = [list(pair) for pair in zip(one, two, strict=True)]
    pairs[4][0] = pairs[4][0].partition(" time:")[0] + "\n"
    found = measured(
        "".join(line for pair in pairs for line in pair).encode(), "maskrcnn-benchmark"
    )
    assert (found.status, found.first, found.last) == ("ok", 121, 500)
    assert found.seconds_per_iteration is not None
    assert abs(found.seconds_per_iteration - 0.5) < 2e-4


def test_lines_may_come_regularly_over_epochs_ends_or_anew_in_each() -> None:
    pattern = r"epoch (?P<epoch>\d+) (?P<iteration>\d+)/(?P<per_epoch>\d+): (?P<value>[\d.]+) s"
    for length in (60, 130):
        text = "".join(
            f"epoch {1 + (i - 1) // length} {1 + (i - 1) % length}/{length}: 25.0 s\n"
            for i in range(50, 700, 50)
        )
        log = LogFormat(pattern=pattern, timing="interval_total")
        found = measure(parse_samples(whole_lines([text.encode()]), log, 16, WINDOW), WINDOW, 16)
        assert (found.iterations, found.seconds_per_iteration) == (400, 0.5)
    for length in (70, 130):
        text = "".join(
            f"epoch {e} {i}/{length}: 25.0 s\n" for e in range(1, 12) for i in range(50, length, 50)
        )
        found = measure(parse_samples(whole_lines([text.encode()]), log, 16, WINDOW), WINDOW, 16)
        assert found.status == ("ok" if length == 130 else "incomplete_window")
        assert found.seconds_per_iteration in (0.5, None)
