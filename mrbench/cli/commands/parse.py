"""`mrbench parse`: measure an existing log."""

import argparse
import re
from pathlib import Path
from typing import get_args

from msgspec import structs

from mrbench import api
from mrbench.cli.arguments import add_json, print_json
from mrbench.cli.commands import Command
from mrbench.cli.values import Quantity, positive, quantity
from mrbench.errors import MeasureError, RecipeError
from mrbench.measure.anylog import ParsedLog
from mrbench.measure.published.apply import unit_of
from mrbench.model.metric import Aggregation, MetricPattern
from mrbench.model.work import Unit, rate_name
from mrbench.recipe import published as rules
from mrbench.recipe import validate
from mrbench.results import byrule
from mrbench.text import printable, shorten

METRIC = re.compile(
    r"(?P<name>[a-z][a-z0-9_]{0,39})(?::(?P<aggregation>mean|last|max|min))?=(?P<pattern>.+)",
    re.DOTALL,
)

COMMAND = Command(
    group="Look at runs",
    order=4,
    brief="measure an existing log",
    help="Measure an existing log.",
    examples="""\
mrbench parse train.log
mrbench parse train.log --images-per-iteration 16 --window 100:500
mrbench parse train.log --recipe mine.yaml
mrbench parse train.log --rule detectron2-2019  # by their rule, and by ours
mrbench parse train.log --metric 'memory:max=max mem: (?P<value>[\\d.]+)'""",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `mrbench parse`."""
    parser.add_argument("log", metavar="LOG", type=Path, help="a log, also .gz or JSON; - is stdin")
    parser.add_argument(
        "--suite", default="2019", metavar="NAME", help="suite of the recipes to try; default: 2019"
    )
    purpose = "implementation or log format; default: detected from the log"
    parser.add_argument("--impl", metavar="NAME", help=purpose)
    purpose = "parse it by this recipe's log section, over its suite's window"
    parser.add_argument("--recipe", type=Path, metavar="FILE", help=purpose)
    work = parser.add_mutually_exclusive_group()
    purpose = "images (or --unit) of all devices, where the log does not state it; never guessed"
    work.add_argument("--work-per-iteration", type=positive, metavar="N", help=purpose)
    purpose = "the same, in images"
    work.add_argument("--images-per-iteration", type=positive, metavar="N", help=purpose)
    parser.add_argument(
        "--unit", choices=get_args(Unit), help="what the throughput counts; default: images"
    )
    parser.add_argument("--window", metavar="A:B", help="iterations A+1 to B; default: the suite's")
    meaning = parser.add_argument_group("what the log does not say itself")
    purpose = "a key of a recipe's log section, e.g. 'timing: cumulative'; repeat it"
    meaning.add_argument("--as", dest="keys", action="append", metavar="'KEY: VALUE'", help=purpose)
    meaning.add_argument(
        "--every", type=positive, metavar="N", help="iterations from one log line to the next"
    )
    purpose = "iterations that each printed time is the mean of (mmengine's window_size)"
    meaning.add_argument("--smoothing", type=positive, metavar="N", help=purpose)
    meaning.add_argument(
        "--epochs-from", type=int, choices=(0, 1), help="number of the first epoch"
    )
    rules = parser.add_argument_group("a published number beside ours")
    purpose = (
        "also print what the log gives by this rule, and where the difference comes from;"
        " `mrbench list --rules` prints those that mrbench brings"
    )
    rules.add_argument("--rule", metavar="NAME|FILE", help=purpose)
    purpose = "with --rule: the number that was published, in the rule's unit; times as 29.3min"
    rules.add_argument("--published", type=quantity, metavar="NUMBER[UNIT]", help=purpose)
    parser.add_argument(
        "--metric",
        metavar="NAME[:max]=REGEX",
        action="append",
        default=[],
        type=_metric,
        help="also print what the group value of REGEX is over the window's lines: its mean, or,"
        " named behind a colon, last, max or min",
    )
    add_json(parser)


def _metric(text: str) -> tuple[str, MetricPattern]:
    """Read a metric's name, what is made of its values, and its pattern."""
    match = METRIC.fullmatch(text)
    if match is None:
        raise argparse.ArgumentTypeError(
            f"{shorten(repr(text))} is no metric; give one as 'grad_norm=norm: (?P<value>[0-9.]+)',"
            " or as memory:max=... (mean, last, max, min)"
        )
    # METRIC has no other words for it
    aggregation: Aggregation = match["aggregation"] or "mean"  # type: ignore[assignment]
    return match["name"], MetricPattern(pattern=match["pattern"], aggregation=aggregation)


def _check_published(published: Quantity, rule: str | None) -> None:
    """Refuse a published number without a rule, and a time where the rule gives a rate."""
    if rule is None:
        raise RecipeError("--published is compared by a rule", "give --rule, too")
    unit = unit_of(rules.load(rule))
    if published.unit and unit.split()[0] != "s":
        text = f"--published is a time in {published.unit}, the rule {rule} gives {unit}"
        raise RecipeError(text, "give the number in that unit, without another")


def main(args: argparse.Namespace) -> int:
    """Measure an existing log."""
    if args.recipe and args.impl:
        raise RecipeError("--impl and --recipe exclude each other", "give one of them")
    if args.published is not None:
        _check_published(args.published, args.rule)
    # it may be of another unit all the same, which recipes state
    images = args.images_per_iteration and args.recipe is None and args.impl is None
    parsed = api.parse_log(
        "/dev/stdin" if str(args.log) == "-" else args.log,
        recipe=args.recipe,
        log=validate.log_of(args.keys, "--as") if args.keys else None,
        suite=args.suite,
        implementation=args.impl,
        work_per_iteration=args.work_per_iteration or args.images_per_iteration,
        unit=args.unit or ("images" if images else None),
        window=args.window or None,
        every=args.every,
        smoothing=args.smoothing,
        epochs_from=args.epochs_from,
        rule=args.rule,
        metrics=dict(args.metric),
    )
    if parsed.by_rule and args.published is not None:
        by_rule = structs.replace(parsed.by_rule, published=args.published.value)
        parsed = structs.replace(parsed, by_rule=by_rule)
    print_json(parsed.to_dict()) if args.json else print(_as_text(parsed))
    return 0 if parsed.measurement.status == "ok" else MeasureError.exit_code


def _as_text(parsed: ParsedLog) -> str:
    """Lay out a measurement as text, below that by a rule: the number or the reason first."""
    above = byrule.describe(parsed.by_rule) if parsed.by_rule else []
    return "\n".join([*above, _measured(parsed)])


def _measured(parsed: ParsedLog) -> str:
    m = parsed.measurement
    name = parsed.implementation or parsed.format or "unknown format"
    if m.status != "ok":
        return f"{name}: {m.status}: {m.explanation}"
    rate, seconds = m.throughput, m.seconds_per_iteration
    interval = m.interval
    per_second = rate_name(m.unit) + (" per device" if parsed.per == "device" else "")
    head = [f"{rate:.3f} {per_second}"] if rate is not None else []
    head += [f"{seconds:.6f} s per iteration"] if seconds is not None else []
    covered = f"{m.first}-{m.last} ({m.iterations} timed)"
    work = f"{m.work_per_iteration or 'unknown'} {m.unit} each"
    lines = [
        f"{name}: {', '.join(head)}",
        f"  iterations {covered}, {work}, {m.clock} clock",
    ]
    if interval and rate is not None:
        span = f"{interval.low:.3f} to {interval.high:.3f} {per_second}"
        lines.append(f"  95 % interval within this run {span}")
    elif interval:  # of iterations per second
        span = f"{1 / interval.high:.6f} to {1 / interval.low:.6f}"
        lines.append(f"  95 % interval within this run {span} s per iteration")
    if m.rounding:
        lines.append(f"  log rounding: ±{m.rounding:.3%}")
    if m.data_share is not None:
        lines.append(f"  {m.data_share:.1%} of the time was spent waiting for data")
    if m.peak_allocated_bytes is not None:
        lines.append(f"  {m.peak_allocated_bytes >> 20} MiB of a GPU's memory allocated at most")
    lines += [printable(f"  {name}: {metric}") for name, metric in (m.metrics or {}).items()]
    if m.agreement is not None:
        other = (m.second_clock, m.clock)[m.second_clock == "log"]
        lines.append(f"  {other} clock / log clock: {m.agreement:.4f}")
    lines += [
        f"  by {each.name} iterations {each.first}-{each.last} took {each.ratio:.4f} times the"
        " log clock's seconds"
        for each in m.compared or ()
        if each.clock not in (m.clock, m.second_clock)
    ]
    return "\n".join([*lines, *(f"  note: {text}" for text in m.warnings)])
