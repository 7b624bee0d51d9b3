"""`mrbench run`: train and measure."""

import argparse
import itertools
import json
import sys

from mrbench.cli.arguments import (
    add_choice,
    add_executor,
    add_gpus,
    add_runs,
    commit,
    degrees,
    positive,
)

TYPE_CHECKING = False  # see arguments
if TYPE_CHECKING:
    from mrbench.cli.choice import Planned
    from mrbench.launch.executors import Wishes
    from mrbench.model.places import Places


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `mrbench run`."""
    add_choice(parser)
    parser.add_argument(
        "--commit", type=commit, metavar="SHA", help="another (40 hex digits) than the recipe's"
    )
    add_gpus(parser)
    parser.add_argument("--window", metavar="A:B", help="measure iterations A+1 to B")
    parser.add_argument(
        "--repeat", type=positive, default=1, metavar="N", help="rounds; default: 1"
    )
    parser.add_argument(
        "--cool-down",
        type=degrees,
        metavar="C",
        help="begin each run with GPUs of at most C degrees Celsius",
    )
    parser.add_argument(
        "--cool-down-limit",
        type=positive,
        default=600,
        metavar="S",
        help="wait for that at most S seconds; default: 600",
    )
    add_executor(parser)
    parser.add_argument("--force", action="store_true", help="run on GPUs that the recipe excludes")
    add_runs(parser)
    parser.add_argument("--dry-run", action="store_true", help="print the plans, touch nothing")
    parser.add_argument(
        "--json", action="store_true", help="plans, or a line per event, as JSON on stdout"
    )
    parser.add_argument("--quiet", action="store_true", help="tell problems only")


def main(args: argparse.Namespace) -> int:
    """Run the chosen implementations, or print what would be done."""
    from mrbench.cli import choice  # noqa: PLC0415 - after the shim has been started

    wishes = choice.wishes(args)
    planned, places = choice.plans(args), choice.places(args)
    if args.dry_run:
        return _dry_run(planned, places, wishes, as_json=args.json)
    from mrbench.console import make_reporter  # noqa: PLC0415 - the dry run prints at once
    from mrbench.launch.executors import EXECUTORS  # noqa: PLC0415 - the same
    from mrbench.run.local import exit_code, run_all  # noqa: PLC0415 - loads all that training needs

    events = sys.stdout if args.json else None
    with make_reporter(quiet=args.quiet, events=events) as reporter:
        if args.executor == "slurm":
            from mrbench.run.slurm import follow  # noqa: PLC0415 - only a cluster needs it

            records = follow.run_all(planned, places, args.repeat, reporter, wishes)
        else:
            records = run_all(
                planned,
                places,
                args.repeat,
                reporter,
                EXECUTORS[args.executor](wishes),
                cool_down=choice.cool_down(args),
                force=args.force,
            )
    return exit_code(records)


def _dry_run(planned: "Planned", places: "Places", wishes: "Wishes", *, as_json: bool) -> int:
    from mrbench.run.dry import as_text, describe  # noqa: PLC0415 - only now needed

    described = [describe(p, file.patches, places, wishes) for p, file in planned]
    scripts: list[str] = []
    if wishes.executor == "slurm":
        from mrbench.run.slurm import submit  # noqa: PLC0415 - only a cluster needs it

        scripts = [submit.dry_script(p, places, wishes) for p, _ in planned]
        described = [d | {"script": s} for d, s in zip(described, scripts, strict=True)]
    if as_json:
        print(json.dumps(described, indent=1))
        return 0
    for text, script in itertools.zip_longest(map(as_text, described), scripts, fillvalue=""):
        print(text)
        print(script, end="")
    return 0
