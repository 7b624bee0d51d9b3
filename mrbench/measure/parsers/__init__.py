"""Log parsers: each turns the blocks of one training log into iteration samples.

A parser yields "these `count` iterations, ending at `last` (1-based), took `seconds`". Most are a
TextFormat, three expressions and the meaning of the number they find; a module with `parse` serves
where step and time stand on different lines, or the log is a progress bar or one JSON array.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module

from msgspec.structs import replace

from mrbench.errors import RecipeError
from mrbench.measure.log.blocks import Block
from mrbench.measure.parsers import rows, text
from mrbench.measure.parsers.base import Options, Parse, TextFormat
from mrbench.measure.parsers.pattern import from_pattern, of_columns
from mrbench.model.inputs import Window
from mrbench.model.logformat import LogFormat, Per, Timing
from mrbench.model.measurement import IterationSample
from mrbench.model.work import Unit
from mrbench.text import did_you_mean

# Format: the module of this package, and its TextFormat. A run needs one of them, and compiling
# the expressions of all would delay every launch.
FORMATS: Mapping[str, tuple[str, str]] = {
    "detectron2": ("detectron", "DETECTRON2"),
    "detectron2-metrics": ("detectron", "METRICS"),
    "maskrcnn-benchmark": ("detectron", "MASKRCNN_BENCHMARK"),
    "mmdetection": ("mmdetection", "TEXT"),
    "mmdetection-json": ("mmdetection", "LOG_JSON"),
    "mmdetection3": ("mmdetection", "MMENGINE"),
    "mmdetection3-scalars": ("mmdetection", "SCALARS"),
    "simpledet": ("speedometer", "SIMPLEDET"),
    "mxnet": ("speedometer", "MXNET"),
    "gluoncv": ("speedometer", "GLUONCV"),
    "detectron": ("detectron", "DETECTRON"),
    "torchvision": ("interval_means", "TORCHVISION"),
    "minimask": ("interval_means", "MINIMASK"),
    "paddledetection": ("interval_means", "PADDLEDETECTION"),
    "swin": ("averages", "SWIN"),
    "timm": ("averages", "TIMM"),
    "yolox": ("interval_means", "YOLOX"),
    "nanogpt": ("nanogpt", "NANOGPT"),
    "build-nanogpt": ("nanogpt", "BUILD_NANOGPT"),
    "nanochat": ("nanogpt", "NANOCHAT"),
    "modded-nanogpt": ("nanogpt", "SPEEDRUN"),
    "torchtitan": ("llm", "TORCHTITAN"),
    "megatron": ("llm", "MEGATRON"),
    "maxtext": ("llm", "MAXTEXT"),
    "litgpt": ("llm", "LITGPT"),
}
# Format: the module of this package, and its function that reads it.
PARSERS: Mapping[str, tuple[str, str]] = {
    "tensorpack": ("tensorpack", "parse"),
    "tensorpack-stats": ("tensorpack", "parse_stats"),
    "matterport": ("keras", "parse"),
    "pytorch-imagenet": ("averages", "parse_imagenet"),
    "mllog": ("mllog", "parse"),
    "tqdm": ("bars", "parse"),
    "ultralytics": ("ultralytics", "parse"),
    "ultralytics-csv": ("resultscsv", "parse"),
    "hf-trainer": ("hftrainer", "parse"),
    "orbit": ("orbit", "parse"),
    "litgpt-csv": ("rows", "parse_known"),
    "lightning-csv": ("rows", "parse_known"),
    "dllogger": ("rows", "parse_dllogger"),
}
# Whose own clock has whole seconds, and those with a line per epoch that do not say how long it is.
ROUGH = ("matterport", "tqdm", "ultralytics")
RESULT_FILES = ("litgpt-csv", "lightning-csv", "dllogger")  # no training prints these
PARSED_UNITS: Mapping[str, Unit] = {
    "hf-trainer": "tokens",
    "litgpt-csv": "tokens",
    "dllogger": "samples",
}
SINCE_START = ("hf-trainer", "orbit", "litgpt-csv", "lightning-csv")
PARSED_WARNINGS: Mapping[str, str] = {
    "ultralytics-csv": "an epoch's time contains its validation, unless that was switched off",
    "hf-trainer": "its seconds contain evaluations, unless they were switched off",
    "orbit": "its seconds contain checkpoints and summaries that were written between its lines",
    "litgpt-csv": "its seconds contain validation, unless that was switched off",
    "lightning-csv": "validation is in none of its seconds",
}
UNSPACED: Mapping[str, str] = {
    "ultralytics-csv": "an epoch has",
    "hf-trainer": "lie between its lines (logging_steps)",
}
FORMAT_NAMES = (*FORMATS, *PARSERS)
COMMON = ("tqdm", "hf-trainer")  # that many programs print: they tell of no implementation
# What is stated by the programs themselves, where no recipe says how.
_TRAINERS_BATCH = r"Total train batch size \(w\. parallel, distributed & accumulation\) = ([\d,]+)$"
STATES: Mapping[str, Mapping[str, str]] = {"hf-trainer": {"samples_per_iteration": _TRAINERS_BATCH}}
_INPUTS = b"'num_input_tokens_seen'"

# What else an implementation writes beside its text log.
KIN: Mapping[str, tuple[str, ...]] = {
    "detectron2": ("detectron2", "detectron2-metrics"),
    "tensorpack": ("tensorpack", "tensorpack-stats"),
    "mmdetection": ("mmdetection", "mmdetection-json", "mmdetection3", "mmdetection3-scalars"),
}


def parse_samples(
    blocks: Iterable[Block],
    log: LogFormat,
    work_per_iteration: int,
    window: Window | None = None,
    *,
    unit: Unit | None = None,
) -> Iterator[IterationSample]:
    """Yield the iteration samples of a log; see base.Options. Raises RecipeError."""
    options = Options(log, work_per_iteration, window, unit)
    if log.format is not None and log.format in PARSERS:
        module, function = PARSERS[log.format]
        parser: Parse = getattr(import_module(f"{__name__}.{module}"), function)
        return parser(blocks, options)
    if log.columns is not None:
        return rows.parse(blocks, options)
    rule = _named(resolve_format(log).format) or from_pattern(log, unit)
    return text.parse(blocks, options, rule=rule)


def until_past(samples: Iterable[IterationSample], window: Window) -> Iterator[IterationSample]:
    """Yield the samples up to one interval behind the window: nothing after that matters.

    Only for the log of a single process; in another the window may come again.
    """
    for sample in samples:
        yield sample
        if sample.last >= window.last + sample.count:
            return


def resolve_format(log: LogFormat) -> LogFormat:
    """Return the log format with all that its name implies. Raises RecipeError."""
    if log.format is None:
        of_columns(log) if log.columns else from_pattern(log)
        return log
    if log.unit:
        text = f"log.unit is for log.pattern, not log.format {log.format}"
        raise RecipeError(text, "leave it out")
    rule = _named(log.format)
    if log.smoothing and (rule.smoothing is None if rule else log.format in PARSERS):
        why = f"log.smoothing (--smoothing) is not for log.format {log.format}"
        raise RecipeError(f"{why}, whose lines tell of all iterations between them", "leave it out")
    if log.format in PARSERS:
        if log.format in UNSPACED and not log.every:
            raise RecipeError(
                f"a log of the format {log.format} does not say how many iterations"
                f" {UNSPACED[log.format]}",
                "give --every N (in a recipe, log.every)",
            )
        clock = "arrival" if log.format in ROUGH else log.clock
        timing: Timing = "cumulative" if log.format in SINCE_START else "interval_total"
        return replace(log, timing=timing, clock=clock)
    if rule is None:
        hint = did_you_mean(log.format, FORMAT_NAMES) or f"known are {', '.join(FORMAT_NAMES)}"
        raise RecipeError(f"log.format {log.format!r} is unknown", hint)
    return replace(
        log,
        timing=rule.timing,
        every=log.every or rule.every,
        counts_from=rule.counts_from,
        skipped=rule.skipped,
        per="device" if rule.per == "device" else log.per,
        states={**rule.states, **log.states},
    )


def warning_of(log: LogFormat) -> str:
    """Return what to know about every number of this format, or nothing."""
    rule = _named(log.format)
    return rule.warning if rule else PARSED_WARNINGS.get(log.format or "", "")


def counts_work(log: LogFormat) -> bool:
    """Return whether the log counts the work itself, so its rate needs none per iteration."""
    if log.format in ("tensorpack", "tensorpack-stats"):
        return True
    return (log.timing or resolve_format(log).timing) == "rate" and not tells_work(log)


def tells_work(log: LogFormat) -> bool:
    """Return whether a recipe's own lines or rows tell the work beside the rate."""
    if log.columns is not None:
        return log.columns.work is not None or log.columns.total_work is not None
    return any(group in (log.pattern or "") for group in ("(?P<work>", "(?P<total_work>"))


def work_unit(log: LogFormat) -> Unit | None:
    """Return the unit of the work that a format's lines tell; None: the workload's, or none."""
    rule = _named(log.format)
    return rule.work_unit if rule else PARSED_UNITS.get(log.format or "")


def spaced(log: LogFormat, head: Callable[[], bytes]) -> LogFormat:
    """Return the format with the spacing of its lines, where a log's beginning tells it.

    head: returns that beginning; called for a format that needs it.
    """
    if log.format != "hf-trainer" or log.every:
        return log
    trainer = import_module(f"{__name__}.hftrainer")
    return replace(log, every=trainer.spacing(head()))


def unit_in(log: LogFormat, head: Callable[[], bytes]) -> Unit | None:
    """Return the unit of the work that a log's lines tell, by how it begins; None as work_unit.

    head: as for `spaced`.
    """
    if log.format == "hf-trainer" and _INPUTS not in head():
        return "samples"
    return work_unit(log)


def rated_per(log: LogFormat) -> Per:
    """Return whose rate the log prints."""
    rule = _named(log.format)
    return log.per or (rule.per if rule else None) or "job"


def begun(block: bytes) -> str | None:
    """Return the format of a log in which a training begins, though no line of it need follow."""
    rules = ((name, _named(name)) for name in FORMATS)
    return next((name for name, r in rules if r and r.begins and r.begins.search(block)), None)


def _named(name: str | None) -> TextFormat | None:
    """Return a format whose marks are single lines; None for another, or none at all."""
    if name is None or name not in FORMATS:
        return None
    module, constant = FORMATS[name]
    rule: TextFormat = getattr(import_module(f"{__name__}.{module}"), constant)
    return rule
