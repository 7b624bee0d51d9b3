"""`mrbench verify`: check runs, and print what was found."""

import argparse
import json
import sys

from mrbench.cli.arguments import add_runs
from mrbench.errors import MrbenchError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `mrbench verify`."""
    parser.description = (
        "Compute a run's number again, and check all that its record says; ends with 7 if anything"
        " does not match."
    )
    parser.add_argument(
        "run",
        nargs="+",
        metavar="RUN",
        help="a run's folder, the end of its path, or an archive that `mrbench pack` made",
    )
    add_runs(parser)
    parser.add_argument("--json", action="store_true", help="as JSON, a list of runs")


def main(args: argparse.Namespace) -> int:
    """Check each run; 7 if anything in any of them does not match."""
    from mrbench.console import print_report  # noqa: PLC0415 - the same
    from mrbench.record import verify  # noqa: PLC0415 - only this command
    from mrbench.record.archive import opened  # noqa: PLC0415 - the same

    code, answers = 0, []
    for name in args.run:
        try:
            with opened(name, args.runs) as run:
                record, groups = verify.verify(run)
                code = max(code, verify.exit_code(groups))
                answers.append(verify.as_json(run, record, groups))
                if not args.json:
                    said = verify.verdict(record, groups)
                    print_report(verify.title(run, record), verify.rows(groups), said)
        except MrbenchError as exc:  # the other runs are checked all the same
            print(f"mrbench: {exc}", file=sys.stderr)
            code = max(code, exc.exit_code)
    if args.json:
        print(json.dumps(answers, indent=1))
    return code
