"""`mrbench show`: tell all about one run."""

import argparse

from mrbench.cli.arguments import add_runs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `mrbench show`."""
    parser.add_argument("run", metavar="RUN", help="its folder, or the end of its path")
    add_runs(parser)
    parser.add_argument(
        "--plot", action="store_true", help="draw throughput and GPU utilisation, and no more"
    )


def main(args: argparse.Namespace) -> int:
    """Tell all about one run."""
    from mrbench.results.show import describe_run, find_run  # noqa: PLC0415 - only this command

    print(_plotted(args) if args.plot else describe_run(find_run(args.run, args.runs)))
    return 0


def _plotted(args: argparse.Namespace) -> str:
    """Draw as wide as the terminal is; a pipe has 80 columns."""
    import shutil  # noqa: PLC0415 - only --plot needs it
    import sys  # noqa: PLC0415 - the same

    from mrbench.record import rundir  # noqa: PLC0415 - the same
    from mrbench.record.archive import opened  # noqa: PLC0415 - the same
    from mrbench.results.report import terminal  # noqa: PLC0415 - the same

    utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    with opened(args.run, args.runs) as run:
        record = rundir.read_record(run.folder.record)
        return terminal.draw(run, record, shutil.get_terminal_size().columns, utf8=utf8)
