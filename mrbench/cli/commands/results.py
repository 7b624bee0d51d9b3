"""`mrbench results`: a git repository of archives, that others check and add to."""

import argparse
import sys
from pathlib import Path

from mrbench.cli.arguments import add_json, add_runs, print_json
from mrbench.cli.commands import Command
from mrbench.cli.commands.pack import print_masking
from mrbench.cli.findings import add_formats, print_findings
from mrbench.cli.stored import latest
from mrbench.errors import CheckFailed, MrbenchError
from mrbench.results.repository import adding, site
from mrbench.results.repository.check import check
from mrbench.results.repository.layout import SIGNERS
from mrbench.text import counted, one_line, printable

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
        help="make a repository, with a workflow that checks each change and publishes the page",
        examples="mrbench results init results",
    )
    init.add_argument(
        "dir", type=Path, metavar="DIR", help="folder; its files are left as they are"
    )
    add_json(init)
    add = actions.add_parser(
        "add",
        help="pack and sign runs, and put them in their places",
        description="Pack and sign runs, put them in their places, and `git add` them. The"
        " signature beside an archive comes along, unless --key is given.",
        examples="""\
mrbench results add RUN --dir results
mrbench results add run.tar.gz --no-sign
mrbench results add plan.json    # a registration, before its runs""",
    )
    told = "as for `mrbench pack`, an archive, or a registration's .json"
    add.add_argument("run", nargs="+", metavar="RUN", help=told)
    add.add_argument("--dir", type=Path, default=Path(), help=REPOSITORY)
    how = add.add_mutually_exclusive_group()
    how.add_argument("--key", type=Path, metavar="FILE", help="as for `mrbench sign`")
    how.add_argument("--no-sign", action="store_true", help="add no signature")
    add_runs(add)
    add_json(add)
    verify = actions.add_parser(
        "check",
        help="check all archives, signatures and registrations",
        description="Compute every number again; check signatures, registrations, and that each"
        " archive is in its place. Ledgers, recipes and checkouts are left out, as archives do not"
        " have them. Ends with 7 if anything does not hold.",
        examples="""\
mrbench results check results
mrbench results check --since main    # what this branch adds""",
    )
    verify.add_argument("dir", nargs="?", type=Path, default=Path(), metavar="DIR", help=REPOSITORY)
    told = "check what changed since that commit, by the keys and registrations that it has"
    verify.add_argument("--since", default="", metavar="REV", help=told)
    add_formats(verify)
    build = actions.add_parser(
        "build",
        help="make its page",
        description="Make a page of leaderboards and histories, with archives, badges and"
        " results.json, from numbers computed again. An archive that is not as recorded is listed"
        " without a number; the command then ends with 7.",
        examples="mrbench results build results -o site",
    )
    build.add_argument("dir", nargs="?", type=Path, default=Path(), metavar="DIR", help=REPOSITORY)
    told = "folder to write; default: site"
    build.add_argument("-o", "--output", type=Path, default="site", metavar="DIR", help=told)
    add_json(build)


def main(args: argparse.Namespace) -> int:
    """Do what the action says."""
    match args.action:
        case "init":
            made = list(adding.init(args.dir))
            if args.json:
                print_json({"made": made})
                return 0
            for path in made:
                print(f"made {printable(str(path))}")
            print(f"next: put keys into {SIGNERS}, then commit; see `mrbench results add --help`")
            return 0
        case "add":
            return _add(args)
        case "build":
            return _build(args)
    args.command = "results check"  # as its findings are headed
    return print_findings(check(args.dir, args.since), args)


def _add(args: argparse.Namespace) -> int:
    code, added = 0, list[str]()
    for word in args.run:
        try:
            name = latest(word, args.runs)
            names, packed = adding.add(name, args.runs, args.dir, args.key, signed=not args.no_sign)
        except MrbenchError as exc:  # the others are added all the same
            print(f"mrbench: {exc}", file=sys.stderr)
            code = max(code, exc.exit_code)
            continue
        added += names
        if not args.json:
            print("\n".join(f"added {printable(name)}" for name in names))
            if packed:
                print_masking(packed)
    if args.json:
        print_json({"added": added})
    elif not code:
        print("next: git commit")
    return code


def _build(args: argparse.Namespace) -> int:
    made, file = site.build(args.dir, args.output), args.output / "index.html"
    code = CheckFailed.exit_code if made.not_shown else 0
    if args.json:
        print_json({"file": file, "runs": len(made.archives), "not_shown": made.not_shown})
        return code
    for name, why in made.not_shown.items():
        print(f"mrbench: {printable(name)}: {one_line(why)}", file=sys.stderr)
    left = f"; {counted(len(made.not_shown), 'file')} not shown" if made.not_shown else ""
    print(f"{printable(str(file))}: {counted(len(made.archives), 'run')}{left}")
    return code
