"""`mrbench doctor`: its arguments, and how findings are printed."""

import argparse

from msgspec.structs import replace

from mrbench.cli import choice
from mrbench.cli.arguments import add_choice, add_gpus, add_json, add_runs, print_json
from mrbench.cli.commands import Command
from mrbench.console.report import print_report
from mrbench.doctor import diagnosis
from mrbench.errors import UnavailableError
from mrbench.model.finding import by_subject, count
from mrbench.text import counted

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
    failed, notes = count(findings, "failed"), count(findings, "note")
    suites = list(dict.fromkeys(plan.suite for plan in plans))
    chosen = [plan.implementation for plan in plans]
    if args.json:
        groups = dict.fromkeys(diagnosis.GROUPS, ()) | by_subject(findings)
        shown = {name: [f.plain() for f in members] for name, members in groups.items()}
        answer = {"suites": suites, "implementations": chosen, "refused": bool(failed)}
        print_json(answer | {"groups": shown})
    else:
        title = f"mrbench doctor: can a run of {', '.join(chosen)} (suite {', '.join(suites)})"
        # what concerns all chosen recipes names none
        unnamed = (
            replace(f, implementations=()) if set(f.implementations) == set(chosen) else f
            for f in findings
        )
        noted = counted(notes, "note") if notes else "no notes"
        would = f"be refused: {failed} failed, {noted}" if failed else f"start; {noted}"
        print_report(f"{title} start here?", unnamed, f"A run would {would}.")
    return UnavailableError.exit_code if failed else 0
