"""Formats of today's trainers, read from their own lines, each against a pocket calculator.

pytorch-imagenet and swin: upstream's own `train` and `train_one_epoch` (pytorch/examples 77f55b91,
Swin-Transformer f82860bf) around a model that sleeps; timm: its train.py aa4b5850 on a CPU; yolox
and mllog: figures from logs that their users have published.
"""

from pathlib import Path

import pytest

from mrbench.measure.anylog import ParsedLog, parse_log
from mrbench.model.inputs import Window

LOGS = Path(__file__).parent / "logs"


def read(log: Path | bytes, tmp_path: Path, first: int, last: int, images: int = 8) -> ParsedLog:
    if isinstance(log, bytes):
        path = tmp_path / "train.log"
        path.write_bytes(log)
        log = path
    window = Window(first=first, last=last)
    return parse_log(log, recipes={}, window=window, images_per_iteration=images)


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


def test_a_mean_begins_anew_with_the_epoch(tmp_path: Path) -> None:
    # epoch 0 ends with a line of its last batch in timm: all 30 batches are timed
    m = read(LOGS / "timm.log", tmp_path, 0, 30).measurement
    assert (m.status, m.iterations, m.warnings) == ("ok", 30, ())
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
    assert m.images_per_second == pytest.approx(1.92579, rel=1e-5)
    assert m.printed_seconds == pytest.approx(8 * 199.434, rel=1e-4)


def test_mllog_whose_steps_are_neither_gives_no_number(tmp_path: Path) -> None:
    lines = [mllog(10**12 + 1000 * i, '{"throughput": 500}', i) for i in range(1, 20)]
    m = read("".join(lines).encode(), tmp_path, 2, 12, images=16).measurement
    assert m.images_per_second is None or m.clock == "printed"
