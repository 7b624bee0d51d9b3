"""`mrbench doctor`: its arguments, and how findings are printed."""

import argparse
import json
from collections.abc import Callable

TYPE_CHECKING = False  # the argument tree is made for --version too
if TYPE_CHECKING:
    from mrbench.places import Places
    from mrbench.plan import Plan
    from mrbench.recipe import RecipeFile

Add = Callable[[argparse.ArgumentParser], None]


def add_arguments(parser: argparse.ArgumentParser, add_choice: Add, add_runs: Add) -> None:
    """Fill the parser; add_choice and add_runs add what `mrbench run` has, too."""
    add_choice(parser)
    parser.add_argument("--gpus", type=int, metavar="N", help="default: what the suite states")
    add_runs(parser)
    parser.add_argument("--json", action="store_true", help="as JSON")


def doctor(
    args: argparse.Namespace,
    make_plans: "Callable[[argparse.Namespace], list[tuple[Plan, RecipeFile]]]",
    make_places: "Callable[[argparse.Namespace], Places]",
) -> int:
    """Check this machine for the chosen recipes; 4 if a run of them would be refused."""
    from mrbench import doctor as checking  # noqa: PLC0415 - only this command

    args.window = args.commit = None
    plans = [plan for plan, _ in make_plans(args)]
    groups = checking.examine(plans, make_places(args))
    if args.json:
        print(json.dumps(checking.as_json(plans, groups), indent=1))
        return checking.exit_code(groups)
    from mrbench.console import print_report  # noqa: PLC0415 - rich is slow to import

    print_report(checking.title(plans), checking.rows(plans, groups), checking.verdict(groups))
    return checking.exit_code(groups)
