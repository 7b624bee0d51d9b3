"""The figures so far: those of the record in the end, whatever the log brings on the way."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from mrbench.console.plain import figures
from mrbench.measure.log.blocks import Block
from mrbench.measure.parsers import parse_samples
from mrbench.measure.window import measure
from mrbench.model.inputs import Window
from mrbench.model.measurement import IterationSample
from mrbench.model.plan import Plan
from mrbench.model.reporter import RunProgress
from mrbench.recipe import load
from mrbench.recipe.plan import make_plan
from mrbench.run.progress import MOST_TIMES, Progress
from toy import edit, make_suite


class ProgressRecorder:
    """A reporter that keeps its reports."""

    def __init__(self) -> None:
        self.reports: list[RunProgress] = []

    def progress(self, progress: RunProgress) -> None:
        self.reports.append(progress)


@pytest.fixture
def plan(tmp_path: Path, git: Callable[..., str]) -> Plan:
    """Return a plan with four images per iteration and the window 100:2100."""
    path = make_suite(tmp_path, git)
    edit(path.parent / "suite.yaml", "first: 10, last: 40", "first: 100, last: 2100")
    suite = load.read_suite(path.parent / "suite.yaml")
    return make_plan(load.load_file(path, suite_name="toys", suite=suite))


def shown(plan: Plan, samples: list[IterationSample]) -> list[RunProgress]:
    recorder: Any = ProgressRecorder()
    progress = Progress(plan, recorder)
    for sample in samples:
        progress.show(sample)
    return list(recorder.reports)


def test_in_the_end_it_is_what_will_be_measured(plan: Plan) -> None:
    samples = [
        IterationSample(i, 1, 0.1 + 0.03 * math.sin(i * i), 0, loss=2.0, data_s=0.01)
        for i in range(1, 2101)
    ]
    assert len(samples) - 100 > MOST_TIMES
    *_, last = shown(plan, samples)
    right = measure(samples, plan.window, plan.work_per_iteration)
    assert right.interval is not None
    assert last.throughput == pytest.approx(right.throughput)
    assert last.data_share == pytest.approx(right.data_share)
    assert last.half_width == pytest.approx(right.interval.half_width, rel=0.3)
    assert (last.iteration, last.end, last.loss) == (2100, 2101, 2.0)
    assert last.left_s == pytest.approx(right.seconds_per_iteration)


def test_the_first_line_of_a_resumed_training_does_not_count_within_the_window(plan: Plan) -> None:
    samples = [IterationSample(i, 20, 2.0, 0) for i in range(115, 2116, 20)]
    samples[0] = samples[0]._replace(seconds=300.0, begins=True)
    *_, last = shown(plan, samples)
    assert last.throughput == pytest.approx(40)
    assert last.throughput == measure(samples, plan.window, plan.work_per_iteration).throughput


def test_the_rate_is_of_the_work_that_the_log_counts(plan: Plan) -> None:
    samples = [IterationSample(i, 1, 0.1, 0, work=16.0) for i in range(1, 2101)]
    *_, last = shown(plan, samples)
    assert last.throughput == pytest.approx(160)
    assert last.throughput == measure(samples, plan.window, plan.work_per_iteration).throughput
    untold = [*samples[:1000], samples[1000]._replace(work=None), *samples[1001:]]
    *_, last = shown(plan, untold)
    assert last.throughput == measure(untold, plan.window, plan.work_per_iteration).throughput


def test_the_warm_up_has_no_rate_but_a_time_left(plan: Plan) -> None:
    first, second = shown(plan, [IterationSample(20, 20, 2.0, 0), IterationSample(40, 20, 4.0, 0)])
    assert first.throughput is second.throughput is None
    assert first.left_s is None  # of one line alone, with the start in it
    assert second.left_s == pytest.approx(2080 * 0.2)


@pytest.mark.parametrize("seconds", [math.nan, math.inf, 0.0, -1.0])
def test_seconds_that_are_none_are_left_out(plan: Plan, seconds: float) -> None:
    samples = [IterationSample(100, 100, seconds, 0), IterationSample(120, 20, seconds, 0)]
    samples += [IterationSample(i, 20, 2.0, 0) for i in range(140, 300, 20)]
    _, untimed, *_, last = shown(plan, samples)
    assert (untimed.throughput, untimed.half_width) == (None, None)
    assert untimed.left_s in (None, 0)
    assert last.throughput == pytest.approx(40)


def test_lines_without_seconds_are_timed_as_they_arrive(plan: Plan) -> None:
    log = structs.replace(plan.log, clock="arrival")
    recorder: Any = ProgressRecorder()
    now_s = 0.0
    progress = Progress(structs.replace(plan, log=log), recorder, clock=lambda: now_s)
    for i in range(20, 301, 20):
        now_s = i * 0.1 // 4 * 4  # two lines at each look
        progress.show(IterationSample(i, 20, math.nan, 0))
    rates = [report.throughput for report in recorder.reports]
    assert rates[:5] == [None] * 5  # the warm-up
    assert all(rate == pytest.approx(40, rel=0.7) for rate in rates if rate)
    last = recorder.reports[-1]
    assert last.throughput == pytest.approx(40)
    assert last.left_s == pytest.approx((2120 - 300) * 0.1)
    assert last.half_width is None, "the looks vary, not the training"
    assert figures(last).rate.endswith("img/s")


def test_what_is_not_timed_in_the_window_is_no_warm_up() -> None:
    window = Window(first=100, last=500)
    texts = [figures(RunProgress(iteration=i, end=520, window=window)).rate for i in (100, 120)]
    assert texts == ["warm-up", "measuring"]


def test_the_first_line_is_told_before_others_have_shown_its_interval(plan: Plan) -> None:
    recorder: Any = ProgressRecorder()
    lines = [f"iter: {i}/9999 loss: 2.5 time: 0.1 data_time: 0\n" for i in range(20, 301, 20)]
    before: list[list[int]] = []

    def arriving() -> Iterator[Block]:
        for i, line in enumerate(["model\n", *lines]):
            before.append([report.iteration for report in recorder.reports])
            yield i * 100, line.encode()

    log = structs.replace(plan.log, format="minimask", pattern=None, every=20)
    progress = Progress(structs.replace(plan, log=log), recorder)
    for sample in parse_samples(progress.at_once(arriving()), log, 4):
        progress.show(sample)
    assert before[1:3] == [[], [20]]
    told = [report.iteration for report in recorder.reports]
    assert told == list(range(20, 301, 20)), "each once"
