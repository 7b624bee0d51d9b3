"""`mrbench table` over 1,000, 3,000 and 10,000 runs on disk: at most 1 s, and as they grow.

The records are those of tests/kept, each with a number and a time of its own, and with telemetry of
as many GPUs as a large run has (16 kB); in today's format, and the most of them in format 3, too.
Warm is with the files in the
page cache; cold, where this may be had (as root), with the cache dropped before each run. The
slope is from the least to the most; the first run after the records were made counts as any other,
since nothing is kept between runs.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))  # manyruns is the tests'
from timing import time_commands

from manyruns import make, seal

COUNTS = (1000, 3000, 10_000)
LIMIT_S = 1.0
OLD = "10000 of format 3"
RECORD_BYTES = 16_000
CACHES = Path("/proc/sys/vm/drop_caches")
MRBENCH = str(Path(sys.executable).parent / "mrbench")


def main() -> None:
    """Print the seconds of each count, warm and cold, and what one more run costs."""
    with tempfile.TemporaryDirectory() as folder:
        commands = {}
        for name, count in {**{str(count): count for count in COUNTS}, OLD: COUNTS[-1]}.items():
            runs = Path(folder) / name
            for run in make(runs, count, old=name == OLD):
                grow(run / "record.json")
            commands[name] = [MRBENCH, "table", "--suite", "smoke", "--runs", str(runs)]
        warm = time_commands(commands, runs=7, cwd=Path.cwd())
        for name, command in commands.items():
            cold = dropped(command)
            text = (
                f"{cold:.2f} s cold" if cold else "cold not measured (dropping caches needs root)"
            )
            print(f"{name:>17} runs: {warm[name]:.2f} s warm, {text}")
        low, high = str(COUNTS[0]), str(COUNTS[-1])
        slope = (warm[high] - warm[low]) / (COUNTS[-1] - COUNTS[0])
        middle = warm[low] + slope * (COUNTS[1] - COUNTS[0])
        off = warm[str(COUNTS[1])] / middle - 1
        print(
            f"{1e6 * slope:.0f} us for each run more; {COUNTS[1]} runs are {off:+.0%} off the"
            f" straight line; {COUNTS[-1]} runs: limit {LIMIT_S:.0f} s,"
            f" {'met' if warm[high] <= LIMIT_S else 'MISSED'}"
        )


def grow(path: Path) -> None:
    """Make a record as large as those of today, by GPUs that tables do not show."""
    record = json.loads(path.read_bytes())
    values = {"mean": 93.25, "p5": 88.0, "p95": 97.5}
    gpu = {"index": 0, "uuid": "GPU-9f8a", "utilisation_percent": values, "power_w": values}
    one = len(json.dumps([gpu], indent=1)) + 60  # indented deeper there
    count = max(0, (RECORD_BYTES - path.stat().st_size) // one)
    record["telemetry"] |= {"gpus": [gpu] * count}
    path.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n")
    seal(path.parent)


def dropped(command: list[str]) -> float | None:
    """Return the seconds of a run that finds nothing in the page cache, the median of three."""
    seconds = []
    for _ in range(3):
        os.sync()
        with contextlib.suppress(OSError):
            CACHES.write_text("3")
            began = time.monotonic()
            subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
            seconds.append(time.monotonic() - began)
    return sorted(seconds)[1] if len(seconds) == 3 else None


if __name__ == "__main__":
    main()
