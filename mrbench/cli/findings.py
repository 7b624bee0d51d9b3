"""How commands that check something are asked for formats, and print their findings in them."""

import argparse
import io
import sys
from collections.abc import Sequence
from pathlib import Path

from mrbench.checks import reporters
from mrbench.errors import UnavailableError
from mrbench.files import refusal, write_whole
from mrbench.model.finding import Finding


def add_formats(parser: argparse.ArgumentParser) -> None:
    """Add --format, --junit and --json."""
    purpose = "format of stdout; github: annotations and the step's summary; default: plain"
    parser.add_argument("--format", choices=reporters.FORMATS, default="plain", help=purpose)
    parser.add_argument("--junit", type=Path, metavar="FILE", help="also write JUnit XML to FILE")
    purpose = "also write JSON to FILE; without FILE: as --format json"
    parser.add_argument("--json", nargs="?", const="-", metavar="FILE", help=purpose)


def print_findings(findings: Sequence[Finding], args: argparse.Namespace) -> int:
    """Print and write the findings as the arguments ask; return their exit code."""
    if args.junit:
        write_file(reporters.write_junit, findings, args.junit, args.command)
    if args.json and args.json != "-":
        write_file(reporters.write_json, findings, Path(args.json), args.command)
    shown = "json" if args.json == "-" else args.format
    if shown != "plain" and isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")  # what readers of these formats expect
    reporters.FORMATS[shown](findings, sys.stdout, args.command)
    return reporters.exit_code(findings)


def write_file(
    write: reporters.Write, findings: Sequence[Finding], path: Path, command: str
) -> None:
    """Write findings into a file; UnavailableError where that cannot be."""
    text = io.StringIO()
    write(findings, text, command)
    with refusal("written", path, "name another file", UnavailableError):
        write_whole(path, text.getvalue().encode())
