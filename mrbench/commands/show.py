"""`mrbench show`: tell all about one run."""

import argparse

from mrbench.commands.arguments import add_runs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `mrbench show`."""
    parser.add_argument("run", metavar="RUN", help="its folder, or the end of its path")
    add_runs(parser)


def main(args: argparse.Namespace) -> int:
    """Tell all about one run."""
    from mrbench.show import describe_run, find_run  # noqa: PLC0415 - only this command

    print(describe_run(find_run(args.run, args.runs)))
    return 0
