"""One function per command: arguments in, text on stdout, exit code out."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from mrbench import commands_data, commands_doctor, commands_mirror, layout, mirrored, plan, recipe
from mrbench.errors import MeasureError, MrbenchError, RecipeError
from mrbench.places import Places
from mrbench.plan import Plan
from mrbench.recipe import RecipeFile

Planned = list[tuple[Plan, RecipeFile]]
Listing = dict[str, dict[str, Any]]


def run(args: argparse.Namespace) -> int:
    """Run the chosen implementations, or print what would be done."""
    planned, places = _plans(args), _places(args)
    if args.dry_run:
        return _dry_run(planned, places, as_json=args.json)
    from mrbench.console import make_reporter  # noqa: PLC0415 - the dry run prints at once
    from mrbench.run import exit_code, run_all  # noqa: PLC0415 - loads all that training needs

    with make_reporter(quiet=args.quiet) as reporter:
        records = run_all(planned, places, args.repeat, reporter)
    if args.json:
        print(json.dumps(records, indent=1, default=str))
    return exit_code(records)


def prepare(args: argparse.Namespace) -> int:
    """Make checkouts, environments and links, and print where they are."""
    from mrbench import prepare as preparing  # noqa: PLC0415 - only this command needs it
    from mrbench.console import make_reporter  # noqa: PLC0415 - the same

    args.gpus = args.window = args.commit = None
    planned, places = _plans(args), _places(args)
    with make_reporter(quiet=False) as reporter:
        rows, code = preparing.prepare_all(
            planned, places, checkout_only=args.checkout_only, reporter=reporter
        )
    print(json.dumps(rows, indent=1, default=str) if args.json else preparing.as_text(rows))
    return code


def table(args: argparse.Namespace) -> int:
    """Print the comparison table of a suite."""
    from mrbench import rundir  # noqa: PLC0415 - only this command needs it
    from mrbench import table as tables  # noqa: PLC0415 - the same

    records, broken = [], 0
    for path in rundir.find_records(args.runs, args.suite):
        try:
            records.append(rundir.read_record(path))
        except MrbenchError as exc:
            print(f"mrbench: left out: {exc}", file=sys.stderr)
            broken = exc.exit_code
    for folder in rundir.find_unfinished(args.runs, args.suite):
        print(f"mrbench: left out: {folder} has no record (yet, or was killed)", file=sys.stderr)
    foreign = args.suite not in recipe.suite_names() and records
    suite = rundir.suite_of(records[-1]) if foreign else recipe.load_suite(args.suite)
    rows = tables.make_rows(suite, records, args.reference)
    if not rows and args.format not in ("json", "csv"):
        hint = f"`mrbench run --suite {args.suite}` makes some"
        raise MrbenchError(f"{args.runs}: no runs of suite {args.suite}; {hint}")
    print(tables.render(suite, rows, args.format))
    return broken


def parse(args: argparse.Namespace) -> int:
    """Measure an existing log."""
    from mrbench.parse import parse_log  # noqa: PLC0415 - only this command

    suite = recipe.load_suite(args.suite)
    known = {
        name: recipe.load_named(args.suite, name) for name in recipe.implementations(args.suite)
    }
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
    head = [f"{rate:.3f} img/s"] if rate is not None else []
    head += [f"{seconds:.6f} s per iteration"] if seconds is not None else []
    covered = f"{result['first']}-{result['last']} ({result['iterations']} timed)"
    images = f"{result['images_per_iteration'] or 'unknown'} images each"
    lines = [
        f"{name}: {', '.join(head)}",
        f"  iterations {covered}, {images}, {result['clock']} clock",
    ]
    if result["agreement"] is not None:
        lines.append(f"  arrival clock / log clock: {result['agreement']:.4f}")
    return "\n".join([*lines, *(f"  note: {text}" for text in result["warnings"])])


def show(args: argparse.Namespace) -> int:
    """Tell all about one run."""
    from mrbench.show import describe_run, find_run  # noqa: PLC0415 - only this command

    print(describe_run(find_run(args.run, args.runs)))
    return 0


def list_(args: argparse.Namespace) -> int:
    """Show suites and recipes."""
    found: Listing = {}
    for suite_name in recipe.suite_names():
        suite = recipe.load_suite(suite_name)
        files = [recipe.load_named(suite_name, n) for n in recipe.implementations(suite_name)]
        found[suite_name] = {
            "title": suite.title,
            "window": str(suite.window),
            "hardware": f"{suite.hardware.count} x {suite.hardware.name}",
            "implementations": [
                {
                    "name": f.name,
                    "title": f.recipe.title,
                    "framework": f.recipe.framework,
                    "url": f.recipe.source.url,
                    "commit": f.recipe.source.commit,
                }
                for f in files
            ],
        }
    print(json.dumps(found, indent=1) if args.json else _listing(found))
    return 0


def schema(args: argparse.Namespace) -> int:
    """Print the JSON Schema of recipes or suites."""
    from mrbench.schema import make_schema  # noqa: PLC0415 - only this command

    print(json.dumps(make_schema(args.kind), indent=1))
    return 0


def _listing(found: Listing) -> str:
    lines = []
    for name, suite in found.items():
        lines += [f"{name}: {suite['title']}", f"  {suite['hardware']}, window {suite['window']}"]
        for item in suite["implementations"]:
            lines.append(
                f"  {item['name']:20} {item['framework']:12} {item['commit'][:12]}  {item['url']}"
            )
        lines.append("")
    return "\n".join(lines).rstrip()


def _plans(args: argparse.Namespace) -> Planned:
    """Resolve all chosen recipes; what cannot be is told for all of them at once."""
    window = plan.parse_window(args.window) if args.window else None
    planned, problems = [], []
    for file in chosen_files(args):
        try:
            made = plan.make_plan(file, gpus=args.gpus, window=window, commit=args.commit)
            planned.append((made, file))
        except RecipeError as exc:
            problems.append(str(exc))
    if problems:
        raise RecipeError("\n".join(dict.fromkeys(problems)))
    return planned


def chosen_files(args: argparse.Namespace, *, locked: bool = True) -> tuple[RecipeFile, ...]:
    """Read the recipes that the arguments choose; not locked: their locks may be missing."""
    if args.recipe:
        if args.impl:
            raise RecipeError("--impl and --recipe exclude each other; give one of them")
        return tuple(_foreign(path, args.suite, locked=locked) for path in args.recipe)
    names = dict.fromkeys(args.impl or recipe.implementations(args.suite))
    return tuple(recipe.load_named(args.suite, name, locked=locked) for name in names)


def _foreign(path: Path, suite_name: str, *, locked: bool) -> RecipeFile:
    """Read a recipe from anywhere; a suite.yaml beside it goes before --suite."""
    beside = path.resolve().parent / "suite.yaml"
    if beside.is_file():
        suite_name, suite = beside.parent.name, recipe.read_suite(beside)
    else:
        suite = recipe.load_suite(suite_name)
    return recipe.load_file(path, suite_name=suite_name, suite=suite, locked=locked)


def _places(args: argparse.Namespace) -> Places:
    for option, folder in (("--data", args.data), ("--weights", args.weights)):
        layout.require_folder(folder, option)
    runs = getattr(args, "runs", Path("runs"))
    weights = args.weights or mirrored.weights_folder(args.mirror)
    return Places(data=args.data, weights=weights, mirror=args.mirror, runs=runs)


def _dry_run(planned: Planned, places: Places, *, as_json: bool) -> int:
    from mrbench.dryrun import as_text, describe  # noqa: PLC0415 - only now needed

    described = [describe(p, file.patches, places) for p, file in planned]
    print(json.dumps(described, indent=1) if as_json else "\n".join(map(as_text, described)))
    return 0


def lock(args: argparse.Namespace) -> int:
    """Write the lock files of the chosen recipes."""
    from mrbench.relock import relock  # noqa: PLC0415 - only this command

    code, said = 0, False
    for answer in relock(chosen_files(args, locked=False), upgrade=args.upgrade):
        said = True
        if isinstance(answer, MrbenchError):
            print(f"mrbench: {answer}", file=sys.stderr)
            code = max(code, answer.exit_code)
        else:
            print(answer)
    if not said:
        raise RecipeError("none of these recipes names environment.lock; add it, as NAME.lock")
    return code


COMMANDS = {
    "run": run,
    "lock": lock,
    "prepare": prepare,
    "data": commands_data.data,
    "doctor": lambda args: commands_doctor.doctor(args, _plans, _places),
    "mirror": lambda args: commands_mirror.mirror(args, chosen_files),
    "table": table,
    "parse": parse,
    "show": show,
    "list": list_,
    "schema": schema,
}
