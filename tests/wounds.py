"""What happens to logs between a training and its reader: harmless and harmful."""

import random
import re
from collections.abc import Callable

Wound = Callable[[list[bytes], random.Random], list[bytes]]  # lines -> lines

# Lines that no training prints of itself, some of which look as if.
JUNK = [
    b"/usr/lib/python3.7/site-packages/torch/nn/functional.py:2: UserWarning: time: 9.9  \n",
    b"  warnings.warn('iter 20, time 9.9')\n",
    b"[05/24 00:01:02 d2.evaluation.evaluator]: Inference done 11/5000. 0.0861 s / img.\n",
    b"Test:  [ 10/100]  eta: 0:00:12  model_time: 0.1 (0.1)  time: 9.9  data: 0.1  max mem: 2\n",
    b"2026-05-24 00:01:02,123 - mmdet - INFO - Epoch(val) [1][50/500]\ttime: 9.9, data_time: 9\n",
    b"05/24 00:01:02 - mmengine - INFO - Epoch(val) [1][50/625]  time: 9.9999  data_time: 0.01\n",
    b"2026-05-24 00:01:02,1 trainer INFO: [Validation]:  iter: 240  loss: 2 (2)  time: 9.0 (9.0)\n",
    b'{"mode": "val", "epoch": 1, "iter": 500, "lr": 0.1, "loss": 9.9, "time": 9.9}\n',
    b'{"coco/bbox_mAP": 0.1, "data_time": 0.01, "time": 9.9, "step": 7330}\n',
    b':::MLLOG {"key": "tracked_stats", "value": {"time": 9.9, "iter": 20, "data": 0.1}}\n',
    b"node7:93096:93121 [0] NCCL INFO Channel 00 :    0   1   2   3\n",
    b"Epoch[0] Validation-accuracy=0.5\n",
    b"Epoch[0] Time cost=332.061\n",
    b"Average Precision  (AP) @[ IoU=0.50:0.95 | area=   all | maxDets=100 ] = 0.123\n",
    b"\n",
    b"\x00\x00\x00\n",
    b"\xff\xfe\x80 caf\xe9 \xe2\x94\x81\n",
]


def junk(lines: list[bytes], rng: random.Random) -> list[bytes]:
    """Put lines of others between the lines, one block of them long."""
    long = rng.randrange(len(lines) + 1)
    out = []
    for i, line in enumerate(lines):
        out += rng.choices(JUNK, k=3000) if i == long else rng.choices(JUNK, k=rng.randrange(3))
        out.append(line)
    return out


def bars(lines: list[bytes], rng: random.Random) -> list[bytes]:
    """Draw a progress bar that rewrites itself before some lines; its last state ends no line."""
    bar = b"\r 50%|#####     | 25/50 [00:25<00:25, 0.99it/s]"
    return [bar * rng.randrange(3) + b"\r" + line if rng.random() < 0.3 else line for line in lines]


def ranks(lines: list[bytes], rng: random.Random) -> list[bytes]:
    """Name the rank on each line, as one launcher does."""
    prefix = rng.choice([b"[1,0]<stderr>:", b"[1,0]<stdout>:", b"0: ", b"[rank0]:", b"[default0]:"])
    return [prefix + line for line in lines]


def colours(lines: list[bytes], rng: random.Random) -> list[bytes]:
    """Colour the lines' heads or whole lines, and erase to the line's end."""
    coloured = []
    for line in lines:
        text, end = line.rstrip(b"\r\n"), line[len(line.rstrip(b"\r\n")) :]
        at = rng.choice([0, len(text), text.find(b" ") % (len(text) + 1)])
        coloured.append(b"\x1b[1;32m" + text[:at] + b"\x1b[0m" + text[at:] + b"\x1b[K" + end)
    return coloured


def carriage_returns(lines: list[bytes], _rng: random.Random) -> list[bytes]:
    """End lines as Windows and pseudo-terminals do."""
    return [re.sub(rb"\r?\n$", b"\r\n", line) for line in lines]


def nothing(lines: list[bytes], _rng: random.Random) -> list[bytes]:
    """Leave the lines as they are."""
    return lines


def collapsed(lines: list[bytes], _rng: random.Random) -> list[bytes]:
    """Make one blank of tabs and several, as copy and paste does."""
    return [re.sub(rb"[ \t]+", b" ", line) for line in lines]


def more_fields(lines: list[bytes], rng: random.Random) -> list[bytes]:
    """Put 40 fields of other names around `time:`, in any order."""

    def around(found: re.Match[bytes]) -> bytes:
        end = found[2]
        names = [
            b"last_time",
            b"val.time",
            b"last_data_time",
            b"time_",
            b"times",
            b"eta_s",
            b"data2",
        ]
        names += [b"loss_%d" % i for i in range(33)]
        rng.shuffle(names)
        fields = [b"%s: %.4f%s" % (name, rng.random(), end) for name in names]
        return b"".join(fields[:20]) + found[1] + end + b"".join(fields[20:])

    pattern = re.compile(rb"(?<![\w.])(time: [\d.]+(?: \([\d.]+\))?)(  |, )")
    return [pattern.sub(around, line) for line in lines]


HARMLESS: list[Wound] = [nothing, junk, bars, ranks, colours, carriage_returns]


def wrapped(text: bytes, width: int) -> bytes:
    """Cut lines where a terminal of that width goes on in the next, wherever that is."""
    return b"".join(
        b"\n".join(line[i : i + width] for i in range(0, max(1, len(line)), width)) + b"\n"
        for line in text.split(b"\n")
    )


def wrapped_at_words(text: bytes, width: int) -> bytes:
    """Cut lines where a word would not fit any more; the blanks there are lost."""
    out = b""
    for line in text.split(b"\n"):
        rest = line
        while len(rest) > width:
            at = rest.rfind(b" ", 1, width + 1)
            at = at if at > 0 else width
            out, rest = out + rest[:at].rstrip(b" ") + b"\n", rest[at:].lstrip(b" ")
        out += rest + b"\n"
    return out
