"""`mrbench mirror create` and `mrbench mirror verify`: their arguments, and what they print."""

import argparse

from mrbench.cli.arguments import add_mirror, add_recipes, add_weights, as_path
from mrbench.errors import UnavailableError

TYPE_CHECKING = False  # the argument tree is made for --version too
if TYPE_CHECKING:
    from collections.abc import Iterable

    from mrbench.prepare.mirror.manifest import Manifest
    from mrbench.recipe.load import RecipeFile


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `mrbench mirror`."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    create = actions.add_parser("create", help="gather all that recipes need, or add to a mirror")
    create.description = (
        "Gather commits, packages and weights of a suite in a folder, or add to one; ends with 4 if"
        " something could not be had."
    )
    create.add_argument("folder", metavar="DIR", type=as_path, help="new, or a mirror already")
    add_recipes(create)
    add_mirror(
        create, "take from here instead of https://github.com/; all, if it is a mirror itself"
    )
    add_weights(create, "folder that has pretrained weights already")
    create.add_argument("--quiet", action="store_true", help="say nothing on the way")
    verify = actions.add_parser("verify", help="check each file, and that today's recipes are met")
    verify.description = (
        "Check each file of a mirror, and that it has all that today's recipes need."
    )
    verify.add_argument("folder", metavar="DIR", type=as_path, help="of the mirror")
    verify.add_argument(
        "--recipe",
        nargs="+",
        action="extend",
        type=as_path,
        metavar="FILE",
        help="recipes from anywhere that it covers",
    )


def main(args: argparse.Namespace) -> int:
    """Make a mirror, or check one."""
    return _create(args) if args.action == "create" else _verify(args)


def _create(args: argparse.Namespace) -> int:
    import time  # noqa: PLC0415 - as below

    from mrbench.cli.choice import chosen_files  # noqa: PLC0415 - only this command
    from mrbench.console import make_reporter  # noqa: PLC0415 - the same
    from mrbench.prepare.mirror.create import create  # noqa: PLC0415 - the same

    began = time.monotonic()
    whole = () if args.impl or args.recipe else (args.suite,)
    with make_reporter(quiet=args.quiet) as reporter:
        made = create(
            args.folder,
            chosen_files(args),
            suites=whole,
            mirror=args.mirror,
            weights=args.weights,
            stage=reporter.stage,
        )
    print(f"{args.folder}: for {', '.join(sorted(made.recipes))}")
    print(f"{_size(made)}, in {time.monotonic() - began:.0f} s")
    for text, names in sorted(made.missing.items()):
        print(f"missing: {', '.join(names)}: {text}")
    return UnavailableError.exit_code if made.missing else 0


def _verify(args: argparse.Namespace) -> int:
    from mrbench.prepare.mirror.manifest import read  # noqa: PLC0415 - only this command
    from mrbench.prepare.mirror.verify import problems  # noqa: PLC0415 - the same

    made = read(args.folder)
    files = list(_current(made, args))
    names = {f"{file.suite_name}/{file.name}" for file in files}
    lines = list(problems(args.folder, made, files))
    for line in lines:
        print(line)
    for name in sorted(made.recipes.keys() - names):
        print(f"note: {name} is none of mrbench's; name it with --recipe to have it compared")
    if lines:
        return UnavailableError.exit_code
    print(f"{args.folder}: {_size(made)}, as they were made; all is there for")
    print(f"  {', '.join(sorted(names)) or 'no recipe'}")
    return 0


def _current(made: "Manifest", args: argparse.Namespace) -> "Iterable[RecipeFile]":
    """Yield the recipes that the mirror covers, as they are now; of whole suites, all."""
    from mrbench.cli.choice import chosen_files  # noqa: PLC0415 - the same
    from mrbench.recipe import load  # noqa: PLC0415 - as above

    for suite in sorted({*made.suites, *(name.partition("/")[0] for name in made.recipes)}):
        if suite in load.suite_names():
            for name in load.implementations(suite):
                if suite in made.suites or f"{suite}/{name}" in made.recipes:
                    yield load.load_named(suite, name)
    if args.recipe:
        args.impl, args.suite = None, "2019"
        yield from chosen_files(args)


def _size(made: "Manifest") -> str:
    size_bytes = sum(entry["size_bytes"] for entry in made.files.values())
    return f"{len(made.files)} files, {size_bytes / 1e6:.1f} MB"
