"""What a printed number means is established by the log or the recipe; else there is no number."""

import json
import re
from statistics import fmean

import pytest

from formats import WINDOW
from mrbench.errors import RecipeError
from mrbench.measure.log.blocks import whole_lines
from mrbench.measure.parsers import parse_samples, resolve_format
from mrbench.measure.window import measure
from mrbench.model.inputs import Window
from mrbench.model.logformat import LogFormat
from mrbench.model.measurement import Measurement

SECONDS = [0.5 + 2.0 * (i % 50 == 49) for i in range(640)]  # 0.54 in the mean
STEADY = [0.5] * 640


def measured(text: str, log: LogFormat, window: Window = WINDOW, images: int = 16) -> Measurement:
    resolved = resolve_format(log)
    samples = parse_samples(whole_lines([text.encode()]), resolved, images, window)
    return measure(samples, window, images, log=resolved)


def smoothed(seconds: list[float], i: int, window: int, origin: int = 0) -> float:
    return fmean(seconds[max(origin, i - window) : i])


def mmengine(
    every: int, window: int, *, stated: str = "", stamps: bool = False, set_by: int = 0
) -> str:
    """set_by: seconds by which the clock of the stamps is set after iteration 300."""
    text = stated
    for i in range(every, len(SECONDS) + 1, every):
        now = int(sum(SECONDS[:i])) + (set_by if i > 300 else 0)
        clock = f"{10 + now // 3600:02d}:{now // 60 % 60:02d}:{now % 60:02d}"
        stamp = f"2025/01/01 {clock} - mmengine - INFO - "
        text += stamp if stamps else ""
        text += f"Iter(train) [{i:4d}/9600]  lr: 1e-05  time: {smoothed(SECONDS, i, window):.4f}"
        text += "  data_time: 0.0400  loss: 0.5000\n"
    return text


def scalars(every: int, window: int) -> str:
    return "".join(
        json.dumps({"time": smoothed(SECONDS, i, window), "iter": i, "step": i}) + "\n"
        for i in range(every, len(SECONDS) + 1, every)
    )


@pytest.mark.parametrize(("every", "window"), [(1, 1), (10, 10), (20, 20), (10, 50), (50, 50)])
def test_mmengine_says_over_how_many_iterations_it_smooths(every: int, window: int) -> None:
    stated = (
        f"log_processor = dict(\n    by_epoch=False, type='LogProcessor', window_size={window})\n"
    )
    found = measured(mmengine(every, window, stated=stated), LogFormat(format="mmdetection3"))
    assert (found.status, found.iterations, found.clock) == ("ok", 400, "log")
    assert found.seconds_per_iteration == pytest.approx(0.54, abs=1e-4)


def test_mmengines_own_default_counts_where_the_configuration_leaves_it_out() -> None:
    stated = "model = dict(window_size=7)\nlog_processor = dict(type='LogProcessor')\n"
    found = measured(mmengine(10, 10, stated=stated), LogFormat(format="mmdetection3"))
    assert found.seconds_per_iteration == pytest.approx(0.54, abs=1e-4)
    changed = "log_processor = dict(custom_cfg=[dict(data_src='time', window_size='global')])\n"
    assert measured(mmengine(10, 10, stated=changed), LogFormat(format="mmdetection3")).reason


def test_smoothing_that_nothing_states_is_no_guess() -> None:
    log = LogFormat(format="mmdetection3-scalars")
    for every, window in ((10, 10), (50, 50), (20, 50)):
        unknown = measured(scalars(every, window), log)
        assert (unknown.status, unknown.seconds_per_iteration) == ("incomplete_window", None)
        assert "--smoothing" in unknown.remedy
        assert "log.smoothing" in unknown.remedy
        if window % every == 0:
            given = LogFormat(format="mmdetection3-scalars", smoothing=window)
            known = measured(scalars(every, window), given)
            assert known.seconds_per_iteration == pytest.approx(0.54)
    # three lines in a row, of which the middle one is more than both others together
    shown = measured(scalars(1, 1), log)
    assert shown.iterations == 400
    assert shown.seconds_per_iteration == pytest.approx(0.54)
    stamped = measured(mmengine(20, 10, stamps=True), LogFormat(format="mmdetection3"))
    assert (stamped.status, stamped.clock) == ("ok", "printed")
    assert stamped.seconds_per_iteration == pytest.approx(0.54, abs=0.005)


STATED = "log_processor = dict(type='LogProcessor', window_size={})\n"


def test_lines_that_tell_of_few_iterations_just_once_leave_it_to_another_clock() -> None:
    log = LogFormat(format="mmdetection3")
    bare = measured(mmengine(7, 10, stated=STATED.format(10)), log)
    assert bare.reason.startswith("its lines are 7 iterations apart, but each tells the mean of")
    assert bare.remedy.startswith("print every 10 iterations,")
    stamped = measured(mmengine(7, 10, stated=STATED.format(10), stamps=True), log)
    assert (stamped.status, stamped.clock, stamped.iterations) == ("ok", "printed", 399)
    assert stamped.seconds_per_iteration == pytest.approx(0.54, abs=0.01)
    short = measured(
        mmengine(50, 10, stated=STATED.format(10), stamps=True), log, Window(first=100, last=200)
    )
    assert "are too coarse for a window of" in short.reason
    assert "with time stamps" not in short.remedy
    assert "choose a longer window" in short.remedy


def test_an_epochs_last_line_leaves_nothing_out_of_another_clock() -> None:
    text = STATED.format(10)
    for i in range(1, len(STEADY) + 1):
        epoch, batch = divmod(i - 1, 130)
        if (batch + 1) % 50 == 0 or batch == 129:
            text += f"2025/01/01 10:{i // 120:02d}:{i // 2 % 60:02d} - mmengine - INFO - "
            text += f"Epoch(train) [{epoch + 1}][{batch + 1:3d}/130]  time: 0.5000  loss: 1.0\n"
    found = measured(text, LogFormat(format="mmdetection3"))
    assert (found.status, found.clock, found.iterations) == ("ok", "printed", 390)
    assert found.seconds_per_iteration == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("hours", [1, -1])
def test_a_clock_that_was_set_does_not_lead_over_the_place(hours: int) -> None:
    text = mmengine(50, 10, stated=STATED.format(10), stamps=True, set_by=3600 * hours)
    found = measured(text, LogFormat(format="mmdetection3"), Window(first=100, last=600))
    assert (found.status, found.clock) == ("ok", "printed")
    assert found.seconds_per_iteration == pytest.approx(0.54, abs=0.01)
    assert any(f"was set by {hours:+} h in iterations 301-350" in w for w in found.warnings)
    assert found.pauses is None


def torchvision(seconds: list[float], length: int, every: int) -> str:
    text = ""
    for i in range(len(seconds)):
        epoch, batch = divmod(i, length)
        if batch % every == 0 or batch == length - 1:
            value = smoothed(seconds, i + 1, 20, epoch * length)
            text += f"Epoch: [{epoch}]  [{batch:3d}/{length}]  eta: 0:01:00  loss: 5.0 (5.0)"
            text += f"  time: {value:.4f}  data: 0.0100  max mem: 9000\n"
    return text


def test_torchvisions_first_iteration_of_an_epoch_counts() -> None:
    seconds = [3.0 if i % 128 == 0 else 0.5 for i in range(640)]
    log = LogFormat(format="torchvision")
    found = measured(torchvision(seconds, 128, 10), log, Window(first=128, last=384), 2)
    assert (found.first, found.last, found.iterations) == (129, 384, 256)
    assert found.seconds_per_iteration == pytest.approx(fmean(seconds[128:384]), abs=5e-5)


def test_a_log_that_its_smoothing_cannot_tell_says_so() -> None:
    log = LogFormat(format="torchvision")
    far = measured(torchvision(STEADY, 640, 50), log)
    assert (far.status, far.throughput) == ("incomplete_window", None)
    assert "50 iterations apart" in far.reason
    assert "longer" not in far.remedy
    short = measured(torchvision(STEADY[:11], 640, 10), log)
    assert short.reason.startswith("the log has iterations 1-11,")


def test_gluoncvs_speed_of_one_batch_is_no_mean() -> None:
    lines = "".join(
        f"[Epoch 0][Batch {i}], {{}}Speed: 32.000 samples/sec, {{}}\n" for i in range(99, 640, 100)
    )
    log = LogFormat(format="gluoncv")
    for lr, metrics in (("LR: 2.7E-05, ", "ObjLoss=12.3"), ("", "CrossEntropy=2.3, SmoothL1=1.2")):
        found = measured(lines.replace("{}", lr, 1).format(*[lr, metrics] * 6), log)
        assert (found.status, found.throughput) == ("incomplete_window", None)
        assert "one batch" in found.reason
    assert measured(lines.format(*["", "RPN_Conf=0.2"] * 6), log).throughput == 32


def own(line: str, **keys: object) -> LogFormat:
    values: dict[str, object] = {"timing": "interval_mean", "every": 10} | keys
    return LogFormat(pattern=line, **values)  # type: ignore[arg-type]  # the test's own words


@pytest.mark.parametrize("first", [0, 1])
def test_epochs_are_counted_from_the_number_that_the_log_prints_first(first: int) -> None:
    text = "".join(
        f"Epoch {first + i // 200}: {i % 200 + 10}/200 took {1 + i // 200:.2f} s\n"
        for i in range(0, 640, 10)
    )
    log = own(r"Epoch (?P<epoch>\d+): (?P<iteration>\d+)/(?P<per_epoch>\d+) took (?P<value>\S+) s")
    window = Window(first=0, last=200)
    assert measured(text, log, window).seconds_per_iteration == 1
    later = text[text.index(f"Epoch {first + 1}") :]
    told = own(log.pattern or "", epochs_from=first)
    assert measured(later, told, Window(first=200, last=400)).seconds_per_iteration == 2


@pytest.mark.parametrize(
    ("line", "pattern", "keys"),
    [
        (
            "iter {i}: time 500.00ms,",
            r"iter (?P<iteration>\d+): time (?P<value>[\d.]+)ms,",
            {"unit": "ms"},
        ),
        (
            "iter {i}: time 500000us,",
            r"iter (?P<iteration>\d+): time (?P<value>[\d.]+)us,",
            {"unit": "us"},
        ),
        (
            "iter {i}: 2.00it/s,",
            r"iter (?P<iteration>\d+): (?P<value>[\d.]+)it/s",
            {"timing": "iterations_per_second"},
        ),
        (
            '"step": "{i}", "tps": "16,000",',
            r'"step": (?P<iteration>\S+), "tps": (?P<value>"[\d,]+"),',
            {"timing": "rate"},
        ),
        (
            "step:{i}/640 train_time:{ms}ms step_avg:9ms",
            r"step:(?P<iteration>\d+)/\d+ train_time:(?P<value>\d+)ms ",
            {"timing": "cumulative", "unit": "ms"},
        ),
    ],
)
def test_a_value_may_be_of_any_unit_and_kind(
    line: str, pattern: str, keys: dict[str, object]
) -> None:
    text = "".join(line.format(i=i, ms=500 * i) + "\n" for i in range(10, 641, 10))
    images = 8000 if keys.get("timing") == "rate" else 16
    shown = {key: value for key, value in keys.items() if key != "unit"}  # by the lines themselves
    for log in (own(pattern, **keys), own(pattern, **shown)):
        found = measured(text, log, images=images)
        assert (found.status, found.iterations) == ("ok", 400), found.reason
        assert found.seconds_per_iteration == pytest.approx(0.5)


def test_a_line_that_shows_its_unit_is_believed() -> None:
    number = r"(?P<iteration>\d+)"
    for text, pattern in (
        ("{i} elapsed (ms): 500.0 |", number + r" elapsed \(ms\): (?P<value>[\d.]+) \|"),
        ("{i} elapsed (ms): 9.0/500.0 |", number + r" elapsed \(ms\): [\d.]+/(?P<value>[\d.]+) "),
        ("{i} elapsed_ms_per_iter 500.0 |", number + r" \w+ (?P<value>[\d.]+) \|"),
        ("{i} ms per step: 500.0,", number + r" ms per step: (?P<value>[\d.]+),"),
        ("{i} time 0.5 min 0.4 max 0.9", number + r" time (?P<value>[\d.]+) min"),
        ('{{"iter": {i}, "step_ms": 500.0}}', rf'"iter": {number}, "step_ms": (?P<value>[\d.]+)'),
        ("{i}/640 [00:30<00:00, 2.00it/s]", number + r"/640 \[[^,]+, (?P<value>[\d.]+)it/s"),
    ):
        log = "".join(text.format(i=i) + "\n" for i in range(10, 641, 10))
        assert measured(log, own(pattern)).seconds_per_iteration == pytest.approx(0.5), text
    bar = "".join(
        f"{i}/640 [00:30<00:00, {'2.00s/it' if i <= 300 else '2.00it/s'}]\n"
        for i in range(10, 641, 10)
    )
    pattern = number + r"/640 \[[^,]+, (?P<value>[\d.]+)(?:it/s|s/it)"
    found = measured(bar, own(pattern, timing="iterations_per_second"))
    assert found.seconds_per_iteration == pytest.approx((200 * 2.0 + 200 * 0.5) / 400)
    images = measured(log, own(number + r"/640 \[[^,]+, (?P<value>[\d.]+)it/s", timing="rate"))
    assert (images.status, images.throughput) == ("incomplete_window", None)
    assert "iterations_per_second" in images.remedy


@pytest.mark.parametrize("timing", ["interval_mean", "running_mean"])
@pytest.mark.parametrize("text", ["time 0.00833 min,", "500000000 ns,", "step_ns: 500000000,"])
def test_a_unit_that_is_none_of_ours_is_not_taken_for_seconds(text: str, timing: str) -> None:
    log = "".join(f"{i} {text}\n" for i in range(10, 641, 10))
    pattern = r"(?P<iteration>\d+) (?:time |step_ns: )?(?P<value>[\d.]+)(?: min| ns|),"
    found = measured(log, own(pattern, timing=timing))
    assert found.status == "incomplete_window"
    assert "in minutes, hours or nanoseconds" in found.reason
    assert measured(log, own(pattern, timing=timing, unit="us")).status == "ok"


def test_a_quarter_with_a_comma_is_no_thousand() -> None:
    pattern = r"(?P<iteration>\d+) time (?P<value>[\d.,]+) s"
    for value, seconds in (("0,500", None), ("1,500.0", 1500.0)):
        log = "".join(f"{i} time {value} s\n" for i in range(10, 641, 10))
        assert measured(log, own(pattern)).seconds_per_iteration == seconds


def test_smoothing_is_for_means_alone() -> None:
    with pytest.raises(RecipeError, match="interval_mean"):
        resolve_format(own(r"(?P<iteration>\d+) (?P<value>\S+)", timing="cumulative", smoothing=20))
    for name in ("detectron2", "tensorpack"):
        with pytest.raises(RecipeError, match="--smoothing"):
            resolve_format(LogFormat(format=name, smoothing=20))
    with pytest.raises(RecipeError, match=r"log\.unit is for log\.pattern"):
        resolve_format(LogFormat(format="detectron2", unit="ms"))


def test_simpledets_iteration_counts_where_it_resumed() -> None:
    text = "".join(
        f"06-11 19:00:10 Epoch[5] Batch [{k}]\tIter: {2500 + k}/3000\tLr: 0.0025\t"
        "Speed: 2.00 samples/sec\tTrain-RpnAcc=0.99,\n"
        for k in range(10, 500, 10)
    )
    log = LogFormat(format="simpledet")
    found = measured(text, log, Window(first=2600, last=2900), 2)
    assert (found.first, found.last) == (2602, 2901)
    assert "begins at iteration 2502" in measured(text, log).reason
    bare = measured(re.sub(r"Iter: \d+/3000\t", "", text), log)
    assert bare.reason.startswith("the log begins in a later epoch and does not say how long")


def test_time_stamps_too_coarse_to_lead_still_refute() -> None:
    for value, images in (("100.00", 16), ("0.0001", 16), ("0.10", 16)):
        text = "".join(
            f"2026-01-01 00:00:{i // 10:02d} iter {i}: took {value} s,\n"
            for i in range(10, 591, 10)
        )
        log = own(r"iter (?P<iteration>\d+): took (?P<value>\S+) s,")
        found = measured(text, log, Window(first=100, last=300), images)
        assert found.status == ("ok" if value == "0.10" else "clocks_disagree")
        assert value != "100.00" or "milliseconds" in found.reason


def stamped(value: str, seconds: float, every: int = 10) -> str:
    """Return a log whose lines print that value of seconds, or of the iteration, and its time."""
    text = ""
    for i in range(every, 641, every):
        now = int(seconds * i)
        text += f"2025-01-01 {10 + now // 3600}:{now // 60 % 60:02d}:{now % 60:02d} step {i} "
        text += value.format(i=i, s=seconds, t=seconds * i, r=1 / seconds) + "\n"
    return text


@pytest.mark.parametrize(
    ("value", "timing", "says", "remedy"),
    [
        ("speed {r:.3f} loss 1", "interval_mean", "iterations per second", "iterations_per_second"),
        ("time {t:.3f} loss 1", "interval_mean", "as the time since the start", "cumulative"),
        ("rate 128.0 loss 1", "rate", "fit iterations of 32 images, not of 16", "work-per-it"),
        ("rate 32.0 loss 1", "rate", "fit iterations of 8 images, not of 16", "work-per-it"),
    ],
)
def test_figures_of_another_kind_are_named(value: str, timing: str, says: str, remedy: str) -> None:
    text = stamped(value, 0.25)
    log = own(r"step (?P<iteration>\d+) \w+ (?P<value>\S+)", timing=timing)
    found = measured(text, log)
    assert (found.status, found.throughput) == ("clocks_disagree", None)
    assert says in found.reason
    assert remedy in found.remedy


def test_running_means_that_stamps_refute_are_no_lines_that_come_too_often() -> None:
    log = own(r"step (?P<iteration>\d+) time (?P<value>\S+)", timing="running_mean")
    found = measured(stamped("time 1.1 loss 1", 0.25), log)
    assert found.status == "clocks_disagree"
    assert "more often" not in found.reason
    assert "which no unit explains" in found.reason


def test_a_time_since_the_start_is_no_interval_without_another_clock_either() -> None:
    text = re.sub("2025[^s]+", "", stamped("time {t:.3f} loss 1", 0.25))
    for timing in ("interval_mean", "interval_total"):
        found = measured(text, own(r"step (?P<iteration>\d+) time (?P<value>\S+)", timing=timing))
        assert (found.status, found.throughput) == ("incomplete_window", None)
        assert "log.timing: cumulative" in found.remedy
    slower = [2.0 + 0.001 * i for i in range(640)]  # by 20 % over the window
    lines = "".join(f"step {i} time {slower[i - 1]:.4f}\n" for i in range(10, 641, 10))
    found = measured(lines, own(r"step (?P<iteration>\d+) time (?P<value>\S+)"))
    assert found.status == "ok"


@pytest.mark.parametrize("value", ["2,412", "0,998", "0,2412", "12,34"])
def test_a_comma_that_may_be_a_decimal_point_is_no_guess(value: str) -> None:
    log = own(r"step (?P<iteration>\d+) time (?P<value>[\d.,]+)")
    text = stamped(f"time {value}", float(value.replace(",", ".")))
    bare = measured(re.sub("2025[^s]+", "", text), log)
    assert (bare.status, bare.throughput) == ("incomplete_window", None)
    assert "decimal points" in bare.reason
    if float(value.replace(",", ".")) > 0.5:
        led = measured(text, log)
        assert (led.status, led.clock) == ("ok", "printed")
        assert led.seconds_per_iteration == pytest.approx(float(value.replace(",", ".")), rel=0.02)
    shown = measured(stamped("time 2,412 ms", 2.412), log)
    assert shown.seconds_per_iteration == pytest.approx(2.412)
