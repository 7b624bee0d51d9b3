"""`mrbench check --baseline`: new runs against a stored baseline."""

import argparse
import sys

from mrbench.cli.arguments import add_runs, as_path
from mrbench.errors import MrbenchError, RecipeError

TYPE_CHECKING = False  # importing typing takes 3 ms; type checkers know the name
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from mrbench.checks.baseline.baseline import Baseline, Key
    from mrbench.checks.baseline.choice import Repeats
    from mrbench.model.finding import Checked

MARGIN = 0.03


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what a check against a baseline takes; --impl and --suite are the caller's."""
    group = parser.add_argument_group("against a baseline")
    group.add_argument(
        "--baseline", type=as_path, metavar="FILE", help="made by `mrbench baseline save`"
    )
    add_margin(group)
    group.add_argument(
        "--two-sided",
        action="store_true",
        help="being faster by the margin fails, too: is the number reproduced?",
    )
    group.add_argument(
        "--export",
        type=exported,
        action="append",
        default=[],
        metavar="KIND=FILE",
        help="the numbers for github-action-benchmark or bencher",
    )
    add_runs(parser)


def add_margin(parser: "argparse.ArgumentParser | argparse._ArgumentGroup") -> None:
    """Add --margin."""
    parser.add_argument(
        "--margin",
        type=margin,
        default=MARGIN,
        metavar="SHARE",
        help="the slowdown that is too much; default: 3%%",
    )


def checked(args: argparse.Namespace) -> "list[Checked]":
    """Check the runs that the arguments name, and write what they ask to export."""
    from mrbench.checks.baseline import exports  # noqa: PLC0415 - only this command
    from mrbench.checks.baseline.check import Against, check  # noqa: PLC0415 - the same
    from mrbench.checks.baseline.verdict import Terms  # noqa: PLC0415 - the same

    names = args.impl
    stored, lines = read(args.baseline, args.suite or ())
    against = Against(
        baseline=only(stored, names) if names else stored,
        terms=Terms(margin=args.margin, two_sided=args.two_sided),
        file=str(args.baseline),
        lines=lines,
    )
    found = list(check(against, groups(args.runs, stored.suite, names)))
    for style, path in args.export:
        exports.export(found, style, path)
    return found


def read(path: "Path", suites: "Sequence[str]" = ()) -> "tuple[Baseline, Mapping[Key, int]]":
    """Read a baseline and the lines of its entries; RecipeError if it is of none of the suites."""
    from mrbench.checks.baseline import file  # noqa: PLC0415 - only this command

    stored, lines = file.read(path)
    if suites and stored.suite not in suites:
        raise RecipeError(
            f"is of suite {stored.suite!r}",
            f"give --suite {stored.suite}, or the baseline of {suites[0]}",
            file=path,
        )
    return stored, lines


def only(stored: "Baseline", names: "Sequence[str]") -> "Baseline":
    """Return the baseline of these implementations; RecipeError for one that it has not."""
    import dataclasses  # noqa: PLC0415 - only here

    from mrbench.wording import did_you_mean  # noqa: PLC0415 - the same

    known = dict.fromkeys(entry.implementation for entry in stored.entries)
    for name in names:
        if name not in known:
            hint = did_you_mean(name, known) or f"it has {', '.join(known)}"
            raise RecipeError(f"--impl {name!r}: is not in the baseline", hint)
    entries = tuple(entry for entry in stored.entries if entry.implementation in names)
    return dataclasses.replace(stored, entries=entries)


def groups(runs: "Path", suite: str, names: "Sequence[str] | None" = None) -> "dict[Key, Repeats]":
    """Read the runs of a suite, by series; what cannot be read is told on stderr and left out."""
    from mrbench.checks.baseline import choice  # noqa: PLC0415 - the same
    from mrbench.record import rundir  # noqa: PLC0415 - only this command
    from mrbench.record.verify import shape  # noqa: PLC0415 - the same

    records = []
    for path in rundir.find_records(runs, suite):
        try:
            record = rundir.read_record(path)
        except MrbenchError as exc:
            print(f"mrbench: left out: {exc}", file=sys.stderr)
            continue
        wrong = shape.fault(record)
        if wrong:
            print(f"mrbench: left out: {path}: {wrong}", file=sys.stderr)
        elif not names or record["plan"]["implementation"] in names:
            records.append(record)
    return choice.latest(records)


def margin(text: str) -> float:
    """Read a share, as 3% or 0.03."""
    number, percent = (text[:-1], 100) if text.endswith("%") else (text, 1)
    try:
        value = float(number) / percent
    except ValueError:
        value = -1.0
    if 0 < value <= 0.5:  # noqa: PLR2004 - above half, nothing would be told apart
        return value
    raise argparse.ArgumentTypeError(f"{text!r} is no margin; give a share up to 50%, as 3%")


def exported(text: str) -> "tuple[str, Path]":
    """Read KIND=FILE."""
    from mrbench.checks.baseline.exports import FORMATS  # noqa: PLC0415 - only where it is asked for

    kind, _, file = text.partition("=")
    if kind in FORMATS and file:
        return kind, as_path(file)
    known = " or ".join(f"{name}=FILE" for name in FORMATS)
    raise argparse.ArgumentTypeError(f"{text!r}: give {known}")
