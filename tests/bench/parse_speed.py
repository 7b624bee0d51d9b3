"""Prints lines per second and peak memory of parsing a generated 40 MB detectron2 log."""

import resource
import sys
import tempfile
import time
from pathlib import Path

from mrbench.logs import read_blocks
from mrbench.measure import measure
from mrbench.model import LogFormat, Window
from mrbench.parsers import parse

LINE = (
    "[05/23 23:57:47 d2.utils.events]: eta: 20:35:02  iter: {}  total_loss: 4.146  loss_cls: 3.018"
    "  loss_box_reg: 0.145  loss_mask: 0.693  loss_rpn_cls: 0.703  loss_rpn_loc: 0.272"
    "  time: 0.2701  data_time: 0.0444  lr: 0.000400  max_mem: 4710M\n"
)


def main() -> None:
    """Generate, parse as `mrbench parse` does, print."""
    lines = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "train.log"
        with log.open("w") as file:
            file.writelines(LINE.format(19 + 20 * i) for i in range(lines))
        size_mb = log.stat().st_size / 1e6
        best = min(_seconds(log) for _ in range(5))
        peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        rate = f"{lines / best:,.0f} lines/s, {size_mb / best:.0f} MB/s"
        print(f"{lines} lines, {size_mb:.1f} MB: {rate}, peak {peak_mib:.1f} MiB")


def _seconds(log: Path) -> float:
    window = Window(first=100, last=500)
    start = time.perf_counter()
    samples = parse(read_blocks(log), LogFormat(format="detectron2"), 16, window)
    measured = measure(samples, window, 16)
    seconds = time.perf_counter() - start
    if measured.status != "ok":
        raise SystemExit(f"not measured: {measured.reason}")
    return seconds


if __name__ == "__main__":
    main()
