"""`mrbench compare`: two runs, by where their numbers come from, then by their numbers."""

import argparse
import json

from mrbench.cli.arguments import add_runs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `mrbench compare`."""
    parser.description = (
        "Tell in what two runs differ, and whether their numbers may be compared; ends with 7 if"
        " they may not."
    )
    for name in ("a", "b"):
        parser.add_argument(
            name,
            metavar=name.upper(),
            help="a run: its folder, the end of its path, or an archive that `mrbench pack` made",
        )
    add_runs(parser)
    parser.add_argument("--json", action="store_true", help="as JSON, harmless differences too")


def main(args: argparse.Namespace) -> int:
    """Tell what differs; 7 if the numbers may not be compared."""
    from mrbench.record import rundir  # noqa: PLC0415 - only this command
    from mrbench.record.archive import opened  # noqa: PLC0415 - the same
    from mrbench.results import compare  # noqa: PLC0415 - only this command

    called, records = [], []
    for name in (args.a, args.b):
        with opened(name, args.runs) as run:
            called.append(run.called)
            records.append(rundir.read_record(run.folder.record))
    answer = compare.compare(called, records)
    if args.json:
        print(json.dumps(answer, indent=1))
        return compare.exit_code(answer)
    from mrbench.console import print_report  # noqa: PLC0415 - rich is slow to import

    print_report(compare.numbers(answer), compare.rows(answer), answer["verdict"])
    return compare.exit_code(answer)
