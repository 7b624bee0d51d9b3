"""`mrbench parse`: measure an existing log."""

import argparse
import json
from pathlib import Path
from typing import Any

from mrbench.cli.arguments import positive
from mrbench.cli.commands import Command
from mrbench.errors import MeasureError
from mrbench.measure.anylog import parse_log
from mrbench.recipe import load, plan

COMMAND = Command(
    group="Look at runs",
    order=4,
    brief="measure an existing log",
    help="Measure an existing log.",
    examples="""\
mrbench parse train.log
mrbench parse train.log --images-per-iteration 16 --window 100:500""",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `mrbench parse`."""
    parser.add_argument("log", metavar="LOG", type=Path, help="a log; may be .gz or JSON")
    parser.add_argument(
        "--suite", default="2019", metavar="NAME", help="suite of the recipes to try; default: 2019"
    )
    parser.add_argument("--impl", metavar="NAME", help="default: detected from the log")
    parser.add_argument(
        "--images-per-iteration",
        type=positive,
        metavar="N",
        help="where the log does not state it; never guessed",
    )
    parser.add_argument("--window", metavar="A:B", help="iterations A+1 to B; default: the suite's")
    parser.add_argument("--json", action="store_true", help="print JSON")


def main(args: argparse.Namespace) -> int:
    """Measure an existing log."""
    suite = load.load_suite(args.suite)
    known = {name: load.load_named(args.suite, name) for name in load.implementations(args.suite)}
    formats = {}
    for name, file in known.items():
        made = plan.make_plan(file)
        formats[name] = (made.log, made.images_per_iteration)
    result = parse_log(
        args.log,
        recipes=formats,
        implementation=args.impl,
        images_per_iteration=args.images_per_iteration,
        window=plan.parse_window(args.window) if args.window else suite.window,
    )
    print(json.dumps(result.as_json(), indent=1) if args.json else _measured(result.as_json()))
    return 0 if result.measurement.status == "ok" else MeasureError.exit_code


def _measured(result: dict[str, Any]) -> str:
    """Lay out a measurement as text: the number or the reason first."""
    name = result["implementation"] or result["format"] or "unknown format"
    if result["status"] != "ok":
        return f"{name}: {result['status']}: {result['reason']}"
    rate, seconds = result["images_per_second"], result["seconds_per_iteration"]
    sure = result["interval"]
    head = [f"{rate:.3f} img/s"] if rate is not None else []
    head += [f"{seconds:.6f} s per iteration"] if seconds is not None else []
    covered = f"{result['first']}-{result['last']} ({result['iterations']} timed)"
    images = f"{result['images_per_iteration'] or 'unknown'} images each"
    lines = [
        f"{name}: {', '.join(head)}",
        f"  iterations {covered}, {images}, {result['clock']} clock",
    ]
    if sure and rate is not None:
        lines.append(f"  95 % interval {sure['low']:.3f} to {sure['high']:.3f} img/s")
    elif sure:  # of iterations per second
        span = f"{1 / sure['high']:.6f} to {1 / sure['low']:.6f}"
        lines.append(f"  95 % interval {span} s per iteration")
    if result["rounding"]:
        lines.append(f"  right to {result['rounding']:.3%} by the digits that it prints")
    if result["data_share"] is not None:
        lines.append(f"  {result['data_share']:.1%} of the time was spent waiting for data")
    if result["agreement"] is not None:
        other = (result["second_clock"], result["clock"])[result["second_clock"] == "log"]
        lines.append(f"  {other} clock / log clock: {result['agreement']:.4f}")
    return "\n".join([*lines, *(f"  note: {text}" for text in result["warnings"])])
