"""The formats of the table of accuracy: who writes them, and what their lines show a reader."""

import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Literal

from bounds import Bound, exact, humanized, keras_bar, meaned, rated, running

sys.path.append(str(Path(__file__).parents[1]))  # renderers are the tests'
import renderers

Shown = tuple[int, float]  # iteration counted from 1, and the number that its line shows
DAY = "%m/%d %H:%M:%S"
MILLISECONDS = "%Y-%m-%d %H:%M:%S,%f"
BEGAN = datetime(2026, 3, 1, 12)  # noqa: DTZ001 - logs have no time zone
TIME = r" .*? time: ([\d.]+)"
SPEED = r"\].*?Speed: ([\d.]+) "


def seconds_of(text: str) -> float:
    """Return Keras' seconds per step, or tensorpack's of an epoch of 50 steps, per step."""
    if text.endswith("/step"):
        value = float(re.sub("m?s/step", "", text))
        return value / 1000 if "ms" in text else value
    units = {"second": 1, "minute": 60, "hour": 3600}
    return sum(float(n) * units[u] for n, u in re.findall(r"([\d.]+) ([a-z]+?)s?\b", text)) / 50


def metrics_json(_text: str, seconds: Sequence[float]) -> list[Shown]:
    """Read detectron2's other file, which has the median of the last 20."""
    lines = [
        json.dumps({"iteration": i - 1, "lr": 0.01, "time": median(seconds[i - 20 : i])})
        for i in range(20, len(seconds) + 1, 20)
    ]
    return [(entry["iteration"] + 1, entry["time"]) for entry in map(json.loads, lines)]


def before_parentheses(text: str, _seconds: Sequence[float]) -> list[Shown]:
    """Read maskrcnn-benchmark's medians, which stand before the means."""
    found = re.findall(r"INFO: eta.*?iter: (\d+) .*?  time: ([\d.]+) \(", text)
    return [(int(i), float(value)) for i, value in found]


@dataclass(frozen=True, kw_only=True)
class Case:
    """One format.

    number, value: expressions for a mark's number and what stands behind it, together those of a
    naive reader. shows: what the value is. bound: what its digits allow. stamp: how time stamps
    read. images, rate: of the published run on 8 V100s. pauses: whether the log's own seconds
    contain evaluations and checkpoints; none: its implementation has none so early.
    """

    name: str
    format: str
    render: renderers.Render
    number: str
    value: str
    bound: Bound
    rate: float
    images: int = 16
    spacing: int = 20
    shows: Literal["seconds", "rate"] = "seconds"
    convert: Callable[[str], float] = float
    counts: int = 1  # iterations for each that is printed: an epoch's
    counts_from: int = 1
    stamp: str | None = None
    pauses: Literal["inside", "outside", "none"] = "none"
    medians: Callable[[str, Sequence[float]], list[Shown]] | None = None

    def shown(self, text: str) -> list[Shown]:
        """Return what the log's lines show."""
        found = re.findall(self.number + self.value, text, re.MULTILINE)
        return [(self._iteration(i), self.convert(value)) for i, value in found]

    def stamped(self, lines: list[str], began: Sequence[float], ended: Sequence[float]) -> str:
        """Return the log with the training's own time stamps; began, ended: s, by iteration."""
        if self.stamp is None:
            return "".join(lines)
        stamp, number = _pattern(self.stamp), re.compile(self.number)
        text, now = [], 0.0
        for line in lines:
            found = number.search(line)
            done = self._iteration(found[1]) if found else 0
            now = ended[done - 1] if done else now
            text.append(stamp.sub(_written(self.stamp, now), line))
            now = began[done] if 0 < done < len(began) else now
        return "".join(text)

    def iteration_of(self, line: str) -> int:
        """Return the iteration that a line tells of, counted from 1; 0 if it tells of none."""
        found = re.search(self.number, line, re.MULTILINE)
        return self._iteration(found[1]) if found else 0

    def stamps(self, text: str) -> Iterator[Shown]:
        """Yield each mark's iteration and time stamp in seconds, from the text alone."""
        for line in text.splitlines() if self.stamp else ():
            found = re.search(self.number, line)
            stamp = _pattern(self.stamp or "").search(line)
            if found and stamp:
                yield self._iteration(found[1]), _read(self.stamp or "", stamp[0])

    def _iteration(self, printed: str) -> int:
        return (int(printed) + 1 - self.counts_from) * self.counts


def _pattern(stamp: str) -> re.Pattern[str]:
    digits = {"%Y": r"\d{4}", "%f": r"\d{3}"}
    return re.compile(re.sub("%.", lambda found: digits.get(found[0], r"\d{2}"), stamp))


def _written(stamp: str, seconds: float) -> str:
    text = (BEGAN + timedelta(seconds=seconds)).strftime(stamp)
    return text[:-3] if stamp.endswith("%f") else text  # %f has six digits, logs have three


def _read(stamp: str, text: str) -> float:
    year = "" if "%Y" in stamp else f"{BEGAN.year} "
    when = datetime.strptime(year + text, ("%Y " if year else "") + stamp)  # noqa: DTZ007 - as above
    return (when - BEGAN).total_seconds()


_STEP = r"global_step (\d+)\) finished"
_RATE = r"(?s:.*?)Throughput \(samples/sec\): ([\d.]+)"
_EPOCH = r"^Epoch (\d+)/40$"
_BAR = r"(?s:.*?)50/50 \[=+\] - \d+s (\d+m?s/step)"
_PARENTHESES = r" .*?  time: \S+ \(([\d.]+)\)"
# fmt: off
SEVEN = (
    Case(name="detectron2", format="detectron2", render=renderers.detectron2, rate=59,
         number=r"iter: (\d+) ", value=TIME, counts_from=0, bound=running(1e-4, skipped=2),
         stamp=DAY, pauses="outside", medians=metrics_json),
    Case(name="maskrcnn-benchmark", format="maskrcnn-benchmark", rate=51,
         render=renderers.maskrcnn_benchmark, number=r"INFO: eta: \S+  iter: (\d+) ",
         value=_PARENTHESES, bound=running(1e-4), stamp=MILLISECONDS, pauses="inside",
         medians=before_parentheses),
    Case(name="tensorpack", format="tensorpack", render=renderers.tensorpack, rate=50, images=8,
         number=_STEP, value=_RATE, shows="rate", spacing=50, bound=rated(1e-3, 400),
         stamp="%m%d %H:%M:%S", pauses="outside"),
    Case(name="mmdetection", format="mmdetection", render=renderers.mmdetection, rate=41,
         number=r"Epoch \[1\]\[(\d+)/", value=TIME[1:], spacing=50, bound=meaned(1e-3),
         stamp=MILLISECONDS),
    Case(name="simpledet", format="simpledet", render=renderers.simpledet, rate=39,
         number=r"Batch \[(\d+)", value=SPEED, shows="rate", counts_from=0, spacing=10,
         bound=rated(1e-2, 160), stamp="%m-%d %H:%M:%S"),
    Case(name="detectron", format="detectron", render=renderers.detectron, rate=19,
         number=r'"iter": (\d+)', value=r'.*?"time": "([\d.]+)"', counts_from=0,
         bound=running(1e-6, skipped=21), pauses="outside"),
    Case(name="matterport", format="matterport", render=renderers.keras, rate=14,
         number=_EPOCH, value=_BAR, convert=seconds_of, counts=50, spacing=50, bound=keras_bar,
         pauses="outside"),
)
KIN = (
    Case(name="detectron2 of today", format="detectron2", render=renderers.detectron2_today,
         number=r"iter: (\d+) ", value=TIME, counts_from=0, bound=running(1e-4, skipped=2), rate=62,
         stamp=DAY, pauses="outside", medians=metrics_json),
    Case(name="tensorpack, no rates", format="tensorpack", number=_STEP, images=8,
         render=renderers.tensorpack_without_rates, value=r", time:([\w. ]+)\.$",
         convert=seconds_of, spacing=50, bound=humanized, rate=50, stamp="%m%d %H:%M:%S",
         pauses="outside"),
    Case(name="tensorpack's stats.json", format="tensorpack-stats", images=8, spacing=50, rate=50,
         render=renderers.tensorpack_stats, number=r'"global_step": (\d+),', bound=exact,
         value=r' "total_cost": [\d.]+, "Throughput \(samples/sec\)": ([\d.]+)', shows="rate",
         pauses="outside"),
    Case(name="mmdetection's json", format="mmdetection-json", render=renderers.mmdetection_json,
         number=r'"iter": (\d+)', value=r'.*?"time": ([\d.]+)', spacing=50, bound=meaned(1e-5),
         rate=41),
    Case(name="mmdetection 3", format="mmdetection3", render=renderers.mmdetection3, rate=53,
         number=r"\(train\)  ?\[1\]\[ *(\d+)/", value=TIME[1:], spacing=50, bound=meaned(1e-4),
         stamp=DAY),
    Case(name="mmdetection 3's json", format="mmdetection3-scalars", render=renderers.scalars,
         number=r'"time": (?=[\d.]+, "memory": 3566, "epoch": 1, "iter": (\d+))',
         value=r"([\d.]+)", spacing=50, bound=exact, rate=53),
    Case(name="MXNet's Speedometer", format="mxnet", render=renderers.mxnet, rate=39,
         number=r"Batch \[\d+-(\d+)", value=SPEED, shows="rate", counts_from=0,
         bound=rated(1e-2, 320)),
    Case(name="GluonCV", format="gluoncv", render=renderers.gluoncv, number=r"Batch (\d+)",
         value=SPEED, shows="rate", counts_from=0, spacing=100, bound=rated(1e-3, 1600), rate=39),
    Case(name="matterport, terminal", format="matterport", render=renderers.keras_terminal,
         number=_EPOCH, value=_BAR, convert=seconds_of, counts=50, spacing=50, bound=keras_bar,
         rate=14, pauses="outside"),
    Case(name="torchvision", format="torchvision", render=renderers.torchvision, counts_from=0,
         number=r"Epoch: \[0\]  \[ *(\d+)/", value=TIME[1:], spacing=20, bound=meaned(1e-4),
         rate=30),
    Case(name="minimask", format="minimask", render=renderers.minimask, number=r"iter: (\d+)/",
         value=TIME[1:], bound=meaned(1e-4), stamp=MILLISECONDS, rate=12),
)
# fmt: on
