"""Two clocks: where they differ, which cause is named, and what the log itself says there."""

import math
from collections.abc import Callable, Iterator

import pytest

from mrbench.measure.clocks import with_evidence
from mrbench.measure.window import measure
from mrbench.model.inputs import Window
from mrbench.model.run import Disagreement, IterationSample, Measurement, Printed

WINDOW = Window(first=100, last=500)


class Arrivals:
    """Arrival times that are a function of the offset; a hundred bytes are an iteration."""

    def __init__(self, at: Callable[[int], float]) -> None:
        self.at = at


def samples(
    seconds: Callable[[int], float] = lambda _: 0.5,
    printed: Callable[[int], Printed | None] = lambda _: None,
    step: int = 20,
) -> Iterator[IterationSample]:
    """Yield a log of 540 iterations; both functions are of the iteration at the interval's end."""
    for last in range(step, 541, step):
        yield IterationSample(
            last, step, step * seconds(last), 100 * last, loss=1.0, printed=printed(last)
        )


def stamp(at_s: float, step_s: float = 1.0) -> Printed:
    return Printed(math.floor(at_s / step_s) * step_s, step_s, math.inf)


def disagreement(found: Measurement) -> Disagreement:
    assert found.disagreement is not None
    assert found.disagreement.text in found.warnings
    return found.disagreement


def test_an_evaluation_is_found_where_it_stands() -> None:
    def late(offset: int) -> float:  # ten seconds of evaluation after iteration 310
        return offset / 200 + (10 if offset > 31000 else 0)

    found = disagreement(measure(samples(), WINDOW, 16, stamps=Arrivals(late)))
    assert (found.cause, found.first, found.last) == ("evaluation_or_checkpoint", 301, 320)
    assert found.seconds == pytest.approx(10)
    assert "10.0 s more than the log tells in iterations 301-320" in found.text


def test_when_the_window_was() -> None:
    def late(offset: int) -> float:
        return 1000 + offset / 200

    found = measure(samples(), WINDOW, 16, stamps=Arrivals(late))
    assert (found.began_s, found.ended_s) == (1050, 1250)
    assert measure(samples(), WINDOW, 16).began_s is None
    whole = measure(samples(), Window(first=0, last=500), 16, stamps=Arrivals(late))
    assert (whole.began_s, whole.ended_s) == (1000, 1250), "the first mark's begin is worked out"


def test_several_checkpoints_are_all_named() -> None:
    def late(offset: int) -> float:
        return offset / 200 + 4 * (offset > 15000) + 4 * (offset > 30500) + 4 * (offset > 45500)

    found = disagreement(measure(samples(), WINDOW, 16, stamps=Arrivals(late)))
    assert found.cause == "evaluation_or_checkpoint"
    assert "in iterations 141-160, 301-320, 441-460" in found.text or "461-480" in found.text


def test_what_is_left_out_of_every_iteration_is_no_event() -> None:
    late = Arrivals(lambda offset: offset / 200 * 1.2)
    found = disagreement(measure(samples(), WINDOW, 16, stamps=late))
    assert (found.cause, found.first, found.last) == ("partial_clock", 101, 500)
    assert "everywhere alike" in found.text
    assert "data loading" in found.text


def test_output_in_bursts_is_buffered() -> None:
    late = Arrivals(lambda offset: math.ceil(offset / 13000) * 13000 / 200)
    found = disagreement(measure(samples(), WINDOW, 16, stamps=late))
    assert found.cause == "buffered_output"
    assert "PYTHONUNBUFFERED=1" in found.text


@pytest.mark.parametrize(
    ("factor", "says"), [(2.0, "more often than thought"), (500.0, "milliseconds")]
)
def test_figures_that_mean_something_else_are_a_changed_format(factor: float, says: str) -> None:
    stamps = Arrivals(lambda offset: offset / 200)
    seconds = 0.5 * factor if factor == 2.0 else 0.0005
    found = disagreement(measure(samples(lambda _: seconds), WINDOW, 16, stamps=stamps))
    assert found.cause == "changed_format"
    assert says in found.text
    assert "log.timing" in found.text


def test_printed_stamps_check_a_bare_log() -> None:
    found = measure(samples(printed=lambda i: stamp(0.5 * i)), WINDOW, 16)
    assert (found.clock, found.second_clock) == ("log", "printed")
    assert found.printed_seconds == pytest.approx(200, abs=1)
    assert found.agreement == pytest.approx(1, abs=0.005)
    assert found.agreement_error == pytest.approx(1 / 200)
    assert found.warnings == ()
    slow = measure(samples(printed=lambda i: stamp(0.5 * i + 20 * (i > 250))), WINDOW, 16)
    told = disagreement(slow)
    assert (told.cause, told.clock) == ("evaluation_or_checkpoint", "printed")
    assert (told.first, told.last) == (241, 260)


def test_a_coarse_stamp_is_not_held_against_the_log() -> None:
    fast = measure(samples(lambda _: 0.01, lambda i: stamp(0.01 * i)), WINDOW, 16)
    assert fast.disagreement is None  # 4 s by stamps of 1 s
    assert fast.second_clock is None  # it could tell nothing


def test_a_clock_that_was_set_is_no_evaluation() -> None:
    found = measure(
        samples(printed=lambda i: stamp(0.5 * i + 3600 * (i > 250), 1e-3)),
        WINDOW,
        16,
    )
    told = disagreement(found)
    assert told.cause == "clock_set"
    assert "set by +1 h in iterations 241-260" in told.text
    assert found.seconds_per_iteration == pytest.approx(0.5)
    back = measure(
        samples(printed=lambda i: stamp(9000 + 0.5 * i - 3600 * (i > 250), 1e-3)),
        WINDOW,
        16,
    )
    assert back.disagreement is None
    assert back.agreement == pytest.approx(1)  # that one interval is left out


def test_printed_stamps_lead_where_the_log_knows_no_seconds() -> None:
    found = measure(samples(lambda _: math.nan, lambda i: stamp(0.5 * i)), WINDOW, 16)
    assert (found.status, found.clock) == ("ok", "printed")
    assert found.seconds_per_iteration == pytest.approx(0.5, rel=0.005)
    assert found.rounding == pytest.approx(1 / 200, rel=0.01)
    assert found.interval is not None
    assert found.interval.low < 32 < found.interval.high
    assert "time stamps, 1 s apart" in found.warnings[0]
    none = measure(samples(lambda _: math.nan), WINDOW, 16)
    assert none.status == "incomplete_window"


def test_the_place_is_looked_up_in_the_log() -> None:
    def late(offset: int) -> float:
        return offset / 200 + (10 if offset > 31000 else 0)

    found = measure(samples(), WINDOW, 16, stamps=Arrivals(late))
    asked: list[tuple[int, int]] = []

    def read(begin: int, end: int) -> bytes:
        asked.append((begin, end))
        return (
            b"x\n[05/24 d2.evaluation.evaluator]: Start inference on 5000 images\nInference done\n"
        )

    better = with_evidence(found, read)
    assert asked == [(30000, 32000)]
    told = disagreement(better)
    assert told.text.endswith(
        "there the log tells of an evaluation:"
        " [05/24 d2.evaluation.evaluator]: Start inference on 5000 images"
    )
    saved = with_evidence(found, lambda *_: b"fvcore INFO: Saving checkpoint to model_0299.pth\n")
    assert "of a checkpoint: fvcore INFO: Saving" in disagreement(saved).text
    assert with_evidence(found, lambda *_: b"iter: 320 loss: 1\n") == found
    agreed = measure(samples(), WINDOW, 16)
    assert with_evidence(agreed, read) is agreed


def test_waiting_for_data_and_the_loss_are_told() -> None:
    marks = [s._replace(data_s=2.5, loss=10.0 - s.last / 100) for s in samples()]
    found = measure(marks, WINDOW, 16)
    assert found.data_share == pytest.approx(0.25)
    assert found.loss_first == pytest.approx(8.4)
    assert found.loss_last == pytest.approx(5.4)
    assert measure(samples(), WINDOW, 16).data_share is None


def test_the_interval_and_the_drift_are_of_the_window() -> None:
    noisy = list(samples(lambda i: 0.5 + 0.01 * math.sin(1.7 * i)))
    found = measure(noisy, WINDOW, 16)
    assert found.interval is not None
    assert found.interval.images_per_second == pytest.approx(found.images_per_second)
    assert 0.001 < found.interval.half_width / 32 < 0.01
    assert found.drift is not None
    assert not found.drift.beyond_noise
    slower = measure(
        samples(lambda i: 0.5 * (1 + i / 2000) + 0.003 * math.sin(1.7 * i)), WINDOW, 16
    )
    assert slower.drift is not None
    assert slower.drift.beyond_noise
    assert any("throughput fell by" in text and "p = " in text for text in slower.warnings)
    bare = measure(noisy, WINDOW, None)
    assert bare.images_per_second is None
    assert bare.interval is not None
    assert bare.interval.images_per_second == pytest.approx(2, rel=0.01)  # iterations


def test_rounding_bounds_what_the_digits_hide() -> None:
    each = [s._replace(rounding_s=0.01) for s in samples()]
    assert measure(each, WINDOW, 16).rounding == pytest.approx(20 * 0.01 / 200)
    running = [s._replace(rounding_s=0.05, edge_s=s.last * 5e-5) for s in samples()]
    # of a running sum only the two edges count
    assert measure(running, WINDOW, 16).rounding == pytest.approx((100 + 500) * 5e-5 / 200)


def test_any_window_fits_into_memory() -> None:
    many = (IterationSample(i, 1, 0.5, i, loss=1.0, data_s=0.1) for i in range(1, 50_001))
    found = measure(many, Window(first=0, last=50_000), 16)
    assert found.iterations == 50_000
    assert found.intervals <= 4096
    assert found.seconds_per_iteration == pytest.approx(0.5)
    assert found.data_share == pytest.approx(0.2)
