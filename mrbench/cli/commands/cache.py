"""`mrbench cache` and `mrbench cache gc`: what lies in mrbench's home, and its removal."""

import argparse
import sys
import time

from mrbench.cli.arguments import add_json, print_json
from mrbench.cli.commands import Command
from mrbench.cli.values import UNITS_S, age
from mrbench.errors import MrbenchError
from mrbench.files import home
from mrbench.prepare import cache
from mrbench.text import printable, size_text

COMMAND = Command(
    group="Get ready and clean up",
    order=13,
    brief="what is kept, and its size",
    help=(
        "List what $MRBENCH_HOME holds, with size and last use; `gc` removes what is old."
        " The download caches of uv and pip are their own: `uv cache prune`, `pip cache purge`."
    ),
    examples="mrbench cache",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `mrbench cache`."""
    add_json(parser)
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    gc = actions.add_parser(
        "gc",
        help="remove what no run has used for a while",
        description=(
            "Remove what no run has used for a while: it is made or fetched again when needed."
            " What a living run may use is kept. Files that uv's cache shares free no room."
        ),
        examples="mrbench cache gc --older 60d --dry-run    # what would be removed",
    )
    purpose = "least age of the last use, as 12h, 30d or 8w; default: 30d"
    gc.add_argument("--older", type=age, default=30 * UNITS_S["d"], metavar="AGE", help=purpose)
    gc.add_argument("--weights", action="store_true", help="remove old pretrained weights, too")
    gc.add_argument("--dry-run", action="store_true", help="print what would be removed")
    add_json(gc, inner=True)


def main(args: argparse.Namespace) -> int:
    """Print what is kept, or remove what is old."""
    if args.action == "gc":
        return _collect(args)
    found = cache.entries()
    if args.json:
        print_json(found)
        return 0
    print(f"{printable(str(home()))}: {size_text(cache.total_bytes(found))}")
    for kind, told in cache.KINDS.items():
        these = [entry for entry in found if entry.kind == kind]
        if these:
            print(f"{kind}: {told}, {size_text(cache.total_bytes(these))}")
            print("\n".join(map(_line, these)))
    return 0


def _collect(args: argparse.Namespace) -> int:
    swept = cache.collect(args.older, weights=args.weights, dry_run=args.dry_run)
    for problem in swept.problems:
        print(f"mrbench: {printable(str(problem))}", file=sys.stderr)
    code = MrbenchError.exit_code if swept.problems else 0
    if args.json:
        print_json(swept)
        return code
    for entry in swept.in_use:
        print(f"in use: {_line(entry).strip()}")
    word = "would remove" if args.dry_run else "removed"
    for entry in swept.removed:
        print(f"{word} {_line(entry).strip()}")
    if swept.removed:
        print(f"{word} {size_text(cache.total_bytes(swept.removed))}")
    elif not swept.problems:
        print("nothing to remove")
    return code


def _line(entry: cache.Entry) -> str:
    days = max(0.0, time.time() - entry.last_used) / UNITS_S["d"]
    used = "today" if days < 1 else f"{days:.0f} d ago"
    path = entry.path.relative_to(home())
    return f"  {size_text(entry.size_bytes):>9}  used {used:9}  {printable(str(path))}"
