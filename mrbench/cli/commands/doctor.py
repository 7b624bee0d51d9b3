"""`mrbench doctor`: its arguments, and how findings are printed."""

import argparse

from msgspec.structs import replace

from mrbench.cli import choice
from mrbench.cli.arguments import add_choice, add_gpus, add_json, add_runs, print_json
from mrbench.cli.commands import Command
from mrbench.console.report import print_report
from mrbench.doctor import diagnosis

COMMAND = Command(
    group="Get ready and clean up",
    order=2,
    brief="what this machine lacks",
    help="Report what this machine lacks for a run.",
    examples="""\
mrbench doctor demo
mrbench doctor --gpus 8 --data DIR    # for the published table""",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `mrbench doctor`: mostly what `mrbench run` has, too."""
    add_choice(parser)
    add_gpus(parser)
    add_runs(parser)
    add_json(parser)


def main(args: argparse.Namespace) -> int:
    """Check this machine for the chosen recipes; 4 if a run of them would be refused."""
    args.window = args.commit = None
    places = choice.places(args)
    planned, left_out = choice.served(args, choice.plans(args), places)
    plans = [plan for plan, _ in planned]
    findings = diagnosis.examine(plans, places)
    findings += [replace(f, outcome="note", subject="recipes") for f in left_out]
    if args.json:
        print_json(diagnosis.as_json(plans, findings))
        return diagnosis.exit_code(findings)
    shown, verdict = diagnosis.shown(plans, findings), diagnosis.verdict(findings)
    print_report(diagnosis.title(plans), shown, verdict)
    return diagnosis.exit_code(findings)
