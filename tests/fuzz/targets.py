"""What is fuzzed: functions of bytes that fail where an oracle does, each with its seeds."""

import json
import re
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from itertools import chain
from pathlib import Path

from oracles import IMAGES, WINDOW, check_measurement, log_holds

from mrbench.errors import MeasureError, RecipeError
from mrbench.measure.anylog import KnownLog, parse_log
from mrbench.measure.failure.verdict import failure_of_log
from mrbench.measure.log.blocks import read_stamps
from mrbench.measure.parsers import FORMAT_NAMES, parse_samples
from mrbench.measure.spans import Marks
from mrbench.model.logformat import LogFormat
from mrbench.model.suite import Suite
from mrbench.recipe import load

sys.path.append(str(Path(__file__).parents[1]))  # renderers are the tests'
import renderers
import tokenlogs

RECIPES = Path(load.root()) / "recipes"
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - a folder of its own in it
RENDERERS: Mapping[str, tuple[str, ...]] = {
    "detectron2": ("detectron2", "detectron2_today"),
    "maskrcnn-benchmark": ("maskrcnn_benchmark",),
    "mmdetection": ("mmdetection",),
    "mmdetection-json": ("mmdetection_json",),
    "mmdetection3": ("mmdetection3",),
    "mmdetection3-scalars": ("scalars",),
    "simpledet": ("simpledet",),
    "mxnet": ("mxnet",),
    "gluoncv": ("gluoncv",),
    "detectron": ("detectron", "detectron_bare"),
    "torchvision": ("torchvision",),
    "minimask": ("minimask",),
    "tensorpack": ("tensorpack", "tensorpack_without_rates"),
    "tensorpack-stats": ("tensorpack_stats",),
    "matterport": ("keras", "keras_terminal"),
    "pytorch-imagenet": ("pytorch_imagenet",),
    "swin": ("swin",),
    "timm": ("timm",),
    "yolox": ("yolox",),
    "paddledetection": ("paddledetection",),
    "mllog": ("mllog",),
    "orbit": ("orbit",),
    "tqdm": ("tqdm",),
    "ultralytics": ("ultralytics",),
    "ultralytics-csv": ("ultralytics_csv",),
}
TOKENS: Mapping[str, renderers.Render] = {
    "nanogpt": tokenlogs.nanogpt,
    "build-nanogpt": tokenlogs.build_nanogpt,
    "nanochat": tokenlogs.nanochat,
    "modded-nanogpt": tokenlogs.speedrun,
    "torchtitan": tokenlogs.torchtitan,
    "megatron": tokenlogs.megatron,
    "maxtext": tokenlogs.maxtext,
    "litgpt": tokenlogs.litgpt,
    "hf-trainer": tokenlogs.hf_trainer,
    "litgpt-csv": tokenlogs.litgpt_csv,
    "lightning-csv": tokenlogs.lightning_csv,
    "dllogger": tokenlogs.dllogger,
}
METRICS = '{{"data_time": 0.01, "iteration": {}, "lr": 0.01, "time": 0.5, "total_loss": 1.5}}\n'
PATTERN = LogFormat(
    pattern=r"^step (?P<iteration>\d+), (?P<value>[\d.e+-]+) img/s(?:, loss (?P<loss>\S+))?$",
    timing="rate",
    every=10,
)
COUNTED = (
    b"Speed: ",
    b"Throughput (samples/sec)",
    b"tps:",
    b"\x1f\x8b",
)  # a log that counts images, or may
REPEATED_BYTES = 1 << 16
REPEATED_S = 2.0
FAILURES = (
    b"  File x.py\nRuntimeError: CUDA out of memory. Tried to allocate 2.00 GiB\n",
    b"Traceback (most recent call last):\nFloatingPointError: Loss became infinite or NaN\n",
    b"[1,0]<stderr>:KeyError: 'a'\nKilled\n",
    b"train.py: error: unrecognized arguments: --x\nSegmentation fault (core dumped)\n",
)


@dataclass(frozen=True)
class Target:
    """What one run calls, and the inputs that it begins with."""

    call: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]


def logs_of(name: str) -> list[bytes]:
    """Return short logs of a format."""
    if name == "detectron2-metrics":
        return ["".join(METRICS.format(i) for i in range(19, 320, 20)).encode()]
    seconds = [0.5 + 0.01 * (i % 7) for i in range(310)]
    if name in TOKENS:
        return ["".join(TOKENS[name](seconds, IMAGES)).encode()]
    texts = [getattr(renderers, each)(seconds, IMAGES) for each in RENDERERS[name]]
    return ["".join(_short(lines)).encode() for lines in texts]


def _short(lines: list[str]) -> list[str]:
    """Leave out most of the bars that Keras draws within an epoch."""
    return [line for i, line in enumerate(lines) if "ETA: " not in line or i % 60 == 0]


def pattern_logs() -> list[bytes]:
    """Return a log that the recipe's own pattern reads."""
    lines = (f"step {i}, {10 + i % 3}.5 img/s, loss 0.{i}\n" for i in range(10, 311, 10))
    return ["".join(lines).encode()]


def repeated(name: str, unit: bytes) -> None:
    """Read a log that says the same over and over: time is what may be wrong here."""
    if not unit:
        return
    text = unit * (REPEATED_BYTES // len(unit))
    start = time.process_time()
    for _ in parse_samples([(0, text)], LogFormat(format=name), IMAGES, WINDOW):
        pass
    seconds = time.process_time() - start
    assert seconds < REPEATED_S, f"{seconds:.1f} s for {len(text)} bytes"


def units(name: str) -> list[bytes]:
    """Return single lines of a format, with their line's end and without."""
    lines = [line for text in logs_of(name) for line in text.splitlines(keepends=True)[:12]]
    longest = sorted(lines, key=len)[-4:]
    return longest + [line.strip() for line in longest]


def detected(data: bytes) -> None:
    """Find out the format of a log, and measure it."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        path = Path(folder) / "train.log"
        path.write_bytes(data)
        known = {
            "own": KnownLog(PATTERN, IMAGES),
            "detectron2": KnownLog(LogFormat(format="detectron2"), IMAGES),
        }
        try:
            found = parse_log(path, recipes=known, window=WINDOW)
        except MeasureError:
            assert data.startswith(b"\x1f\x8b"), "only gzip can be unreadable"
            return
        except RecipeError as exc:
            if "--every" in exc.remedy:
                return  # results.csv does not say how many iterations an epoch has
            raise
        assert json.dumps(found.to_dict(), allow_nan=False)
        check_measurement(found.measurement)
        if found.measurement.work_per_iteration is None:
            counted = any(words in data for words in COUNTED)
            assert counted or found.measurement.throughput is None, found


def stamps(data: bytes) -> None:
    """Read arrival times, and ask for those of bytes."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        path = Path(folder) / "train.stamps"
        path.write_bytes(data)
        try:
            found = read_stamps(path)
        except MeasureError:
            return
        times = [found.at(end) for end in found.ends]
        assert times == sorted(times)
        for end, at in zip(found.ends, times, strict=True):
            assert found.at(max(1, end - 1)) <= at


def diagnosed(data: bytes) -> None:
    """Ask why a training ended."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        path = Path(folder) / "train.log"
        path.write_bytes(data)
        try:
            found = failure_of_log(path, Marks(), "no_iterations")
        except MeasureError:
            assert data.startswith(b"\x1f\x8b"), "only gzip can be unreadable"
            return
    if found is not None:
        assert found.status in ("out_of_memory", "diverged", "failed", "interrupted")
        assert found.line.isprintable()
        assert len(found.line) <= 300, found
        assert found.remedy


@cache
def demo() -> Suite:
    """Return the suite that recipes are read for."""
    return load.load_suite("demo")


def recipes(data: bytes) -> None:
    """Read a recipe, and a suite."""
    suite = demo()
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        path = Path(folder) / "fuzzed.yaml"
        path.write_bytes(data)
        for call in (
            partial(load.load_file, path, suite_name="demo", suite=suite, locked=False),
            partial(load.read_suite, path),
        ):
            try:
                call()
            except RecipeError as exc:
                message = str(exc)
                assert message.startswith(str(path)), message
                assert "\n" not in message, message


def planted(data: bytes) -> None:
    """Fail for what one change to the seed can give: shows that the fuzzer finds things."""
    number = re.match(rb"iter: (\d+)", data)
    assert number is None or len(number[1]) != 5, "planted"


def recipe_texts() -> list[bytes]:
    """Return the recipes and suites that mrbench carries, those that are short."""
    texts = [path.read_bytes() for path in sorted(RECIPES.glob("*/*.yaml"))]
    return [text for text in texts if len(text) <= 4000]


def every_log() -> list[bytes]:
    """Return a log of each format."""
    return [*pattern_logs(), *chain.from_iterable(logs_of(name) for name in FORMAT_NAMES)]


def _parser(log: LogFormat, data: bytes) -> None:
    log_holds(data, log)


TARGETS: Mapping[str, Target] = {
    **{
        name: Target(partial(_parser, LogFormat(format=name)), partial(logs_of, name))
        for name in FORMAT_NAMES
    },
    "pattern": Target(partial(_parser, PATTERN), pattern_logs),
    **{
        f"repeated-{name}": Target(partial(repeated, name), partial(units, name))
        for name in FORMAT_NAMES
    },
    "detection": Target(detected, every_log),
    "stamps": Target(stamps, lambda: [b"1000 5\n2000 9\n2000 16\n", b"1 1\n"]),
    "failure": Target(diagnosed, lambda: list(FAILURES)),
    "recipe": Target(recipes, recipe_texts),
}
# Not among those that run when none is named.
PLANTED: Mapping[str, Target] = {"planted": Target(planted, lambda: [b"iter: 100 \n"])}
