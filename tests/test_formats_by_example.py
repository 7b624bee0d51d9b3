"""Formats of today's trainers, read from their own lines, each against a pocket calculator.

pytorch-imagenet and swin: upstream's own `train` and `train_one_epoch` (pytorch/examples 77f55b91,
Swin-Transformer f82860bf) around a model that sleeps; timm and PaddleDetection: their training
(aa4b5850, 666f597f) on a CPU; tqdm: three epochs of a loop that sleeps, with a bar for a validation
after each; yolox, mllog and results.csv: figures from logs that their users have published;
hf-detection and rfdetr: RT-DETRv2 by transformers' own example script, and RF-DETR-Seg, on a CPU.
"""

import gzip
from pathlib import Path

import pytest

from formats import read
from mrbench.errors import MeasureError, RecipeError
from mrbench.measure.anylog import ParsedLog, parse_log
from mrbench.measure.parsers import parse_samples
from mrbench.measure.window import measure
from mrbench.model.inputs import Window
from mrbench.model.logformat import LogFormat

LOGS = Path(__file__).parent / "logs"


def from_pauses(log: str, first: int, last: int) -> float:
    """Return the seconds between two lines of a log by their arrival times, counted by hand."""
    lines = gzip.decompress((LOGS / f"{log}.log.gz").read_bytes()).splitlines(keepends=True)
    stamps = [line.split() for line in (LOGS / f"{log}.stamps").read_text().splitlines()]
    ends = [len(b"".join(lines[: number + 1])) for number in (first, last)]
    begin, end = (next(int(t) for t, at in stamps if int(at) >= byte) for byte in ends)
    return (end - begin) / 1e9


@pytest.mark.parametrize(
    ("log", "format_", "window", "seconds"),
    [
        # lines 1 and 11 of epoch 1: mean 0.051 of 11 batches, 0.052 of 241
        (
            "pytorch-imagenet.log.gz",
            "pytorch-imagenet",
            (261, 491),
            (241 * 0.052 - 11 * 0.051) / 230,
        ),
        ("swin.log.gz", "swin", (261, 491), (241 * 0.1043 - 11 * 0.1022) / 230),
        ("timm.log", "timm", (3, 13), (13 * 0.134 - 3 * 0.180) / 10),
    ],
)
def test_an_epochs_mean_is_undone(
    log: str, format_: str, window: tuple[int, int], seconds: float, tmp_path: Path
) -> None:
    found = read(LOGS / log, tmp_path, *window)
    m = found.measurement
    assert (found.format, m.status, m.first, m.last) == (format_, "ok", window[0] + 1, window[1])
    assert m.seconds_per_iteration == pytest.approx(seconds, rel=1e-6)
    if format_ != "timm":  # of which no arrival times are at hand
        assert m.agreement == pytest.approx(1, abs=(m.rounding or 0) + 0.001)


def test_a_log_cut_within_an_epoch_begins_where_it_was_cut(tmp_path: Path) -> None:
    text = "".join(
        f"[2021-04-12 20:{i // 60:02d}:{i % 60:02d} swin] (main.py 200): INFO Train: [0/300]"
        f"[{i}/1251]\teta 0:10:00 lr 0.000001\ttime 1.0000 (1.0000)\tloss 6.9 (6.9)\tmem 9000MB\n"
        for i in range(300, 900, 10)
    )
    m = read(text.encode(), tmp_path, 100, 500).measurement
    assert m.reason.startswith("the log begins at iteration 292, 210 of")
    late = read(text.encode(), tmp_path, 400, 600).measurement
    assert late.seconds_per_iteration == pytest.approx(1)


def test_a_mean_begins_anew_with_the_epoch(tmp_path: Path) -> None:
    # epoch 0 ends with a line of its last batch in timm: all 30 batches are timed
    m = read(LOGS / "timm.log", tmp_path, 0, 30).measurement
    assert (m.status, m.iterations) == ("ok", 30)
    assert m.seconds_per_iteration == pytest.approx((15 * 0.131 + 15 * 0.133) / 30, rel=1e-6)


@pytest.mark.parametrize("counts_from", [0, 1])
def test_the_imagenet_example_counts_from_0_or_1(counts_from: int, tmp_path: Path) -> None:
    lines = [
        f"Epoch: [0][{i + counts_from:5d}/5005]\tTime  0.350 ( 0.450)\tData  0.002 ( 0.100)\t"
        f"Loss 6.9e+00 (6.9e+00)\n"
        for i in range(0, 600, 10)
    ]
    m = read("".join(lines).encode(), tmp_path, 101, 501).measurement
    assert (m.status, m.first, m.last) == ("ok", 102, 501)
    assert m.seconds_per_iteration == pytest.approx(0.45)


def test_torchvisions_logger_with_a_number_of_epochs(tmp_path: Path) -> None:
    lines = [
        f"Epoch: [0/100]  [{i:4d}/2502]  eta: 0:02:44  loss: 5.3 (7.5)  time: 0.620000"
        "  data: 0.000170  max mem: 13871\n"
        for i in range(0, 610, 10)
    ]
    found = read("".join(lines).encode(), tmp_path, 101, 501)
    m = found.measurement
    assert (found.format, m.status, m.first, m.last) == ("torchvision", "ok", 102, 501)
    assert m.seconds_per_iteration == pytest.approx(0.62)


YOLOX = """\
2022-08-13 21:34:51.483 | INFO     | yolox.core.trainer:before_train:191 - Training start...
2022-08-13 21:34:51.498 | INFO     | yolox.core.trainer:before_epoch:203 - ---> start train epoch1
2022-08-13 21:34:54.633 | INFO     | yolox.core.trainer:after_iter:261 - epoch: 1/200, \
iter: 10/661, mem: 5707Mb, iter_time: 0.313s, data_time: 0.001s, total_loss: 18.7, iou_loss: 4.8, \
l1_loss: 0.0, conf_loss: 13.0, cls_loss: 0.9, lr: 5.722e-09, size: 640, ETA: 11:30:01
2022-08-13 21:34:57.308 | INFO     | yolox.core.trainer:after_iter:261 - epoch: 1/200, \
iter: 20/661, mem: 5707Mb, iter_time: 0.267s, data_time: 0.001s, total_loss: 12.9, iou_loss: 4.8, \
l1_loss: 0.0, conf_loss: 7.3, cls_loss: 0.8, lr: 2.289e-08, size: 544, ETA: 10:39:03
2022-08-13 21:35:00.414 | INFO     | yolox.core.trainer:after_iter:261 - epoch: 1/200, \
iter: 30/661, mem: 5707Mb, iter_time: 0.310s, data_time: 0.001s, total_loss: 17.7, iou_loss: 4.8, \
l1_loss: 0.0, conf_loss: 12.1, cls_loss: 0.8, lr: 5.150e-08, size: 672, ETA: 10:53:4
"""


def test_yolox(tmp_path: Path) -> None:
    found = read(YOLOX.encode(), tmp_path, 10, 30)
    m = found.measurement
    assert (found.format, m.status, m.first, m.last) == ("yolox", "ok", 11, 30)
    assert m.seconds_per_iteration == pytest.approx((0.267 + 0.310) / 2)
    assert m.printed_seconds == pytest.approx(5.781)  # 21:34:54.633 to 21:35:00.414


def mllog(time_ms: int, value: str, step: int, key: str = "tracked_stats") -> str:
    return (
        f'0: :::MLLOG {{"namespace": "", "time_ms": {time_ms}, "event_type": "POINT_IN_TIME",'
        f' "key": "{key}", "value": {value}, "metadata": {{"file": "callbacks.py", "lineno": 161,'
        f' "step": {step}}}}}\n'
    )


def test_mllog_with_seconds_per_iteration(tmp_path: Path) -> None:
    value = '{"time": 0.061, "data": 0.004, "loss": 1.5}'
    lines = [mllog(1684011446569 + 61 * i, value, i) for i in range(50, 650, 50)]
    found = read("".join(lines).encode(), tmp_path, 100, 500, images=16)
    m = found.measurement
    assert (found.format, m.status, m.first, m.last) == ("mllog", "ok", 101, 500)
    assert m.seconds_per_iteration == pytest.approx(0.061)
    assert m.agreement == pytest.approx(1)
    start = mllog(1684011446569 + 61 * 300, "null", 300, "run_start")
    resumed = "".join([*lines[:6], start, *lines[6:]])
    again = read(resumed.encode(), tmp_path, 100, 500, images=16).measurement
    assert (again.status, again.processes) == ("incomplete_window", 2)


@pytest.mark.parametrize(("per_step", "images"), [(1, 8), (8, 8)])
def test_mllog_with_throughput_counts_iterations_or_samples(
    per_step: int, images: int, tmp_path: Path
) -> None:
    """1.92579 samples/s over 384 samples in 199.434 s, from a published Llama 2 70B LoRA run."""
    text, now_s = "", 1721026606.541
    for block in range(1, 13):
        iterations = 48 * block
        text += mllog(round(1000 * now_s), "null", (iterations - 48) * per_step, "block_start")
        now_s += 199.434
        value = '{"throughput": 1.9257918929116467}'
        text += mllog(round(1000 * now_s), value, iterations * per_step)
        now_s += 44.377  # its evaluation
    m = read(text.encode(), tmp_path, 96, 480, images=images).measurement
    assert (m.status, m.first, m.last) == ("ok", 97, 480)
    assert m.throughput == pytest.approx(1.92579, rel=1e-5)
    assert m.printed_seconds == pytest.approx(8 * 199.434, rel=1e-4)


def test_mllog_whose_steps_are_neither_gives_no_number(tmp_path: Path) -> None:
    lines = [mllog(10**12 + 1000 * i, '{"throughput": 500}', i) for i in range(1, 20)]
    m = read("".join(lines).encode(), tmp_path, 2, 12, images=16).measurement
    assert (m.status, m.throughput) == ("incomplete_window", None)
    assert "a step is 500 samples, neither 1 nor the 16 of an iteration" in m.reason


def test_mllog_whose_steps_may_be_samples_is_asked_for_its_batch(tmp_path: Path) -> None:
    path = tmp_path / "train.log"
    path.write_text(
        "".join(mllog(10**12 + 6000 * i, '{"throughput": 426.7}', 2560 * i) for i in range(1, 40))
    )
    m = parse_log(path, recipes={}, window=Window(first=25600, last=51200)).measurement
    assert (m.status, m.seconds_per_iteration) == ("incomplete_window", None), "they are of images"
    assert "give the batch that was trained (--work-per-iteration N)" in m.explanation


def test_paddledetection(tmp_path: Path) -> None:
    """Lines 5 to 13 are of iterations 21 to 61 of the first epoch, 8 x 5 iterations."""
    found = read(LOGS / "paddledetection.log.gz", tmp_path, 21, 61, images=1)
    m = found.measurement
    assert (found.format, m.status, m.first, m.last) == ("paddledetection", "ok", 22, 61)
    costs = [2.0157, 2.1939, 2.1768, 2.0041, 2.0068, 1.7725, 1.9290, 1.9500]
    assert m.seconds_per_iteration == pytest.approx(sum(costs) / 8)
    assert m.arrival_seconds == pytest.approx(from_pauses("paddledetection", 4, 12))
    # iteration 0 of the second epoch has a line, whose mean is of the first epoch's last, too
    both = read(LOGS / "paddledetection.log.gz", tmp_path, 41, 105, images=1).measurement
    assert (both.first, both.last, both.iterations) == (42, 105, 60)
    assert both.agreement == pytest.approx(1, abs=0.001)


@pytest.mark.parametrize(("length", "iterations"), [(200, 400), (130, 360)])
def test_paddles_line_of_an_epochs_first_iteration_counts_where_it_overlaps_none(
    length: int, iterations: int
) -> None:
    seconds = [3.0 if i % length == 0 else 0.5 for i in range(640)]
    text = ""
    for i in range(640):
        epoch, batch = divmod(i, length)
        if batch % 20 == 0:
            mean = sum(seconds[max(0, i - 19) : i + 1]) / min(20, i + 1)
            text += f"Epoch: [{epoch}] [{batch:3d}/{length}] learning_rate: 0.002000 loss: 2.5"
            text += f" eta: 0:04:12 batch_cost: {mean:.4f} data_cost: 0.0049 ips: 8.0 images/s\n"
    log = LogFormat(format="paddledetection")
    m = measure(parse_samples([(0, text.encode())], log, 16), Window(first=100, last=500), 16)
    assert (m.status, m.iterations) == ("ok", iterations)
    if length == 200:
        assert m.seconds_per_iteration == pytest.approx(sum(seconds[101:501]) / 400, abs=1e-4)


def test_orbit(tmp_path: Path) -> None:
    """Its time stamps of steps 20 and 60: 18:38:22.410155 and 18:39:16.299911."""
    log = LOGS / "orbit.log.gz"
    found = read(log, tmp_path, 20, 60, images=1)
    m = found.measurement
    assert (found.format, m.status, m.first, m.last, m.iterations) == ("orbit", "ok", 21, 60, 40)
    assert m.seconds_per_iteration == pytest.approx((56.299911 + 60 - 22.410155 - 40) / 40)
    assert (m.clock, m.second_clock) == ("log", "arrival"), "what leads is no check of itself"
    assert m.agreement == pytest.approx((120.572 - 66.682) / 53.889756, abs=1e-4)
    assert m.loss_last == pytest.approx((7.8997145 + 7.0891404) / 2)
    text = gzip.decompress(log.read_bytes())
    plain = b"".join(
        line for line in text.splitlines(keepends=True) if b"controller.py" not in line
    )
    assert "steps/sec has one decimal" in read(plain, tmp_path, 20, 60).measurement.explanation
    unlike = text.replace(b"steps/sec:    0.7", b"steps/sec:    1.7")
    assert "not that of its steps" in read(unlike, tmp_path, 20, 60).measurement.explanation
    resumed = text.replace(b"step:      0 | training", b"step:     20 | training")
    resumed = (
        resumed[: resumed.index(b"train | step:      5")]
        + resumed[resumed.index(b"I1128 18:38:27") :]
    )
    assert read(resumed, tmp_path, 20, 60, images=1).measurement.iterations == 40


def test_a_bars_arrival_times_lead_and_its_own_time_serves_without_them(tmp_path: Path) -> None:
    log = LOGS / "tqdm.log.gz"
    found = read(log, tmp_path, 100, 500)
    m = found.measurement
    assert (found.format, m.status, m.clock) == ("tqdm", "ok", "arrival")
    assert m.agreement == pytest.approx(1, abs=0.012)
    bare = read(gzip.decompress(log.read_bytes()), tmp_path, 100, 500).measurement
    assert (bare.status, bare.clock, bare.first, bare.last) == ("ok", "log", m.first, m.last)
    assert bare.seconds_per_iteration == pytest.approx(m.seconds_per_iteration, rel=0.012)
    assert bare.rounding is not None
    assert bare.rounding < 0.01
    # its bar of the second epoch: 200 iterations in 16 to 17 seconds, as its last line says
    second = read(gzip.decompress(log.read_bytes()), tmp_path, 200, 400).measurement
    assert second.iterations == pytest.approx(200, abs=13)


def test_a_bar_that_is_too_short_for_whole_seconds_gives_no_number(tmp_path: Path) -> None:
    frames = [f"\r{i // 6}%|#  | {i}/600 [00:08<00:07,  4.00it/s]" for i in range(1, 601)]
    m = read("".join(frames).encode() + b"\n", tmp_path, 100, 500).measurement
    assert m.throughput is None
    assert "too coarse" in m.reason


def test_lightnings_bar_goes_on_after_a_validation(tmp_path: Path) -> None:
    """The figures are those of a run of RF-DETR: 5 iterations after 23 s, 30 after 2:25."""
    seen = [(5, "00:23"), (10, "00:56"), (15, "01:19"), (20, "01:41"), (25, "02:03")]
    seen += [(30, "02:25"), (32, "02:34"), (32, "02:38"), (32, "02:41")]
    text = "Epoch 0:   0%|     | 0/32 [00:00<?, ?it/s]"
    for done, passed in seen:
        if passed == "02:38":
            text += "\nValidation DataLoader 0:  62%|##   | 5/8 [00:02<00:01,  1.83it/s]\x1b[A"
        text += f"\rEpoch 0:  50%|##   | {done}/32 [{passed}<00:01,  0.21it/s, loss=56.2]"
    m = read(text.encode() + b"\n", tmp_path, 5, 30, images=2).measurement
    assert (m.status, m.first, m.last) == ("ok", 6, 30)
    assert m.seconds_per_iteration == pytest.approx((145 - 23) / 25)


RESULTS = b"""\
epoch,time,train/box_loss,train/cls_loss,metrics/mAP50(B),lr/pg0
1,599.92,0.93206,1.40172,0.17518,0.00066634
2,1174.33,0.95157,1.15321,0.16825,0.00128902
3,1748.96,0.95262,1.15747,0.16991,0.0018677
4,2325.92,0.95675,1.17594,0.17303,0.001802
"""


def test_results_csv_needs_to_be_told_how_long_an_epoch_is(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="iterations an epoch has; give --every"):
        read(RESULTS, tmp_path, 100, 300)
    log = LogFormat(format="ultralytics-csv", every=100)
    samples = list(parse_samples([(0, RESULTS)], log, 16))
    assert [(s.last, s.count) for s in samples] == [(100, 100), (200, 100), (300, 100), (400, 100)]
    m = measure(samples, Window(first=100, last=300), 16)
    assert m.throughput == pytest.approx(200 * 16 / (1748.96 - 599.92))
    path = tmp_path / "results.csv"
    path.write_bytes(RESULTS)
    resumed = RESULTS.replace(b"1748.96", b"600.5").replace(b"2325.92", b"1101.25")
    again = measure(parse_samples([(0, resumed)], log, 16), Window(first=100, last=400), 16)
    assert (again.status, again.processes) == ("incomplete_window", 2)
    told = parse_log(path, recipes={}, window=Window(first=100, last=300), given={"every": 100})
    seconds = told.measurement.seconds_per_iteration  # known without any number of images
    assert seconds == pytest.approx((1748.96 - 599.92) / 200)


@pytest.mark.parametrize("every", [10, 20, 5])
def test_trainers_lines_are_placed_by_what_the_log_says_of_an_epoch(
    every: int, tmp_path: Path
) -> None:
    log = LOGS / "hf-detection.log.gz"
    window = Window(first=10, last=30)

    def parsed(path: Path) -> ParsedLog:
        given = {"every": every}
        return parse_log(path, recipes={}, window=window, work_per_iteration=2, given=given)

    found = parsed(log)
    m = found.measurement
    assert (found.format, m.status, m.clock, m.iterations) == ("hf-trainer", "ok", "arrival", 20)
    assert m.seconds_per_iteration == pytest.approx((39.6858 - 37.3659) / 20)
    lines = gzip.decompress(log.read_bytes()).splitlines(keepends=True)
    bare = tmp_path / "train.log"
    bare.write_bytes(b"".join(line for line in lines if b"Num update steps" not in line))
    if every == 10:
        assert "tell no seconds" in parsed(bare).measurement.reason
    else:
        with pytest.raises(MeasureError, match=f"made 40 steps.* and {4 * every} if"):
            parsed(bare)


def test_a_bar_that_goes_on_behind_a_validation_ended_before_it() -> None:
    m = parse_log(
        LOGS / "rfdetr.log.gz",
        recipes={},
        window=Window(first=10, last=32),
        work_per_iteration=2,
    ).measurement
    assert (m.status, m.clock, m.last) == ("ok", "arrival", 32)
    assert m.seconds_per_iteration == pytest.approx((163.7434 - 65.5713) / 22)
    assert m.agreement == pytest.approx(1, abs=0.01)
