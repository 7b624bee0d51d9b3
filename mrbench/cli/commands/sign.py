"""`mrbench sign`: sign an archive, or a run once it is packed."""

import argparse
from pathlib import Path

from mrbench.cli.arguments import add_json, add_runs, print_json
from mrbench.cli.commands import Command, pack
from mrbench.errors import RecipeError
from mrbench.record.archive import is_archive
from mrbench.record.signature import sign
from mrbench.text import printable

COMMAND = Command(
    group="Look at runs",
    order=8,
    brief="sign an archive of a run",
    help=(
        "Sign an archive with an SSH key, so that `mrbench verify --signers` can tell whose it is: "
        "an in-toto statement with its digest and its number, and the signature by ssh-keygen."
    ),
    examples="""\
mrbench sign run.tar.gz
mrbench sign RUN -o run.tar.gz --key ~/.ssh/id_ed25519    # pack it first""",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `mrbench sign`."""
    parser.add_argument(
        "run", metavar="RUN", help="a `mrbench pack` archive; or a run as `mrbench pack` takes it"
    )
    parser.add_argument(
        "--key",
        type=Path,
        metavar="FILE",
        help="private key, or public key whose private one ssh-agent has; default: git's"
        " user.signingkey where gpg.format is ssh, else ~/.ssh/id_ed25519",
    )
    parser.add_argument(
        "-o", "--output", metavar="FILE", type=pack.archive, help="of a run: a new .tar.gz"
    )
    parser.set_defaults(ro_crate=False)
    add_runs(parser)
    add_json(parser, "print JSON: the files, the key, and what `mrbench pack --json` prints")


def main(args: argparse.Namespace) -> int:
    """Pack what is no archive yet, and sign it."""
    if not args.output and not is_archive(Path(args.run)):
        raise RecipeError(f"{args.run}: no archive", "pack a run with -o NAME.tar.gz")
    made = pack.pack_run(args) if args.output else {"file": args.run}
    statement, signature, key = map(str, sign(args.output or Path(args.run), args.key))
    if args.json:
        print_json(made | {"statement": statement, "signature": signature, "key": key})
    else:
        print(printable(f"signed with {key}: {statement}, {signature}"))
    return 0
