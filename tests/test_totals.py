"""Totals that a log prints elsewhere, as a further clock over iterations of their own."""

from collections.abc import Callable

import pytest

from mrbench.measure.log.blocks import whole_lines
from mrbench.measure.parsers import parse_samples, resolve_format
from mrbench.measure.totals import Totals
from mrbench.measure.window import measure
from mrbench.model.inputs import Window
from mrbench.model.logformat import LogFormat
from mrbench.model.measurement import Measurement

WINDOW = Window(first=100, last=300)
FINISHED = "[0913 16:46:17 @base.py:275] Epoch 1 (global_step 400) finished,"
PATTERN = r"step (?P<iteration>\d+) time (?P<value>[\d.]+) s"


def read(text: str, log: LogFormat, images: int = 16, window: Window = WINDOW) -> Measurement:
    resolved = resolve_format(log)
    totals = Totals(resolved, window)
    blocks = totals.watch(whole_lines([text.encode()]))
    return measure(
        parse_samples(blocks, log, images, window), window, images, log=resolved, totals=totals
    )


def gluoncv(cost: float, speed: Callable[[int], float], epochs: int = 1, length: int = 400) -> str:
    lines = []
    for epoch in range(epochs):
        lines += [
            f"[Epoch {epoch}][Batch {batch}], Speed: {speed(batch):.3f} samples/sec, ObjLoss=1.0\n"
            for batch in range(49, length, 50)
        ]
        lines.append(f"[Epoch {epoch}] Training cost: {cost:.3f}, ObjLoss=1.0\n")
    return "".join(lines)


GLUONCV = LogFormat(format="gluoncv")


def test_speeds_of_single_batches_are_refuted_by_the_epochs_cost() -> None:
    """YOLO3 prints the speed of one batch with the line that means a mean in other scripts."""
    mean = read(gluoncv(400 * 0.5, lambda _: 32.0), GLUONCV)
    assert mean.throughput == pytest.approx(32)
    assert mean.compared is not None
    assert [(c.clock, c.name, c.first, c.last) for c in mean.compared] == [
        ("total", "its 'Training cost'", 1, 400)
    ]
    single = read(gluoncv(400 * 0.5, lambda batch: 20.0 if batch % 100 == 49 else 12.0), GLUONCV)
    assert (single.status, single.throughput) == ("clocks_disagree", None)
    assert "iterations 1-400 took 426.7 s, by its 'Training cost' 200 s" in single.reason
    assert "0.5 s an iteration" in single.reason
    assert "that of one batch" in single.reason
    batch = read(gluoncv(400 * 0.5, lambda _: 8.0), GLUONCV)
    assert "iterations of 4 images, not of 16" in batch.reason


def test_a_total_near_the_figures_does_not_make_single_batches_a_mean() -> None:
    near = read(gluoncv(400 * 0.5 * 1.006, lambda _: 32.0), GLUONCV)
    assert (near.status, near.throughput) == ("incomplete_window", None)
    assert "one batch" in near.reason


def test_of_several_epochs_the_one_with_most_of_the_window_counts() -> None:
    text = gluoncv(100 * 0.5, lambda _: 32.0, epochs=4, length=100)
    found = read(text.replace("ObjLoss", "RPN_Conf"), GLUONCV)
    assert found.compared is not None
    assert (found.status, [(c.first, c.last) for c in found.compared]) == ("ok", [(101, 200)])
    assert found.warnings == ()


@pytest.mark.parametrize(("length", "epochs"), [(130, 5), (640, 1)])
def test_epochs_of_unknown_length_are_told(length: int, epochs: int) -> None:
    """Lines after 50 and 100 of 130 iterations: nothing tells of the last 30, nor that they are."""
    text = gluoncv(length * 0.5, lambda _: 32.0, epochs=epochs, length=length)
    found = read(text.replace("ObjLoss", "RPN_Conf"), GLUONCV)
    told = [text for text in found.warnings if "how long an epoch is" in text]
    assert (found.status, len(told)) == ("ok", int(epochs > 1))


def test_totals_far_behind_the_window_are_not_held_against_figures_that_were_not_read() -> None:
    text = "".join(f"step {i} time 0.500 s\n" for i in range(10, 5001, 10))
    text += "{'train_runtime': 900.0, 'train_loss': 1.0}\n"
    log = LogFormat(pattern=PATTERN, timing="interval_mean")
    found = read(text, log)
    assert (found.status, found.compared) == ("ok", ())


@pytest.mark.parametrize(
    ("total", "agrees"),
    [
        ("{'train_runtime': 201.0, 'train_samples_per_second': 32.0}", True),
        ("{'train_runtime': '0.2', 'train_loss': '1.0'}", False),
        ("{'train_runtime': 390.0}", True),  # it may have evaluated besides
        ("Epoch: [0] Total time: 0:03:21 (0.5025 s / it)", True),
        ("Epoch: [0] Total time: 1 day, 0:03:21", False),
        ("Test: Total time: 0:00:09 (0.1844 s / it)", True),
        ("EPOCH 0 training takes 0:03:20", True),
        ("INFO:root:Epoch[0] Time cost=100.250", False),
        (f"{FINISHED} time:3 minutes 20 seconds.", True),
        (f"{FINISHED} time:46.1 seconds.", False),
    ],
)
def test_the_totals_that_are_known(total: str, *, agrees: bool) -> None:
    text = "".join(f"step {i} time 0.500 s\n" for i in range(10, 401, 10)) + total + "\n"
    found = read(text, LogFormat(pattern=PATTERN, timing="interval_mean"))
    assert found.status == ("ok" if agrees else "clocks_disagree"), found.reason
    assert bool(found.compared) == ("Test:" not in total)


def test_a_total_decides_between_the_log_and_its_stamps() -> None:
    """An evaluation stands within the stamps, but not within the epoch's own time."""
    lines = [
        f"2026-03-01 12:{(i // 2 + 200 * (i > 200)) // 60:02}:{(i // 2 + 200 * (i > 200)) % 60:02}"
        f" step {i} time 0.500 s\n"
        for i in range(10, 401, 10)
    ]
    log = LogFormat(pattern=PATTERN, timing="interval_mean")
    assert read("".join(lines), log).status == "clocks_disagree"
    found = read("".join(lines) + "Epoch: [0] Total time: 0:03:20 (0.5000 s / it)\n", log)
    assert found.seconds_per_iteration == pytest.approx(0.5)
    assert any("the totals agree with the log's figures" in text for text in found.warnings)


@pytest.mark.parametrize(("each", "told"), [(0.503, False), (0.48, True), (0.55, True)])
def test_a_total_that_differs_by_less_than_much_is_a_note(each: float, *, told: bool) -> None:
    text = "".join(f"step {i} time 0.500 s\n" for i in range(10, 401, 10))
    text += f"Epoch: [0] Total time: 0:03:20 ({each:.4f} s / it)\n"
    found = read(text, LogFormat(pattern=PATTERN, timing="interval_mean"))
    assert found.status == "ok"
    assert any("by its 'Total time'" in warning for warning in found.warnings) == told
