"""Reads one generated detectron2 log with mrbench, ReFrame, ReBench and plain expressions.

Speeds are of whole readings of one file, in a process each; the number that each gets for
iterations 101-500 is compared with the seconds that the log was made of. `--gigabytes N` instead
streams N GB through a pipe to `mrbench parse`, to show that its memory does not grow.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

FLOOR = 0.7e6  # lines per second
IMAGES = 16
LINE = (
    "[05/23 23:57:47 d2.utils.events]: eta: 20:35:02  iter: {}  total_loss: 4.146  loss_cls: 3.018"
    "  loss_box_reg: 0.145  loss_mask: 0.693  loss_rpn_cls: 0.703  loss_rpn_loc: 0.272"
    "  time: {:.4f}  data_time: 0.0444  lr: 0.000400  max_mem: 4710M\n"
)
AT_ONCE = 5000  # lines


def main(words: list[str] | None = None) -> None:
    """Compare the readers, or stream."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=200_000, metavar="N")
    parser.add_argument("--gigabytes", type=float, metavar="N")
    args = parser.parse_args(words or [])
    with tempfile.TemporaryDirectory() as folder:
        if args.gigabytes:
            stream(args.gigabytes, Path(folder) / "train.log")
        else:
            compare(args.lines, Path(folder) / "train.log")


def compare(lines: int, log: Path) -> None:
    """Print a row for each reader."""
    from readers import READERS

    truth = write(log, lines)
    print(
        f"{lines} lines, {log.stat().st_size / 1e6:.1f} MB; iterations 101-500: {truth:.3f} img/s"
    )
    head = ("reader", "M lines/s", "time", "peak MiB", "img/s", "error %", "version")
    print(ROW.format(*head))
    reader = Path(__file__).with_name("readers.py")
    own = 0.0
    for name in READERS:
        command = [sys.executable, str(reader), name, str(log)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        found = json.loads(done.stdout)
        if "missing" in found:
            print(f"{name:22}left out: {found['missing']}")
            continue
        own = own or found["seconds"]
        cells = (
            f"{lines / found['seconds'] / 1e6:.2f}",
            f"{found['seconds'] / own:.1f} x",
            f"{found['peak_mib']:.0f}",
            f"{found['rate']:.3f}",
            f"{100 * (found['rate'] / truth - 1):+.3f}",
        )
        print(ROW.format(name, *cells, found["version"]), flush=True)
    speed = lines / own
    verdict = "above" if speed >= FLOOR else "BELOW"
    print(f"mrbench: {speed / 1e6:.2f} M lines/s, {verdict} the floor of {FLOOR / 1e6} M lines/s")


ROW = "{:22}{:>10}{:>9}{:>10}{:>10}{:>10}  {}"


def write(log: Path, lines: int) -> float:
    """Write a log of a training with a slow beginning; return its img/s in iterations 101-500."""
    import numpy as np

    random = np.random.default_rng(0)
    at = np.arange(20 * lines)
    seconds = 0.27 * (1 + 0.5 * np.exp(-at / 60)) * random.lognormal(0, 0.05, at.size)
    means = np.cumsum(seconds[2:])[17::20] / (at[19::20] - 1)  # as detectron2: but the first two
    with log.open("w") as file:
        for k, mean in enumerate(means.tolist()):
            file.write(LINE.format(19 + 20 * k, mean))
    return float(400 * IMAGES / seconds[100:500].sum())


def stream(gigabytes: float, pipe: Path) -> None:
    """Print seconds and peak memory of `mrbench parse` reading generated lines from a pipe."""
    os.mkfifo(pipe)
    mrbench = str(Path(sys.executable).parent / "mrbench")
    words = ("--impl", "detectron2", "--work-per-iteration", str(IMAGES), "--window", "100:500")
    start = time.perf_counter()
    process = subprocess.Popen([mrbench, "parse", str(pipe), *words])
    size = lines = 0
    try:
        with pipe.open("wb") as file:
            for block in blocks():
                file.write(block)
                size, lines = size + len(block), lines + AT_ONCE
                if size >= 1e9 * gigabytes:
                    break
    except BrokenPipeError:
        print(f"mrbench stopped reading after {size / 1e9:.2f} GB")
    _, status, used = os.wait4(process.pid, 0)
    seconds, peak_mib = time.perf_counter() - start, used.ru_maxrss / 1024
    print(
        f"{size / 1e9:.1f} GB, {lines / 1e6:.1f} M lines in {seconds:.0f} s, generated meanwhile;"
        f" peak {peak_mib:.0f} MiB"
    )
    if status:
        raise SystemExit("mrbench gave no number")


def blocks() -> Iterator[bytes]:
    """Yield lines of a training without end, whose mean is 0.27 s."""
    head, tail = (part.encode() for part in LINE.format("{}", 0.27).split("{}"))
    between = tail + head
    first = 19
    while True:
        numbers = range(first, first + 20 * AT_ONCE, 20)
        yield head + between.join(b"%d" % i for i in numbers) + tail
        first += 20 * AT_ONCE


if __name__ == "__main__":
    main(sys.argv[1:])
