"""Renders logs of language models' trainers, one line per element, as renderers.py does.

seconds: of each iteration; work: units of it in one iteration. Each trainer leaves out, or counts
wrongly, what it does in life.
"""

import json
from collections.abc import Sequence
from itertools import accumulate

BEGAN_S = 1_727_486_904.0


def clock(seconds: float) -> str:
    """Return a time of day, to microseconds."""
    whole = int(seconds) % 86400
    text = f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"
    return f"{text}.{int(seconds % 1 * 1e6):06d}"


def nanogpt(seconds: Sequence[float], _work: int) -> list[str]:
    return [
        f"iter {i}: loss 3.1234, time {s * 1000:.2f}ms, mfu 17.60%\n" for i, s in enumerate(seconds)
    ]


def build_nanogpt(seconds: Sequence[float], work: int) -> list[str]:
    return [
        f"step {i:5d} | loss: 9.7817 | lr 1.0e-05 | norm: 2.99 | dt: {s * 1000:.2f}ms"
        f" | tok/sec: {work / s:.2f}\n"
        for i, s in enumerate(seconds)
    ]


def nanochat(seconds: Sequence[float], work: int) -> list[str]:
    return [
        f"step {i:05d}/{len(seconds):05d} ({100 * i / len(seconds):.2f}%) | loss: 6.91 | lrm: 0.30"
        f" | dt: {s * 1000:.2f}ms | tok/sec: {int(work / s):,} | mfu: 0.00 | total time: 0.00m\n"
        for i, s in enumerate(seconds)
    ]


def speedrun(seconds: Sequence[float], _work: int) -> list[str]:
    lines, total = [f"step:0/{len(seconds)} val_loss:10.8 train_time:0ms step_avg:nanms\n"], 0.0
    for i, s in enumerate(seconds, 1):
        total = s if i == 11 else total + s
        head = f"step:{i}/{len(seconds)}"
        lines.append(f"{head} train_time:{total * 1000:.0f}ms step_avg:{total * 1000 / i:.2f}ms\n")
    return lines


def torchtitan(seconds: Sequence[float], work: int) -> list[str]:
    lines, last, before = [], 0, 0.0
    for i, total in enumerate(accumulate(seconds), 1):
        if i == 1 or i % 10 == 0:
            tps = work * (i - last) / (total - before)
            lines.append(
                f"[titan] 2025-06-16 {clock(total).replace('.', ',')[:12]} - root - INFO - step:"
                f" {i:2d}  loss:  6.1384  memory: 49.66GiB(52.28%)  tps: {round(tps):,}"
                "  tflops: 339.16  mfu: 34.29%\n"
            )
            last, before = i, total
    return lines


def megatron(seconds: Sequence[float], work: int) -> list[str]:
    totals = list(accumulate(seconds))
    return [
        f" [2025-04-13 {clock(totals[i - 1])}] iteration {i:8d}/{len(seconds):8d} | consumed"
        f" samples: {work * i:12d} | elapsed time per iteration (ms):"
        f" {sum(seconds[i - 10 : i]) * 100:.1f} | learning rate: 1.0E-04 | global batch size:"
        f" {work:5d} | lm loss: 9.0E+00 | number of skipped iterations:   0 |\n"
        for i in range(10, len(seconds) + 1, 10)
    ]


def maxtext(seconds: Sequence[float], work: int) -> list[str]:
    return [
        f"I1128 {clock(total)} 1400 metric_logger.py:265] completed step: {i}, seconds: {s:.3f},"
        f" TFLOP/s/device: 0.020, Tokens/s/device: {work / s:.3f}, total_weights: {work},"
        " loss: 6.4\n"
        for i, (s, total) in enumerate(zip(seconds, accumulate(seconds), strict=True))
    ]


def litgpt(seconds: Sequence[float], _work: int) -> list[str]:
    return [
        f"Epoch 1 | iter {i} step {i} | loss train: 6.4, val: n/a | iter time: {s * 1000:.2f} ms"
        " (step) remaining time: 0:10:41\n"
        for i, s in enumerate(seconds, 1)
    ]


def litgpt_csv(seconds: Sequence[float], work: int) -> list[str]:
    totals = list(accumulate(seconds))
    rows = [f"{i},6.4,{totals[i - 1]},{work * i}\n" for i in range(10, len(seconds) + 1, 10)]
    return ["iter,loss,time,total_tokens\n", *rows]


def lightning_csv(seconds: Sequence[float], _work: int) -> list[str]:
    totals = list(accumulate(seconds))
    rows = [f"0,{i - 1},{totals[i - 1]}\n" for i in range(10, len(seconds) + 1, 10)]
    return ["epoch,step,train/time\n", *rows]


def dllogger(seconds: Sequence[float], work: int) -> list[str]:
    lines = []
    for i, total in enumerate(accumulate(seconds)):
        data = {"reduced_train_loss": 9.5, "consumed_samples": work * (i + 1.0)}
        row = {"timestamp": f"{BEGAN_S + total:.6f}", "type": "LOG", "step": i, "data": data}
        lines.append(f"DLLL {json.dumps(row)}\n")
    return lines


def hf_trainer(seconds: Sequence[float], work: int) -> list[str]:
    totals = list(accumulate(seconds))
    return [
        f"{{'loss': '6.203', 'grad_norm': '0.27', 'epoch': '{1e-5 * i:.4g}',"
        f" 'num_input_tokens_seen': {work * i}, 'train_runtime': '{totals[i - 1]:.4g}'}}\n"
        for i in range(10, len(seconds) + 1, 10)
    ]
