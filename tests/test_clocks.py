"""Two clocks: where they differ, which cause is named, and what the log itself says there."""

import math
from bisect import bisect_left
from collections.abc import Callable, Iterator
from itertools import accumulate

import pytest

from mrbench.errors import RecipeError
from mrbench.measure.clocks import with_evidence
from mrbench.measure.log.blocks import whole_lines
from mrbench.measure.parsers import parse_samples, resolve_format
from mrbench.measure.window import measure
from mrbench.model.clocks import Disagreement
from mrbench.model.inputs import Window
from mrbench.model.logformat import LogFormat, Timing
from mrbench.model.measurement import IterationSample, Measurement, Printed

WINDOW = Window(first=100, last=500)
OWN = LogFormat(pattern="(?P<iteration>.)(?P<value>.)", timing="interval_mean")


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


def stretches(found: Measurement) -> list[tuple[float, float, int]]:
    return [(s.began_s, s.ended_s, s.iterations) for s in found.timed or ()]


def test_the_stretches_that_the_number_covers_leave_an_evaluation_out() -> None:
    """Where in its span it was cannot be told, so that all of the span is left out."""

    def late(offset: int) -> float:
        return 1000 + offset / 200 + (20 if offset > 31000 else 0)

    found = measure(samples(), WINDOW, 16, stamps=Arrivals(late))
    assert (found.began_s, found.ended_s) == (1050, 1270)
    assert stretches(found) == [(1050, 1150, 200), (1180, 1270, 180)]
    at_first = measure(samples(), Window(first=0, last=500), 16, stamps=Arrivals(late))
    assert at_first.began_s == 1000, "no mark stands before it, and the evaluation is no part of it"
    quiet = Arrivals(lambda offset: 1000 + offset / 200)
    assert measure(samples(), WINDOW, 16, stamps=quiet).timed is None
    alike = Arrivals(lambda offset: 1000 + offset / 200 * 1.06)
    assert measure(samples(), WINDOW, 16, stamps=alike).timed is None
    bursts = Arrivals(lambda offset: math.ceil(offset / 13000) * 13000 / 200)
    assert measure(samples(), WINDOW, 16, stamps=bursts).timed is None


def test_what_happens_between_epochs_is_left_out() -> None:
    """Each epoch of 100 iterations begins with a headline, 5 s after the last one's end."""

    def epochs() -> Iterator[IterationSample]:
        for last in range(20, 541, 20):
            headline = 100 * (last - 20) + 50 if last % 100 == 20 else None
            yield IterationSample(last, 20, 10.0, 100 * last, headline)

    def late(offset: int) -> float:
        at = offset - 50 if offset % 10000 == 50 else offset
        return at / 200 + 5 * ((offset - 50) // 10000)

    found = measure(epochs(), WINDOW, 16, stamps=Arrivals(late))
    assert stretches(found) == [(55 * i, 50 + 55 * i, 100) for i in (1, 2, 3, 4)]


def test_several_checkpoints_are_all_named() -> None:
    def late(offset: int) -> float:
        return offset / 200 + 4 * (offset > 15000) + 4 * (offset > 30500) + 4 * (offset > 45500)

    found = disagreement(measure(samples(), WINDOW, 16, stamps=Arrivals(late)))
    assert found.cause == "evaluation_or_checkpoint"
    assert "in iterations 141-160, 301-320, 441-460" in found.text or "461-480" in found.text


def test_what_most_intervals_are_free_of_is_not_everywhere() -> None:
    def late(offset: int) -> float:  # in 8 of the 20 intervals
        return offset / 200 + 3 * (offset // 5000)

    found = disagreement(measure(samples(), WINDOW, 16, stamps=Arrivals(late)))
    assert found.cause == "evaluation_or_checkpoint"
    assert "everywhere" not in found.text


def test_what_is_left_out_of_every_iteration_is_no_event() -> None:
    late = Arrivals(lambda offset: offset / 200 * 1.2)
    found = disagreement(measure(samples(), WINDOW, 16, stamps=late))
    assert (found.cause, found.first, found.last) == ("partial_clock", 101, 500)
    assert "everywhere alike" in found.text
    assert "data loading" in found.text
    assert found.remedy.endswith("log.clock: arrival")
    led = LogFormat(clock="arrival", timing="interval_total")
    counted = disagreement(measure(samples(), WINDOW, 16, stamps=late, log=led))
    assert counted.remedy == "the number counts it, by the arrival clock"


def test_output_in_bursts_is_buffered() -> None:
    late = Arrivals(lambda offset: math.ceil(offset / 13000) * 13000 / 200)
    found = disagreement(measure(samples(), WINDOW, 16, stamps=late))
    assert found.cause == "buffered_output"
    assert "PYTHONUNBUFFERED=1" in found.text


@pytest.mark.parametrize(
    ("factor", "timing", "cause", "says"),
    [
        (1000, "interval_mean", "wrong_unit", "milliseconds, taken for seconds"),
        (1e-3, "interval_mean", "wrong_unit", "seconds, taken for milliseconds"),
        (1 / 16, "interval_mean", "wrong_unit", "seconds per image"),
        (1 / 60, "interval_total", "wrong_unit", "minutes"),
        (16, "rate", "wrong_unit", "iterations of 1 image, not of 16; or they are iterations per"),
        (
            4,
            "rate",
            "wrong_unit",
            "iterations of 4 images, not of 16; or they are those of one",
        ),
        (1 / 32, "rate", "wrong_unit", "iterations of 512 images, not of 16; or they are those of"),
        (1000, "rate", "wrong_unit", "in thousands"),
        (20, "interval_mean", "wrong_timing", "the seconds of all 20 iterations"),
        (1 / 20, "interval_total", "wrong_timing", "the seconds of one iteration"),
        (2, "interval_mean", "changed_format", "more often than thought"),
        (1 / 400, "interval_mean", "asynchronous_calls", "returns before the work is done"),
        (1 / 1.5, "interval_mean", "partial_clock", "leaves out a part of every iteration"),
    ],
)
def test_a_gross_difference_is_no_number_but_its_likely_cause(
    factor: float, timing: Timing, cause: str, says: str
) -> None:
    stamps = Arrivals(lambda offset: offset / 200)
    log = LogFormat(pattern=OWN.pattern, timing=timing)
    found = measure(samples(lambda _: 0.5 * factor), WINDOW, 16, stamps=stamps, log=log)
    assert (found.status, found.throughput) == ("clocks_disagree", None)
    assert found.agreement == pytest.approx(1 / factor)
    assert found.disagreement
    assert (found.disagreement.cause, found.disagreement.text) == (cause, found.explanation)
    assert says in found.reason
    assert "e-" not in found.reason, "no powers of ten"
    assert found.remedy


def test_a_small_difference_gets_no_cause_that_it_does_not_show() -> None:
    stamps = Arrivals(lambda offset: 0.97 * offset / 200)
    found = disagreement(measure(samples(), WINDOW, 16, stamps=stamps, log=OWN))
    assert found.cause == "unknown"
    assert "0.970 times the log's own seconds: less than its figures make; " in found.text


def test_a_single_iteration_is_no_range() -> None:
    stamps = Arrivals(lambda offset: offset / 200 + 10 * (offset >= 31000) + 10 * (offset >= 41000))
    found = disagreement(measure(samples(step=1), WINDOW, 16, stamps=stamps))
    assert "in iterations 310, 410, where" in found.text


def test_cumulative_seconds_are_named() -> None:
    stamps = Arrivals(lambda offset: offset / 200)
    grown = samples(lambda last: 0.5 * last / 20)
    found = measure(grown, WINDOW, 16, stamps=stamps, log=LogFormat(timing="interval_total"))
    assert (found.status, found.disagreement and found.disagreement.cause) == (
        "clocks_disagree",
        "wrong_timing",
    )
    assert "as the time since the start does" in found.reason


def test_a_pause_that_makes_a_gross_difference_is_named_with_its_line() -> None:
    def late(offset: int) -> float:  # a minute of evaluation after iteration 310
        return offset / 200 + (60 if offset > 31000 else 0)

    found = measure(samples(), WINDOW, 16, stamps=Arrivals(late))
    assert found.status == "clocks_disagree"
    assert "60.0 s more than the log tells in iterations 301-320" in found.reason
    assert "choose another window" in found.remedy
    better = with_evidence(found, lambda *_: b"Start inference on 5000 images\n")
    assert better.reason.endswith("tells of an evaluation: Start inference on 5000 images")

    def often(offset: int) -> float:
        return offset / 200 + 20 * ((offset - 1000) // 10000)

    ends = measure(samples(), WINDOW, 16, stamps=Arrivals(often))
    assert "about every 100 iterations, perhaps at epochs' ends" in ends.reason


def test_what_a_busy_machine_delays_is_no_gross_difference() -> None:
    stamps = Arrivals(lambda offset: offset / 100 * 0.0005)
    found = measure(samples(lambda _: 0.0003), WINDOW, 16, stamps=stamps)  # 0.12 s by 0.2 s
    assert found.status == "ok"
    assert found.agreement == pytest.approx(5 / 3)


def test_two_clocks_that_agree_outvote_the_third() -> None:
    def stopped(offset: int) -> float:  # whoever reads the log slept through most of the window
        return offset / 200 if offset <= 10000 else 50 + max(0, (offset - 44000) / 200)

    log = samples(printed=lambda i: stamp(0.5 * i))
    found = measure(log, WINDOW, 16, stamps=Arrivals(stopped), log=OWN)
    assert (found.status, found.clock, found.second_clock) == ("ok", "log", "printed")
    assert found.seconds_per_iteration == pytest.approx(0.5)
    assert any("the printed time stamps agree with the log" in text for text in found.warnings)
    assert found.compared is not None
    assert [(each.clock, each.first, each.last) for each in found.compared] == [
        ("arrival", 101, 500),
        ("printed", 101, 500),
    ]
    known = measure(samples(), WINDOW, 16, stamps=Arrivals(stopped))
    assert known.seconds_per_iteration == pytest.approx(0.5), "of a format with one meaning"
    alone = measure(samples(), WINDOW, 16, stamps=Arrivals(stopped), log=OWN)
    assert alone.status == "clocks_disagree"
    both = measure(
        samples(lambda _: 1.0, lambda i: stamp(0.5 * i)),
        WINDOW,
        16,
        stamps=Arrivals(lambda offset: offset / 200),
    )
    assert both.status == "clocks_disagree"


def test_arrival_in_bursts_does_not_lead() -> None:
    """A buffer that is full each 130 iterations: of the window's 400 three buffers are seen."""
    late = Arrivals(lambda offset: math.ceil(offset / 13000) * 13000 / 200)
    led = LogFormat(clock="arrival", timing="interval_total")
    found = measure(samples(), WINDOW, 16, stamps=late, log=led)
    assert (found.status, found.clock, found.second_clock) == ("ok", "log", "arrival")
    assert found.seconds_per_iteration == pytest.approx(0.5)
    assert any("bursts" in text and "own seconds" in text for text in found.warnings)
    # half of the log in one burst refutes nothing, but a log that tells ten times more is refuted
    coarse = Arrivals(lambda offset: math.ceil(offset / 27000) * 27000 / 200)
    assert measure(samples(), WINDOW, 16, stamps=coarse, log=led).seconds_per_iteration == 0.5
    own = LogFormat(pattern="(?P<iteration>.)(?P<value>.)", timing="rate", clock="arrival")
    wrong = measure(samples(lambda _: 5.0), WINDOW, 16, stamps=coarse, log=own)
    assert wrong.status == "clocks_disagree"
    # no clock is left where the log has no seconds of its own
    none = measure(samples(lambda _: math.nan), WINDOW, 16, stamps=late, log=led)
    assert (none.status, none.throughput) == ("incomplete_window", None)
    assert "bursts, up to 65 s apart" in none.reason
    assert "PYTHONUNBUFFERED" in none.remedy


def test_a_window_cannot_take_longer_than_passed_since_the_launch() -> None:
    """All lines come at the end in one burst; their 200 s would fit into 300 s, but not into 4."""
    burst = Arrivals(lambda _: 1000.0)
    fits = measure(samples(), WINDOW, 16, stamps=burst, launched_s=700.0, log=OWN)
    assert (fits.status, fits.passed_seconds) == ("ok", 300.0)
    none = measure(samples(), WINDOW, 16, stamps=burst, launched_s=996.0, log=OWN)
    assert (none.status, none.throughput) == ("clocks_disagree", None)
    assert "took 200 s, but from the launch to its last line only 4 s passed" in none.reason
    assert none.remedy.startswith("correct the recipe: log.unit")
    # an old log printed anew: its own time stamps agree with its figures
    again = samples(printed=lambda i: stamp(i / 2))
    assert measure(again, WINDOW, 16, stamps=burst, launched_s=996.0).status == "clocks_disagree"


@pytest.mark.parametrize("pace", [0.1, 1.0, 10.0])
def test_a_step_of_the_speed_is_no_burst_however_long_an_iteration_takes(pace: float) -> None:
    def at(offset: int) -> float:
        return pace * (4 * min(offset, 30000) + 2 * max(0, offset - 30000)) / 300

    led = LogFormat(clock="arrival", timing="interval_total")
    found = measure(samples(lambda _: math.nan), WINDOW, 16, stamps=Arrivals(at), log=led)
    assert (found.status, found.rounding) == ("ok", 0)
    assert found.unsteady is not None
    assert found.unsteady.at == (300,)


def test_a_log_that_counts_more_than_it_trains_is_not_called_one_that_leaves_out() -> None:
    """As maskrcnn-benchmark, which counts batches without a box but does not time them."""
    skips = (130, 190, 255, 310, 370, 430, 441, 490)

    def printed(i: int) -> Printed:
        return stamp(0.5 * (i - sum(skip < i for skip in skips)), 1e-3)

    log = LogFormat(timing="running_mean")
    found = measure(samples(printed=printed), WINDOW, 16, log=log)
    told = disagreement(found)
    assert (found.status, told.cause) == ("ok", "skipped_iterations")
    assert "it may count iterations that it does not train" in told.text


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


def test_a_log_that_claims_far_more_time_than_passed_is_refuted_by_coarse_stamps() -> None:
    found = measure(samples(printed=lambda last: stamp(0.01 * last)), WINDOW, 16)  # 4 s, not 200
    assert (found.status, found.throughput) == ("clocks_disagree", None)


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
    assert "set by -1 h in iterations 241-260" in disagreement(back).text
    assert back.seconds_per_iteration == pytest.approx(0.5)
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
    assert found.interval.throughput == pytest.approx(found.throughput)
    assert 0.001 < found.interval.half_width / 32 < 0.01
    assert found.drift is not None
    assert not found.drift.beyond_noise
    slower = measure(
        samples(lambda i: 0.5 * (1 + i / 2000) + 0.003 * math.sin(1.7 * i)), WINDOW, 16
    )
    assert slower.drift is not None
    assert slower.drift.beyond_noise
    assert any("throughput fell by" in text for text in slower.warnings)
    bare = measure(noisy, WINDOW, None)
    assert bare.throughput is None
    assert bare.interval is not None
    assert bare.interval.throughput == pytest.approx(2, rel=0.01)  # iterations


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


def test_a_pattern_without_a_value_leaves_the_seconds_to_the_arrival_of_its_lines() -> None:
    text = "".join(f"completed step: {i}, seconds: 0.002, loss: 1.5\n" for i in range(541))
    ends = list(accumulate(len(line) for line in text.splitlines(keepends=True)))
    pattern = r"step: (?P<iteration>\d+), .*loss: (?P<loss>[\d.]+)"
    log = LogFormat(pattern=pattern, clock="arrival", counts_from=0)
    stamps = Arrivals(lambda offset: 0.5 * (bisect_left(ends, offset) + 1))
    samples_ = parse_samples(whole_lines([text.encode()]), log, 16, WINDOW)
    found = measure(samples_, WINDOW, 16, stamps=stamps, log=resolve_format(log))
    assert (found.status, found.clock, found.iterations) == ("ok", "arrival", 400), found.reason
    assert found.seconds_per_iteration == pytest.approx(0.5)
    assert found.loss_first == 1.5
    bare = measure(parse_samples(whole_lines([text.encode()]), log, 16), WINDOW, 16, log=log)
    assert (bare.status, "no group `value`" in bare.reason) == ("incomplete_window", True)
    with pytest.raises(RecipeError, match=r"'value', or log\.clock: arrival"):
        resolve_format(LogFormat(pattern=log.pattern, timing="interval_mean"))
