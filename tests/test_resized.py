"""A training that gives itself another batch than it was told has no number by the old one."""

import pytest

from mrbench.measure.log.blocks import whole_lines
from mrbench.measure.parsers import parse_samples
from mrbench.measure.totals import Totals
from mrbench.measure.window import measure
from mrbench.model.inputs import Window
from mrbench.model.logformat import LogFormat
from mrbench.model.measurement import Measurement

WINDOW = Window(first=100, last=300)
LOG = LogFormat(pattern=r"step (?P<iteration>\d+) time (?P<value>[\d.]+) s", timing="interval_mean")
OOM = "WARNING CUDA out of memory with batch=16. Reducing to batch=8 and retrying (1/3).\n"


def read(text: str, images: int = 16) -> Measurement:
    totals = Totals(LOG, WINDOW)
    blocks = totals.watch(whole_lines([text.encode()]))
    samples = parse_samples(blocks, LOG, images, WINDOW)
    return measure(samples, WINDOW, images, log=LOG, totals=totals)


def steps(first: int, last: int) -> str:
    return "".join(f"step {i} time 0.500 s\n" for i in range(first, last + 1, 10))


@pytest.mark.parametrize(
    "line",
    [
        OOM,
        "AutoBatch: Using batch-size 8 for CUDA:0 2.1G/8.0G (26%)",
        "Decreasing batch size to: 8.",
        "Reducing batch size from 16 to 8 after OOM",
        "global batch_size has been reduced to 8",
        "Batch size 16 failed, trying batch size 8",
        "batch_size 16 failed with OOM, trying 8",
        "Finished batch size finder, will continue with full run using batch size 8",
    ],
)
def test_a_batch_that_the_training_chose_itself_is_no_number_by_the_plans(line: str) -> None:
    found = read(f"{line.strip()}\n{steps(10, 400)}")
    assert (found.status, found.throughput) == ("incomplete_window", None)
    assert f"16 images per iteration are wrong: {line.strip()}" in found.reason
    assert "--work-per-iteration 8" in found.remedy
    assert read(f"{line.strip()}\n{steps(10, 400)}", images=8).throughput == 16


def test_within_the_window_no_batch_is_right_and_behind_it_none_matters() -> None:
    inside = steps(10, 200) + OOM + steps(210, 400)
    assert read(inside).throughput is None
    assert read(inside, images=8).throughput is None
    assert read(steps(10, 310) + OOM + steps(320, 400)).throughput == 32


@pytest.mark.parametrize(
    "line",
    [
        "reducing the batch size by 50 % may help",
        "Consider decreasing batch size to fit",
        "lowering batch norm momentum to 0.1",
        "Using batch size 2 per GPU",
        "batch_size: 16",
        "reduced loss to 8 within a batch",
    ],
)
def test_what_changes_no_batch(line: str) -> None:
    assert read(f"{line}\n{steps(10, 400)}").throughput == 32
