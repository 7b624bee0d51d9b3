"""`mrbench doctor`: all checks of this machine together."""

import argparse
from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from mrbench.cli import choice
from mrbench.cli.arguments import add_choice, add_gpus, add_json, add_runs, print_json
from mrbench.cli.commands import Command
from mrbench.console.report import print_report
from mrbench.doctor import gpus, inputs, machine, tools
from mrbench.doctor.base import Look, merged
from mrbench.errors import UnavailableError
from mrbench.model.finding import Finding, by_subject, count
from mrbench.model.places import Places
from mrbench.model.plan import Plan
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
# All of preflight.REFUSING is among these; a test compares what the two say.
GROUPS: Mapping[str, tuple[Look, ...]] = {
    "machine": (
        machine.itself,
        machine.processors,
        machine.memory,
        machine.shared_memory,
        machine.open_files,
        inputs.executor,
    ),
    "tools": (
        tools.programs,
        tools.git,
        tools.compilers,
        tools.nvcc,
        tools.mpi,
        tools.libraries,
        tools.docker,
        tools.slurm,
    ),
    "GPUs": (gpus.enough, gpus.condition),
    "storage": (inputs.space,),
    "recipes": (
        inputs.environments,
        inputs.supplied,
        inputs.data,
        inputs.pretrained,
        inputs.mirror,
    ),
}


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
    findings = _examine(plans, places)
    findings += [replace(f, outcome="note", subject="recipes") for f in left_out]
    failed, notes = count(findings, "failed"), count(findings, "note")
    suites = list(dict.fromkeys(plan.suite for plan in plans))
    chosen = [plan.implementation for plan in plans]
    if args.json:
        groups = dict.fromkeys(GROUPS, ()) | by_subject(findings)
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


def _examine(plans: Sequence[Plan], places: Places) -> list[Finding]:
    """Take all looks; the subjects of the findings are the names in GROUPS.

    The ok findings of a topic in which something failed are left out.
    """
    findings = list[Finding]()
    for name, looks in GROUPS.items():
        found = merged(f for look in looks for f in look(plans, places))
        failed = {f.topic for f in found if f.outcome == "failed"}
        found = [f for f in found if f.outcome != "ok" or f.topic not in failed]
        findings += [replace(f, subject=name) for f in found]
    return findings
