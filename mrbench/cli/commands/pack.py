"""`mrbench pack`: make one archive of a run."""

import argparse
from pathlib import Path

from mrbench.cli.arguments import add_json, add_runs, print_json
from mrbench.cli.commands import Command
from mrbench.cli.stored import latest
from mrbench.model.record import Packed
from mrbench.record.archive import opened
from mrbench.record.pack import pack
from mrbench.text import counted, printable, size_text

COMMAND = Command(
    group="Look at runs",
    order=6,
    brief="archive, secrets masked",
    help=(
        "Make one archive of a run, for an issue or a paper. Values of variables that look like "
        "secrets, tokens, passwords in URLs, host names and user names are replaced by as many "
        "stars as they have bytes; the number can still be recomputed."
    ),
    examples="""\
mrbench pack RUN -o run.tar.gz
mrbench pack RUN -o run.tar.gz --ro-crate""",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `mrbench pack`."""
    purpose = "the run's folder, the end of its path, or an implementation (its latest run)"
    parser.add_argument("run", metavar="RUN", help=purpose)
    parser.add_argument(
        "-o", "--output", metavar="FILE", type=archive, required=True, help="a new .tar.gz"
    )
    purpose = "add ro-crate-metadata.json: the unpacked folder is a Workflow Run RO-Crate"
    parser.add_argument("--ro-crate", action="store_true", help=purpose)
    add_runs(parser)
    add_json(parser, "print JSON: what is in the archive, what was masked and what was not")


def archive(text: str) -> Path:
    """Take a name that `mrbench verify` knows as an archive's."""
    if text.endswith((".tar.gz", ".tgz")):
        return Path(text)
    raise argparse.ArgumentTypeError(f"{text!r}: call it NAME.tar.gz")


def main(args: argparse.Namespace) -> int:
    """Make the archive."""
    made = pack_run(args)
    if args.json:
        print_json(made)
    return 0


def pack_run(args: argparse.Namespace) -> dict[str, object]:
    """Make the archive, and tell what was hidden in it and what could not be, for JSON or now."""
    with opened(latest(args.run, args.runs), args.runs) as run:
        record = pack(run, args.output, ro_crate=args.ro_crate)
    files = len(record.files or ()) + 1
    size = args.output.stat().st_size
    packed = record.packed
    if args.json:
        made = {"file": str(args.output), "run": record.id, "files": files, "size_bytes": size}
        if packed:
            made |= {"masked": packed.masked, "left": packed.left, "of_plan": packed.of_plan}
        return made
    print(f"{printable(str(args.output))}: {record.id}, {files} files, {size_text(size)}")
    if packed and packed.of_plan:
        print(packed.of_plan)
    if packed:
        print_masking(packed)
    return {}


def print_masking(packed: Packed) -> None:
    """Tell what was hidden in an archive, and what could not be."""
    for kind, masked in sorted(packed.masked.items()):
        print(f"masked: {kind}, {counted(masked.count, 'time')}, in {', '.join(masked.files)}")
    for text in packed.left:
        print(f"NOT masked, look for yourself: {text}")
