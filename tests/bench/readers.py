"""Ways to get a detectron2 log's throughput: mrbench's, and what people use elsewhere.

Each function reads the whole log and returns images per second in the window. Run as
`python readers.py NAME LOG`, which prints as JSON the best seconds of several readings, the peak
memory of its process and the version of what it used.
"""

import json
import re
import sys
import time
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import fmean
from typing import Any

IMAGES = 16
FIRST, LAST = 100, 500
READINGS = 5
LINE = r"iter: (\d+) .*? time: ([\d.]+)"


def mrbench(log: Path, *, every_line: bool = False) -> float:
    """Undo the running mean, as `mrbench parse` does."""
    from mrbench.measure.log.blocks import read_blocks
    from mrbench.measure.parsers import parse_samples
    from mrbench.measure.window import measure
    from mrbench.model.inputs import Window
    from mrbench.model.logformat import LogFormat

    window = Window(first=FIRST, last=LAST)
    hint = None if every_line else window
    samples = parse_samples(read_blocks(log), LogFormat(format="detectron2"), IMAGES, hint)
    found = measure(samples, window, IMAGES)
    if found.throughput is None:
        raise SystemExit(f"not measured: {found.reason}")
    return found.throughput


def mrbench_every_line(log: Path) -> float:
    """Do the same without a hint at the window: no line is passed over."""
    return mrbench(log, every_line=True)


def one_expression(log: Path) -> float:
    """Run an expression over the whole text."""
    found = re.finditer(LINE, log.read_text())
    return _meaned([(int(match[1]), float(match[2])) for match in found])


def line_by_line(log: Path) -> float:
    """Search each line."""
    pattern = re.compile(LINE)
    with log.open() as file:
        found = (pattern.search(line) for line in file)
        return _meaned([(int(match[1]), float(match[2])) for match in found if match])


def reframe(log: Path) -> float:
    """Extract as a ReFrame test does, with its sanity functions."""
    import reframe.utility.sanity as sn

    found = sn.extractall(LINE, str(log), (1, 2), (int, float))
    return _meaned(list(sn.evaluate(found)))


def rebench(log: Path) -> float:
    """Read with an adapter for ReBench written as its own are: an expression for each line."""
    from rebench.interop.adapter import GaugeAdapter
    from rebench.model.data_point import DataPoint
    from rebench.model.measurement import Measurement

    class Detectron2Adapter(GaugeAdapter):  # type: ignore[misc]  # its base has no types
        """Makes each line a data point."""

        pattern = re.compile(rf".*{LINE}")

        def parse_data(self, data: str, run_id: object, invocation: int) -> list[Any]:
            """Return the data points of a log."""
            points = []
            for line in data.split("\n"):
                if self.check_for_error(line):
                    raise SystemExit(f"ReBench takes this for an error: {line}")
                if match := self.pattern.match(line):
                    ms = 1000 * float(match[2])
                    point = DataPoint(run_id)
                    point.add_measurement(
                        Measurement(invocation, int(match[1]), ms, "ms", run_id, "total")
                    )
                    points.append(point)
            return points

    points = Detectron2Adapter(include_faulty=False, executor=None).parse_data(
        log.read_text(), None, 1
    )
    return _meaned(
        [(p.get_measurements()[0].iteration, p.get_total_value() / 1000) for p in points]
    )


READERS: Mapping[str, tuple[Callable[[Path], float], str | None]] = {
    "mrbench": (mrbench, "mrbench"),
    "mrbench, every line": (mrbench_every_line, "mrbench"),
    "re.finditer": (one_expression, None),
    "re.search by line": (line_by_line, None),
    "ReFrame": (reframe, "reframe-hpc"),
    "ReBench": (rebench, "rebench"),
}


def _meaned(shown: list[tuple[int, float]]) -> float:
    """Return images per second by the mean of the times that the window's lines show."""
    return IMAGES / fmean(seconds for i, seconds in shown if FIRST <= i < LAST)


def _peak_mib() -> float:
    status = Path("/proc/self/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else 0.0


def main(name: str, log: Path) -> None:
    """Read the log several times and print what came of it."""
    read, package = READERS[name]
    try:
        used = version(package) if package else "Python " + sys.version.split()[0]
    except PackageNotFoundError:
        print(json.dumps({"missing": f"{package} is not installed; pip install {package}"}))
        return
    best, rate = float("inf"), 0.0
    for _ in range(READINGS):
        start = time.perf_counter()
        rate = read(log)
        best = min(best, time.perf_counter() - start)
    found = {"seconds": best, "peak_mib": _peak_mib(), "rate": rate, "version": used}
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
