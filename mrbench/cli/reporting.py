"""How commands that check things tell it: the format on stdout, and files beside."""

import argparse
import io
import sys

from mrbench.cli.arguments import as_path

TYPE_CHECKING = False  # importing typing takes 3 ms; type checkers know the name
if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mrbench.model.finding import Checked

FORMATS = ("plain", "json", "junit", "github")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --format, --json and --junit."""
    parser.add_argument(
        "--format",
        choices=FORMATS,
        default="plain",
        help="of stdout; github: annotations, and the step's summary; default: plain",
    )
    parser.add_argument(
        "--junit", type=as_path, metavar="FILE", help="write JUnit's XML there, too"
    )
    parser.add_argument(
        "--json",
        nargs="?",
        const="-",
        metavar="FILE",
        help="write JSON there, too; without FILE: as --format json",
    )


def tell(checks: "Sequence[Checked]", args: argparse.Namespace) -> int:
    """Print and write the checks as the arguments ask; return the exit code."""
    from mrbench.checks import reporters  # noqa: PLC0415 - when there is something to tell

    if args.junit:
        _write("junit", checks, args.junit)
    if args.json and args.json != "-":
        _write("json", checks, as_path(args.json))
    shown = "json" if args.json == "-" else args.format
    if shown != "plain" and isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")  # what readers of these formats expect
    reporters.FORMATS[shown](checks, sys.stdout)
    return reporters.exit_code(checks)


def _write(form: str, checks: "Sequence[Checked]", path: "Path") -> None:
    from mrbench.checks import reporters  # noqa: PLC0415 - the same
    from mrbench.errors import UnavailableError  # noqa: PLC0415 - the same
    from mrbench.files import write_whole  # noqa: PLC0415 - the same

    text = io.StringIO()
    reporters.FORMATS[form](checks, text)
    try:
        write_whole(path, text.getvalue().encode())
    except OSError as exc:
        raise UnavailableError(
            f"cannot be written ({exc.strerror})", "name another file", file=path
        ) from exc
