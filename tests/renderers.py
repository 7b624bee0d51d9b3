"""Writes training logs as the implementations print them, from known seconds per iteration."""

import json
from collections.abc import Callable, Sequence
from statistics import fmean, median

Render = Callable[[Sequence[float], int], list[str]]  # seconds, images per iteration -> lines


def detectron2(seconds: Sequence[float], _images: int, *, today: bool = False) -> list[str]:
    lines = ["[05/23 23:57:16 d2.engine.train_loop]: Starting training from iteration 0\n"]
    for i in range(19, len(seconds), 20):
        mean = fmean(seconds[2 : i + 1])  # IterationTimer skips iterations 0 and 1
        data = 0.3 * mean
        head = "[05/23 23:57:47 d2.utils.events]: "
        loss = f"eta: 20:35:02  iter: {i}  total_loss: 4.146  loss_cls: 3.018  "
        times = f"time: {mean:.4f}  data_time: {data:.4f}  lr: 0.000400  max_mem: 4710M\n"
        if today:
            times = (
                f"  time: {mean:.4f}  last_time: {seconds[i]:.4f}  data_time: {data:.4f}"
                f"  last_data_time: 0.0014   lr: 0.00025  max_mem: 5449M\n"
            )
            head = "\x1b[32m[10/18 16:47:49 d2.utils.events]: \x1b[0m "
        lines.append(head + loss + times)
    lines.append("[05/24 16:52:31 d2.engine.hooks]: Overall training speed: 9 iterations in 0:01\n")
    return lines


def detectron2_today(seconds: Sequence[float], images: int) -> list[str]:
    return detectron2(seconds, images, today=True)


def maskrcnn_benchmark(seconds: Sequence[float], _images: int) -> list[str]:
    lines = ["2019-07-26 15:58:29,164 maskrcnn_benchmark.trainer INFO: Start training\n"]
    for i in range(20, len(seconds) + 1, 20):
        recent, overall = median(seconds[i - 20 : i]), fmean(seconds[:i])
        lines.append(
            f"2019-07-26 15:58:44,106 maskrcnn_benchmark.trainer INFO: eta: 14:31:17  iter: {i}"
            f"  loss: 2.2377 (2.3266)  time: {recent:.4f} ({overall:.4f})"
            "  data: 0.0040 (0.0200)  lr: 0.000360  max mem: 2463\n"
        )
        lines.append(
            "2019-07-26 15:58:44,106 maskrcnn_benchmark.trainer INFO: [Validation]:  eta: 0:0:1"
            f"  iter: {i}  loss: 2.2377 (2.3266)  time: 9.0000 (9.0000)  data: 0.0040 (0.0200)\n"
        )
    return lines


def mmdetection(seconds: Sequence[float], _images: int) -> list[str]:
    lines = ["2020-01-08 03:52:04,061 - mmdet - INFO - Start running, host: a@b, work_dir: /c\n"]
    for i in range(50, len(seconds) + 1, 50):
        mean = fmean(seconds[i - 50 : i])
        lines.append(
            f"2020-01-08 03:52:25,483 - mmdet - INFO - Epoch [1][{i}/959]\tlr: 8.3e-04"
            f", eta: 2:42:58, time: {mean:.3f}, data_time: 0.015, memory: 3566"
            ", s0.loss_cls: 0.1, loss: 3.8790, grad_norm: 2.1930\n"
        )
    return lines


def mmdetection_json(seconds: Sequence[float], _images: int) -> list[str]:
    lines = ['{"env_info": "sys.platform: linux", "seed": null}\n']
    for i in range(50, len(seconds) + 1, 50):
        mean = round(fmean(seconds[i - 50 : i]), 5)
        entry = {"mode": "train", "epoch": 1, "iter": i, "lr": 0.001, "memory": 3566}
        lines.append(json.dumps(entry | {"data_time": 0.01, "loss": 1.0, "time": mean}) + "\n")
    return lines


def mmdetection3(seconds: Sequence[float], _images: int) -> list[str]:
    lines = ["11/23 11:42:10 - mmengine - INFO - Checkpoints will be saved to /out.\n"]
    for i in range(50, len(seconds) + 1, 50):
        mean = fmean(seconds[max(0, i - 50) : i])
        lines.append(
            f"11/23 11:42:10 - mmengine - INFO - Epoch(train) [1][{i:4d}/7330]  lr: 3.9e-07"
            f"  eta: 0:00:06  time: {mean:.4f}  data_time: 0.0152  loss: 9.3290\n"
        )
        lines.append(
            "11/23 11:42:10 - mmengine - INFO - Epoch(val) [1][50/625]  eta: 0:00:06"
            "  time: 9.9999  data_time: 0.0152\n"
        )
    return lines


def scalars(seconds: Sequence[float], _images: int) -> list[str]:
    lines = []
    for i in range(50, len(seconds) + 1, 50):
        entry = {"lr": 1e-07, "data_time": 0.01, "loss": 9.3, "time": fmean(seconds[i - 50 : i])}
        lines.append(json.dumps(entry | {"epoch": 1, "iter": i, "step": i}) + "\n")
        lines.append(json.dumps({"coco/bbox_mAP": 0.1, "time": 9.9, "step": 1}) + "\n")
    return lines


def simpledet(seconds: Sequence[float], images: int) -> list[str]:
    lines = []
    for k in range(10, len(seconds), 10):  # batch 0 only starts the clock
        rate = 10 * images / sum(seconds[k - 9 : k + 1])
        lines.append(
            f"09-07 11:34:06 Epoch[0] Batch [{k}]\tSpeed: {rate:.2f} samples/sec\t"
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
            f' "loss": "1.364520", "loss_bbox": "1.0", "mb_qsize": 4, "mem": 0, "time": {text}}}\n'
        )
    return lines


def detectron_bare(seconds: Sequence[float], images: int) -> list[str]:
    return detectron(seconds, images, bare=True)


def humanized(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.3g} seconds"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} minute{'s' * (minutes > 1)} {rest} seconds"


def tensorpack(seconds: Sequence[float], images: int, *, rates: bool = True) -> list[str]:
    lines = []
    for e in range(1, len(seconds) // 50 + 1):
        total = sum(seconds[50 * (e - 1) : 50 * e])
        head = "\x1b[32m[1123 11:41:29 @base.py:275]\x1b[0m "
        lines.append(f"{head}Start Epoch {e} ...\n")
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
            f"  time: {mean:.4f}  data: 0.1612  max mem: 2121\n"
        )
        lines.append("Test:  [ 0/50]  eta: 0:00:12  model_time: 0.1 (0.1)  time: 9.9  data: 0.1\n")
    return lines


def minimask(seconds: Sequence[float], _images: int) -> list[str]:
    return [
        f"[2026-11-23 11:42:10,123] iter: {i}/520  loss: 3.2104  loss_rpn: 0.1"
        f"  time: {fmean(seconds[i - 20 : i]):.4f}  data_time: 0.0011  lr: 0.001000\n"
        for i in range(20, len(seconds) + 1, 20)
    ]
