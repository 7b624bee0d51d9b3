"""Writes training logs as the implementations print them, from known seconds per iteration.

Where an implementation prints the time of day, it is that of the iterations; 30 % of each are spent
waiting for data where the log tells.
"""

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from statistics import fmean, median

Render = Callable[[Sequence[float], int], list[str]]  # seconds, images per iteration -> lines

BEGAN = datetime(2026, 5, 23, 23, 57, 16, 164_000)  # noqa: DTZ001 - logs print the local time
WAITING = 0.3  # of an iteration, for data


def at(seconds: Sequence[float], done: int, form: str) -> str:
    """Return the time of day after the first `done` iterations; %f has three digits here."""
    now = BEGAN + timedelta(seconds=sum(seconds[:done]))
    return now.strftime(form.replace("%f", f"{now.microsecond // 1000:03d}"))


def detectron2(seconds: Sequence[float], _images: int, *, today: bool = False) -> list[str]:
    lines = ["[05/23 23:57:16 d2.engine.train_loop]: Starting training from iteration 0\n"]
    for i in range(19, len(seconds), 20):
        mean = fmean(seconds[2 : i + 1])  # IterationTimer skips iterations 0 and 1
        data = WAITING * fmean(seconds[i - 19 : i + 1])
        now = at(seconds, i + 1, "%m/%d %H:%M:%S")
        head = f"[{now} d2.utils.events]: "
        loss = f"eta: 20:35:02  iter: {i}  total_loss: 4.146  loss_cls: 3.018  "
        times = f"time: {mean:.4f}  data_time: {data:.4f}  lr: 0.000400  max_mem: 4710M\n"
        if today:
            times = (
                f"  time: {mean:.4f}  last_time: {seconds[i]:.4f}  data_time: {data:.4f}"
                f"  last_data_time: 0.0014   lr: 0.00025  max_mem: 5449M\n"
            )
            head = f"\x1b[32m[{now} d2.utils.events]: \x1b[0m "
        lines.append(head + loss + times)
    lines.append("[05/24 16:52:31 d2.engine.hooks]: Overall training speed: 9 iterations in 0:01\n")
    return lines


def detectron2_today(seconds: Sequence[float], images: int) -> list[str]:
    return detectron2(seconds, images, today=True)


def maskrcnn_benchmark(seconds: Sequence[float], _images: int) -> list[str]:
    lines = ["2026-05-23 23:57:16,164 maskrcnn_benchmark.trainer INFO: Start training\n"]
    for i in range(20, len(seconds) + 1, 20):
        recent, overall = median(seconds[i - 20 : i]), fmean(seconds[:i])
        now = at(seconds, i, "%Y-%m-%d %H:%M:%S,%f")
        lines.append(
            f"{now} maskrcnn_benchmark.trainer INFO: eta: 14:31:17  iter: {i}"
            f"  loss: 2.2377 (2.3266)  time: {recent:.4f} ({overall:.4f})"
            f"  data: 0.0040 ({WAITING * overall:.4f})  lr: 0.000360  max mem: 2463\n"
        )
        lines.append(
            f"{now} maskrcnn_benchmark.trainer INFO: [Validation]:  eta: 0:0:1"
            f"  iter: {i}  loss: 2.2377 (2.3266)  time: 9.0000 (9.0000)  data: 0.0040 (0.0200)\n"
        )
    return lines


def mmdetection(seconds: Sequence[float], _images: int) -> list[str]:
    lines = ["2026-05-23 23:57:16,164 - mmdet - INFO - Start running, host: a@b, work_dir: /c\n"]
    for i in range(50, len(seconds) + 1, 50):
        mean = fmean(seconds[i - 50 : i])
        now = at(seconds, i, "%Y-%m-%d %H:%M:%S,%f")
        lines.append(
            f"{now} - mmdet - INFO - Epoch [1][{i}/959]\tlr: 8.3e-04, eta: 2:42:58"
            f", time: {mean:.3f}, data_time: {WAITING * mean:.3f}, memory: 3566"
            ", s0.loss_cls: 0.1, loss: 3.8790, grad_norm: 2.1930\n"
        )
    return lines


def mmdetection_json(seconds: Sequence[float], _images: int) -> list[str]:
    lines = ['{"env_info": "sys.platform: linux", "seed": null}\n']
    for i in range(50, len(seconds) + 1, 50):
        mean = round(fmean(seconds[i - 50 : i]), 5)
        entry = {"mode": "train", "epoch": 1, "iter": i, "lr": 0.001, "memory": 3566}
        entry |= {"data_time": round(WAITING * mean, 5), "loss": 1.0, "time": mean}
        lines.append(json.dumps(entry) + "\n")
    return lines


def mmdetection3(seconds: Sequence[float], _images: int) -> list[str]:
    lines = [
        "log_processor = dict(by_epoch=True, type='LogProcessor', window_size=50)\n",
        "05/23 23:57:16 - mmengine - INFO - Checkpoints will be saved to /out.\n",
    ]
    for i in range(50, len(seconds) + 1, 50):
        mean = fmean(seconds[max(0, i - 50) : i])
        now = at(seconds, i, "%m/%d %H:%M:%S")
        lines.append(
            f"{now} - mmengine - INFO - Epoch(train) [1][{i:4d}/7330]  lr: 3.9e-07  eta: 0:00:06"
            f"  time: {mean:.4f}  data_time: {WAITING * mean:.4f}  memory: 3566  loss: 9.3290\n"
        )
        lines.append(
            f"{now} - mmengine - INFO - Epoch(val) [1][50/625]  eta: 0:00:06"
            "  time: 9.9999  data_time: 0.0152\n"
        )
    return lines


def scalars(seconds: Sequence[float], _images: int) -> list[str]:
    lines = []
    for i in range(50, len(seconds) + 1, 50):
        mean = fmean(seconds[i - 50 : i])
        entry = {
            "lr": 1e-07,
            "data_time": WAITING * mean,
            "loss": 9.3,
            "time": mean,
            "memory": 3566,
        }
        lines.append(json.dumps(entry | {"epoch": 1, "iter": i, "step": i}) + "\n")
        lines.append(json.dumps({"coco/bbox_mAP": 0.1, "time": 9.9, "step": 1}) + "\n")
    return lines


def simpledet(seconds: Sequence[float], images: int) -> list[str]:
    lines = []
    for k in range(10, len(seconds), 10):  # batch 0 only starts the clock
        rate = 10 * images / sum(seconds[k - 9 : k + 1])
        now = at(seconds, k + 1, "%m-%d %H:%M:%S")
        lines.append(
            f"{now} Epoch[0] Batch [{k}]\tSpeed: {rate:.2f} samples/sec\t"
            "Train-RpnAcc=0.554313,\tRpnL1=1.112343,\t\n"
        )
    return lines


def gluoncv(seconds: Sequence[float], images: int) -> list[str]:
    lines = ["Start training from [Epoch 0]\n"]
    for i in range(100, len(seconds) + 1, 100):
        rate = 100 * images / sum(seconds[i - 100 : i])
        lines.append(
            f"[Epoch 0][Batch {i - 1}], Speed: {rate:.3f} samples/sec, RPN_Conf=0.233,RPNAcc=nan\n"
        )
    return lines


def detectron(seconds: Sequence[float], _images: int, *, bare: bool = False) -> list[str]:
    lines = ["INFO train.py: 176: Building model: generalized_rcnn\n"]
    for n in range(0, len(seconds), 20):
        mean = fmean(seconds[21 if n > 20 else 0 : n + 1])  # the timer is reset after iteration 20
        text = f'"{mean:.6f}"' if not bare else f"{mean:.6f}"
        lines.append(
            f'json_stats: {{"accuracy_cls": "0.882812", "eta": "0:01:11", "iter": {n},'
            f' "loss": "1.364520", "loss_bbox": "1.0", "mem": 4711, "time": {text}}}\n'
        )
    return lines


def detectron_bare(seconds: Sequence[float], images: int) -> list[str]:
    return detectron(seconds, images, bare=True)


def humanized(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.3g} seconds"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes} minute{'s' * (minutes > 1)} {rest} seconds"


def tensorpack(seconds: Sequence[float], images: int, *, rates: bool = True) -> list[str]:
    lines = []
    for e in range(1, len(seconds) // 50 + 1):
        total = sum(seconds[50 * (e - 1) : 50 * e])
        head = f"\x1b[32m[{at(seconds, 50 * (e - 1), '%m%d %H:%M:%S')} @base.py:275]\x1b[0m "
        lines.append(f"{head}Start Epoch {e} ...\n")
        head = f"\x1b[32m[{at(seconds, 50 * e, '%m%d %H:%M:%S')} @base.py:285]\x1b[0m "
        bar = "\r  0%|          |0/50[00:00<?,?it/s]\r100%|###|50/50[21:29<00:00, 0.39it/s]"
        lines.append(f"{bar}{head}Epoch {e} (global_step {50 * e}) finished, time:")
        lines[-1] += f"{humanized(total)}.\n"
        if rates:
            lines.append(f"{head}Throughput (samples/sec): {50 * images / total:.5g}\n")
        lines.append(f"{head}total_cost: 8.8142\n")
    return lines


def tensorpack_without_rates(seconds: Sequence[float], images: int) -> list[str]:
    return tensorpack(seconds, images, rates=False)


def tensorpack_stats(seconds: Sequence[float], images: int) -> list[str]:
    entries = []
    for e in range(1, len(seconds) // 50 + 1):
        rate = 50 * images / sum(seconds[50 * (e - 1) : 50 * e])
        entry = {"epoch_num": e, "global_step": 50 * e, "total_cost": 1.5}
        entries += [entry, entry | {"Throughput (samples/sec)": rate}]
    return [json.dumps(entries)]


def keras(seconds: Sequence[float], _images: int, *, terminal: bool = False) -> list[str]:
    text = "Starting at epoch 0. LR=0.001\n"
    for e in range(1, len(seconds) // 50 + 1):
        text += f"Epoch {e}/40\n"
        width = 0
        for n in range(1, 51):
            done = sum(seconds[50 * (e - 1) : 50 * (e - 1) + n])
            each = done / n
            speed = f"{each:.0f}s/step" if each >= 1 else f"{each * 1e3:.0f}ms/step"
            bar = f"{n:2d}/50 [{'=' * 29}>]" if n < 50 else f"50/50 [{'=' * 30}]"
            bar += " - ETA: 1s" if n < 50 else f" - {done:.0f}s {speed}"
            bar += " - loss: 47.1491 - mrcnn_bbox_loss: 0.0000e+00"
            text += ("\b" * width + "\r" if terminal else "\n") + bar
            width = len(bar)
        text += "\n"
    return text.splitlines(keepends=True)


def keras_terminal(seconds: Sequence[float], images: int) -> list[str]:
    return keras(seconds, images, terminal=True)


def torchvision(seconds: Sequence[float], _images: int) -> list[str]:
    lines = []
    for i in range(0, len(seconds), 10):
        mean = fmean(seconds[max(0, i - 19) : i + 1])
        lines.append(
            f"Epoch: [0]  [{i:4d}/7330]  eta: 0:01:40  lr: 0.000090  loss: 4.6277 (4.6277)"
            f"  time: {mean:.4f}  data: {WAITING * mean:.4f}  max mem: 2121\n"
        )
        lines.append("Test:  [ 0/50]  eta: 0:00:12  model_time: 0.1 (0.1)  time: 9.9  data: 0.1\n")
    return lines


def minimask(seconds: Sequence[float], _images: int) -> list[str]:
    return [
        f"[{at(seconds, i, '%Y-%m-%d %H:%M:%S,%f')}] iter: {i}/520  loss: 3.2104  loss_rpn: 0.1"
        f"  time: {fmean(seconds[i - 20 : i]):.4f}"
        f"  data_time: {WAITING * fmean(seconds[i - 20 : i]):.4f}  lr: 0.001000\n"
        for i in range(20, len(seconds) + 1, 20)
    ]


def mxnet(seconds: Sequence[float], images: int) -> list[str]:
    lines = []
    for k in range(20, len(seconds), 20):  # Speedometer(frequent=20): batch 0 starts the clock
        rate = 20 * images / sum(seconds[k - 19 : k + 1])
        lines.append(
            f"INFO:root:Epoch[0] Batch [{k - 20}-{k}]\tSpeed: {rate:.2f} samples/sec"
            "\taccuracy=0.554313\tcross-entropy=1.5\n"
        )
    return lines


def pytorch_imagenet(seconds: Sequence[float], _images: int) -> list[str]:
    return [
        f"Epoch: [0][{i + 1:5d}/5005]\tTime {seconds[i]:6.3f} ({fmean(seconds[: i + 1]):6.3f})"
        f"\tData  0.002 ({WAITING * fmean(seconds[: i + 1]):6.3f})\tLoss 6.9e+00 (6.9e+00)"
        "\tAcc@1   0.39 (  0.39)\n"
        for i in range(0, len(seconds), 50)
    ]


def swin(seconds: Sequence[float], _images: int) -> list[str]:
    return [
        f"[{at(seconds, i + 1, '%Y-%m-%d %H:%M:%S')} swin_tiny] (main.py 222): INFO"
        f" Train: [0/300][{i}/1251]\teta 0:10:00 lr 0.000001\t wd 0.0500"
        f"\ttime {seconds[i]:.4f} ({fmean(seconds[: i + 1]):.4f})\tloss 6.9000 (6.9000)"
        "\tgrad_norm 1.0000 (1.0000)\tmem 9000MB\n"
        for i in range(0, len(seconds), 10)
    ]


def timm(seconds: Sequence[float], images: int) -> list[str]:
    lines = []
    for i in range(0, len(seconds), 50):
        own, mean = seconds[i], fmean(seconds[: i + 1])
        lines.append(
            f"Train: 0 [{i:>4d}/1251 ({100 * i / 1250:>3.0f}%)]  Loss: 1.46 (1.46)"
            f"  Time: {own:.3f}s, {images / own:>7.2f}/s  ({mean:.3f}s, {images / mean:>7.2f}/s)"
            f"  LR: 1.000e-03  Data: 0.057 ({WAITING * mean:.3f})\n"
        )
        lines.append("Test: [   0/15]  Time: 0.098 (0.098)  Loss: 1.3 (1.3)  Acc@1: 0.1 (0.1)\n")
    return lines


def yolox(seconds: Sequence[float], _images: int) -> list[str]:
    return [
        f"{at(seconds, i, '%Y-%m-%d %H:%M:%S.%f')} | INFO     | yolox.core.trainer:after_iter:261 -"
        f" epoch: 1/300, iter: {i}/1849, gpu mem: 5707Mb, mem: 9.1Gb,"
        f" iter_time: {fmean(seconds[i - 20 : i]):.3f}s,"
        f" data_time: {WAITING * fmean(seconds[i - 20 : i]):.3f}s, total_loss: 18.7, iou_loss: 4.8,"
        " lr: 5.722e-09, size: 640, ETA: 11:30:01\n"
        for i in range(20, len(seconds) + 1, 20)
    ]


def paddledetection(seconds: Sequence[float], _images: int) -> list[str]:
    return [
        f"[{at(seconds, i + 1, '%m/%d %H:%M:%S')}] ppdet.engine.callbacks INFO: Epoch: [0]"
        f" [{i:4d}/7329] learning_rate: 0.000001 loss_mask: 178.14 loss: 224.737350 eta: 0:06:50"
        f" batch_cost: {fmean(seconds[max(0, i - 19) : i + 1]):.4f}"
        f" data_cost: {WAITING * fmean(seconds[max(0, i - 19) : i + 1]):.4f} ips: 0.33 images/s,"
        " max_mem_reserved: 4710 MB, max_mem_allocated: 3566 MB\n"
        for i in range(0, len(seconds), 20)
    ]


def orbit(seconds: Sequence[float], _images: int) -> list[str]:
    """Return each message twice, and a value of several lines behind it."""

    def head(done: int) -> str:
        now = BEGAN + timedelta(seconds=sum(seconds[:done]))
        return f"I{now:%m%d %H:%M:%S.%f} 140408871365504 controller.py:535] "

    text = "train | step:      0 | training until step 1000...\n"
    lines = [head(0) + text, text]
    for i in range(20, len(seconds) + 1, 20):
        rate = 1 / fmean(seconds[i - 20 : i])
        text = f"train | step: {i:6d} | steps/sec: {rate:6.1f} | output: \n"
        told = "    {'mask_loss': np.float32(1.05),\n     'training_loss': np.float32(2.5)}\n"
        lines += [head(i) + text, told, text, told]
    return lines


def mllog(seconds: Sequence[float], _images: int) -> list[str]:
    lines = []
    for i in range(50, len(seconds) + 1, 50):
        event = {"time_ms": round(1000 * (1.7e9 + sum(seconds[:i]))), "event_type": "POINT_IN_TIME"}
        value = {"time": round(fmean(seconds[i - 50 : i]), 5), "loss": 1.5}
        event |= {"key": "tracked_stats", "value": value, "metadata": {"lineno": 562, "step": i}}
        lines.append(f":::MLLOG {json.dumps({'namespace': '', **event})}\n")
    return lines


def tqdm(seconds: Sequence[float], _images: int) -> list[str]:
    text = "Epoch 0:   0%|          | 0/1000 [00:00<?, ?it/s]"
    for n in range(1, len(seconds) + 1):
        minutes, whole = divmod(int(sum(seconds[:n])), 60)
        text += f"\rEpoch 0: {n // 10:3d}%|###       | {n}/1000 [{minutes:02d}:{whole:02d}<00:07,"
        text += f"  {n / sum(seconds[:n]):.2f}it/s, loss=2.5]"
    return (text + "\n").splitlines(keepends=True)


def ultralytics(seconds: Sequence[float], _images: int) -> list[str]:
    head = "      Epoch    GPU_mem   box_loss  Instances       Size\n"
    text = f"Starting training for 3 epochs...\n\n{head}"
    for n in range(len(seconds)):
        passed = sum(seconds[: n + 1])
        text += f"\r\x1b[K        1/3      1.25G        2.5         24        640: {n // 10}%"
        text += f" ━╸─── {n}/1000 3.5it/s {round(passed) // 60}:{round(passed) % 60:02d}<7.5s"
    return (text + "\n").splitlines(keepends=True)


def ultralytics_csv(seconds: Sequence[float], _images: int) -> list[str]:
    epochs = range(1, len(seconds) // 50 + 1)
    rows = [f"{e},{sum(seconds[: 50 * e]):.6g},0.93,0.001\n" for e in epochs]
    return ["epoch,time,train/box_loss,lr/pg0\n", *rows]
