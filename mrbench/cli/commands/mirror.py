"""`mrbench mirror create` and `mrbench mirror verify`: their arguments, and what they print."""

import argparse
import time
from collections.abc import Iterable
from pathlib import Path

from mrbench.cli.arguments import (
    Names,
    add_json,
    add_mirror,
    add_quiet,
    add_recipe,
    add_recipes,
    add_weights,
    print_json,
)
from mrbench.cli.choice import chosen_files
from mrbench.cli.commands import Command
from mrbench.cli.values import RANDOM, folder_or_random, python_versions
from mrbench.console import make_reporter
from mrbench.errors import UnavailableError
from mrbench.model.inputs import OWN_PYTHON
from mrbench.prepare.mirror.base import WHEELS
from mrbench.prepare.mirror.create import create
from mrbench.prepare.mirror.manifest import Manifest, read_manifest
from mrbench.prepare.mirror.verify import problems
from mrbench.recipe import load
from mrbench.recipe.load import RecipeFile
from mrbench.recipe.plan import check_lock
from mrbench.text import printable, size_text

COMMAND = Command(
    group="Get ready and clean up",
    order=12,
    brief="for offline machines",
    help="Gather everything that a suite needs, for machines without internet.",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `mrbench mirror`."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    gather = actions.add_parser(
        "create",
        help="gather everything that recipes need, or add to a mirror",
        description=(
            "Gather commits, packages and weights of a suite in a folder, or add to one; ends with"
            " 4 if something is missing."
        ),
        examples="mrbench mirror create DIR --suite smoke    # where there is internet",
    )
    gather.add_argument("folder", metavar="DIR", type=Path, help="a new folder, or a mirror")
    add_recipes(gather, named=False)
    add_mirror(
        gather, "source of repositories instead of https://github.com/; a mirror serves all files"
    )
    add_weights(
        gather,
        f"folder of pretrained weights that are there already, or `{RANDOM}`: leave weights out",
        folder_or_random,
    )
    gather.add_argument(
        "--python",
        type=python_versions,
        default=(OWN_PYTHON,),
        metavar="X.Y,...",
        help="versions of Python that mrbench itself is to be installed with; default: this one's",
    )
    gather.add_argument(
        "--leave-out",
        nargs="+",
        action=Names,
        default=[],
        metavar="NAME",
        help="locked packages to leave out, e.g. torch 'nvidia-*', or '*' for all: for machines"
        " that have their own, see --environment of `mrbench run`",
    )
    add_quiet(gather, "print no progress")
    add_json(gather)
    verify = actions.add_parser(
        "verify",
        help="check each file, and that the mirror has what today's recipes need",
        description="Check each file of a mirror, and that it has what today's recipes need.",
        examples="mrbench mirror verify DIR    # after it was copied",
    )
    verify.add_argument("folder", metavar="DIR", type=Path, help="folder of the mirror")
    add_json(verify)
    add_recipe(verify, "recipe files that the mirror covers, beside those of mrbench")


def main(args: argparse.Namespace) -> int:
    """Make a mirror, or check one."""
    return _create(args) if args.action == "create" else _verify(args)


def _create(args: argparse.Namespace) -> int:
    began = time.monotonic()
    whole = () if args.impl or args.recipe else (load.current_name(args.suite),)
    chosen, untrained = chosen_files(args), args.weights == RANDOM
    for file in chosen:
        check_lock(file)
    with make_reporter(quiet=args.quiet) as reporter:
        made = create(
            args.folder,
            chosen,
            suites=whole,
            mirror=args.mirror,
            weights=None if untrained else args.weights,
            without_weights=untrained,
            stage=reporter.stage,
            pythons=args.python,
            leave_out=tuple(args.leave_out),
        )
    if args.json:
        print_json(made)
        return UnavailableError.exit_code if made.missing else 0
    print(f"{printable(str(args.folder))}: for {', '.join(sorted(made.recipes))}")
    print(f"{_size(made)}, in {time.monotonic() - began:.0f} s")
    _print_itself(args.folder, made)
    for lacking in made.missing:
        print(printable(f"missing: {', '.join(lacking.recipes)}: {lacking.missing}"))
    return UnavailableError.exit_code if made.missing else 0


def _verify(args: argparse.Namespace) -> int:
    made = read_manifest(args.folder)
    files = list(_current(made, args))
    names = {f"{file.suite_name}/{file.name}" for file in files}
    wrong = list(problems(args.folder, made, files))
    unknown = sorted(made.recipes.keys() - names)
    if args.json:
        told = {"recipes": sorted(names), "problems": list(map(str, wrong))}
        print_json(told | {"not_compared": unknown})
        return UnavailableError.exit_code if wrong else 0
    for problem in wrong:
        print(printable(str(problem)))
    for name in unknown:
        known = f"note: {printable(name)} is none of mrbench's"
        print(f"{known}; name it with --recipe to have it compared")
    if wrong:
        return UnavailableError.exit_code
    print(f"{printable(str(args.folder))}: {_size(made)}, as they were made; all is there for")
    print(printable(f"  {', '.join(sorted(names)) or 'no recipe'}"))
    _print_itself(args.folder, made)
    return 0


def _print_itself(folder: Path, made: Manifest) -> None:
    """Say how mrbench is installed from the mirror, if it is in it."""
    pythons = [python for python, own in made.itself.items() if own.files]
    if pythons:
        command = f"python -m pip install --no-index --find-links {folder / WHEELS} mrbench"
        print(printable(f"mrbench {made.mrbench} for Python {', '.join(pythons)}: `{command}`"))


def _current(made: Manifest, args: argparse.Namespace) -> Iterable[RecipeFile]:
    """Yield the recipes that the mirror covers, as they are now; of whole suites, all."""
    for suite in sorted({*made.suites, *(name.partition("/")[0] for name in made.recipes)}):
        if suite in load.suite_names():
            for name in load.implementations(suite):
                if suite in made.suites or f"{suite}/{name}" in made.recipes:
                    yield load.load_named(suite, name)
    for path in args.recipe or ():
        yield load.load_path(path)


def _size(made: Manifest) -> str:
    size_bytes = sum(entry.size_bytes for entry in made.files.values())
    return f"{len(made.files)} files, {size_text(size_bytes)}"
