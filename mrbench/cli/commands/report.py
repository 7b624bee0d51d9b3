"""`mrbench report`: all of many runs, as one HTML file."""

import argparse
import sys
from pathlib import Path

from mrbench.cli.arguments import add_json, add_reference, add_runs, print_json
from mrbench.cli.commands import Command
from mrbench.cli.stored import latest
from mrbench.cli.suites import suites_called
from mrbench.errors import MrbenchError
from mrbench.files import write_whole
from mrbench.record import listing
from mrbench.results.report import gather, page
from mrbench.text import counted, printable, shorten, size_text

COMMAND = Command(
    group="Look at runs",
    order=5,
    brief="HTML report",
    help=(
        "Write one HTML file about many runs; ends with 1 if a run could not be read (the file has "
        "all the others). It includes host names, paths and variables as the records do; to share "
        "it, build it from `mrbench pack` archives."
    ),
    examples="""\
mrbench report -o report.html
mrbench report demo -o demo.html    # a suite, runs or archives""",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `mrbench report`."""
    purpose = (
        "a run's folder, the end of its path, an archive, a suite, or an implementation (its"
        " latest run); default: all runs"
    )
    parser.add_argument("run", nargs="*", metavar="RUN|SUITE", help=purpose)
    add_runs(parser)
    add_reference(parser)
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        default="report.html",
        help="default: report.html",
    )
    add_json(parser, "print JSON: the file, its size and number of runs, what was left out")


def main(args: argparse.Namespace) -> int:
    """Write the report; say where it is and what is not in it."""
    suites = listing.suites_in(args.runs)
    words = [each for name in args.run for each in suites_called(name, args.runs)]
    wanted = [name if name in suites else latest(name, args.runs) for name in words]
    report = gather.gather(wanted, args.runs, args.reference)
    for left in report.left_out:
        reason = f"{shorten(left.name, 400)}: {shorten(left.why, 400)}"
        print(f"mrbench: left out: {reason}", file=sys.stderr)
    if not report.chapters:
        if report.left_out:
            raise MrbenchError("no report was written", "none of these runs could be read")
        names = ", ".join(args.run) or "any suite"
        raise MrbenchError(
            f"no runs of {names}", "`mrbench run --suite demo` makes one", file=args.runs
        )
    text = page.build(report).encode()
    if args.output.exists() and not args.output.is_file():
        args.output.write_bytes(text)  # /dev/stdout and its like are not to be replaced
    elif not args.output.parent.is_dir():
        folder = args.output.parent
        raise MrbenchError("no such folder", "make it, or choose another with -o", file=folder)
    else:
        write_whole(args.output, text)
    runs = sum(len(chapter.runs) for chapter in report.chapters)
    if args.json:
        left_out = [left._asdict() for left in report.left_out]
        made = {"file": str(args.output), "runs": runs, "size_bytes": len(text)}
        print_json(made | {"left_out": left_out})
    else:
        print(f"{printable(str(args.output))}: {counted(runs, 'run')}, {size_text(len(text))}")
    return max((left.exit_code for left in report.left_out), default=0)
