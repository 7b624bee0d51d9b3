"""The formats that can be rendered, and how exactly each tells its seconds; logs, measured."""

from pathlib import Path

import renderers
from mrbench.measure.anylog import ParsedLog, parse_log
from mrbench.measure.log.blocks import whole_lines
from mrbench.measure.parsers import parse_samples
from mrbench.measure.window import measure
from mrbench.model.inputs import Window
from mrbench.model.logformat import LogFormat
from mrbench.model.measurement import Measurement

WINDOW = Window(first=100, last=500)
ITERATIONS = 540

# format, renderer, bound on the error of the window's seconds: absolute, and as a part of it
FORMATS: list[tuple[str, renderers.Render, float, float]] = [
    ("detectron2", renderers.detectron2, 5e-5 * 600, 0),
    ("detectron2", renderers.detectron2_today, 5e-5 * 600, 0),
    ("maskrcnn-benchmark", renderers.maskrcnn_benchmark, 5e-5 * 600, 0),
    ("mmdetection", renderers.mmdetection, 5e-4 * 400, 0),
    ("mmdetection-json", renderers.mmdetection_json, 5e-6 * 400, 0),
    ("mmdetection3", renderers.mmdetection3, 5e-5 * 400, 0),
    ("mmdetection3-scalars", renderers.scalars, 0, 1e-9),
    ("simpledet", renderers.simpledet, 0, 0.005 / 1.4),  # 16 images in at most 11 s
    ("gluoncv", renderers.gluoncv, 0, 0.0005 / 1.4),
    ("mxnet", renderers.mxnet, 0, 0.005 / 1.4),
    ("detectron", renderers.detectron, 5e-7 * 600, 0),
    ("detectron", renderers.detectron_bare, 5e-7 * 600, 0),
    ("tensorpack", renderers.tensorpack, 0, 5e-5),
    ("tensorpack", renderers.tensorpack_without_rates, 0.5 * 8, 5e-3),
    ("tensorpack-stats", renderers.tensorpack_stats, 0, 1e-9),
    ("matterport", renderers.keras, 0.5 * 8, 1e-2),
    ("matterport", renderers.keras_terminal, 0.5 * 8, 1e-2),
    ("torchvision", renderers.torchvision, 5e-5 * 400, 0),
    ("minimask", renderers.minimask, 5e-5 * 400, 0),
    ("pytorch-imagenet", renderers.pytorch_imagenet, 5e-4 * 602, 0),
    ("swin", renderers.swin, 5e-5 * 602, 0),
    ("timm", renderers.timm, 5e-4 * 602, 0),
    ("yolox", renderers.yolox, 5e-4 * 400, 0),
    ("paddledetection", renderers.paddledetection, 5e-5 * 400, 0),
    ("mllog", renderers.mllog, 5e-6 * 400, 0),
    ("orbit", renderers.orbit, 2e-6, 1e-9),
]


def log_format(name: str) -> LogFormat:
    """Return the format, with what its files leave out."""
    return LogFormat(format=name, smoothing=50 if name == "mmdetection3-scalars" else None)


def measured(text: bytes, name: str, images: int = 16) -> Measurement:
    """Measure a log of that format over the window."""
    samples = parse_samples(whole_lines([text]), log_format(name), images, WINDOW)
    return measure(samples, WINDOW, images)


def read(log: Path | bytes, tmp_path: Path, first: int, last: int, images: int = 8) -> ParsedLog:
    """Parse a log, of which no recipe is known, as `mrbench parse` does."""
    if isinstance(log, bytes):
        path = tmp_path / "train.log"
        path.write_bytes(log)
        log = path
    window = Window(first=first, last=last)
    return parse_log(log, recipes={}, window=window, work_per_iteration=images)
