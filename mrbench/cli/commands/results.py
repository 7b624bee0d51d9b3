"""`mrbench results`: a git repository of archives, that others check and add to."""

import argparse
import shlex
import sys
from pathlib import Path

from mrbench.cli.arguments import add_runs
from mrbench.cli.commands import Command
from mrbench.cli.findings import add_formats, print_findings
from mrbench.cli.stored import latest
from mrbench.errors import MrbenchError
from mrbench.results.repository import adding
from mrbench.results.repository.check import check
from mrbench.results.repository.layout import SIGNERS
from mrbench.text import printable

COMMAND = Command(
    group="Look at runs",
    order=9,
    brief="publish and check archives",
    help="Publish archives of runs in a git repository, whose workflow checks each change.",
)
REPOSITORY = "the results repository; default: ."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `mrbench results`."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    init = actions.add_parser(
        "init",
        help="make a results repository",
        description="Make a results repository, with a workflow for GitHub that checks each"
        " change and publishes the page. Files that are there are left as they are.",
        examples="mrbench results init results",
    )
    init.add_argument("dir", type=Path, metavar="DIR", help="a new or existing folder")
    add = actions.add_parser(
        "add",
        help="add runs or registrations",
        description="Pack runs (secrets masked), sign the archives, put them where they belong,"
        " and `git add` them.",
        examples="""\
mrbench results add RUN --dir results
mrbench results add run.tar.gz --no-sign
mrbench results add plan.json    # a registration, before its runs""",
    )
    add.add_argument(
        "run",
        nargs="+",
        metavar="RUN",
        help="a run's folder, the end of its path, a `mrbench pack` archive, an implementation (its"
        " latest run), or a registration's .json",
    )
    add.add_argument("--dir", type=Path, default=Path(), metavar="DIR", help=REPOSITORY)
    how = add.add_mutually_exclusive_group()
    how.add_argument("--key", type=Path, metavar="FILE", help="sign with it, as `mrbench sign`")
    how.add_argument("--no-sign", action="store_true", help="do not sign")
    add_runs(add)
    verify = actions.add_parser(
        "check",
        help="check all that is in it",
        description="Compute every number again, check signatures and registrations, and that each"
        " archive is where it belongs. Ends with 7 if anything does not hold.",
        examples="""\
mrbench results check results
mrbench results check --since main    # what this branch adds""",
    )
    verify.add_argument("dir", nargs="?", type=Path, default=Path(), metavar="DIR", help=REPOSITORY)
    verify.add_argument(
        "--since",
        metavar="REV",
        help="check what changed since that commit, by the keys and registrations that it has",
    )
    add_formats(verify)


def main(args: argparse.Namespace) -> int:
    """Do what the action says."""
    match args.action:
        case "init":
            return _init(args.dir)
        case "add":
            return _add(args)
    args.command = "results check"  # as findings call it
    return print_findings(check(args.dir, args.since), args)


def _init(root: Path) -> int:
    for path in adding.init(root):
        print(f"made {printable(str(path))}")
    folder = shlex.quote(printable(str(root)))
    print(f"next: put keys into {SIGNERS}, then git -C {folder} add -A . and commit")
    return 0


def _add(args: argparse.Namespace) -> int:
    code = 0
    for word in args.run:
        try:
            if word.endswith(".json"):
                names = adding.add_registration(Path(word), args.dir)
            else:
                name = latest(word, args.runs)
                names = adding.add_run(name, args.runs, args.dir, args.key, signed=not args.no_sign)
            for name in names:
                print(f"added {printable(name)}")
        except MrbenchError as exc:
            print(f"mrbench: {exc}", file=sys.stderr)
            code = max(code, exc.exit_code)
    return code
