"""`mrbench doctor`: all checks together, and whether a run would start."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from mrbench.doctor import containers, gpus, inputs, machine, storage, tools
from mrbench.doctor.finding import Check, Finding, merged
from mrbench.errors import UnavailableError
from mrbench.model.places import Places
from mrbench.model.plan import Plan

# All of preflight.REFUSING is among these; a test compares what the two say.
GROUPS: Mapping[str, tuple[Check, ...]] = {
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
        containers.docker,
        containers.slurm,
    ),
    "GPUs": (gpus.enough, gpus.condition),
    "storage": (storage.space,),
    "recipes": (
        inputs.environments,
        inputs.supplied,
        inputs.data,
        inputs.pretrained,
        inputs.mirror,
    ),
}
Groups = dict[str, list[Finding]]


def examine(plans: Sequence[Plan], places: Places) -> Groups:
    """Make all checks; findings by group."""
    return {
        name: _told_once(merged(f for check in checks for f in check(plans, places)))
        for name, checks in GROUPS.items()
    }


def _told_once(findings: list[Finding]) -> list[Finding]:
    """Leave out what is good of a topic where something is missing."""
    lacking = {finding.topic for finding in findings if finding.level == "missing"}
    return [f for f in findings if f.level != "good" or f.topic not in lacking]


def count(groups: Groups, level: str) -> int:
    """Count the findings of a level."""
    return sum(finding.level == level for found in groups.values() for finding in found)


def exit_code(groups: Groups) -> int:
    """Return 4 if a run would be refused, else 0."""
    return UnavailableError.exit_code if count(groups, "missing") else 0


def as_json(plans: Sequence[Plan], groups: Groups) -> dict[str, Any]:
    """Return the same as plain values."""
    return {
        "suites": list(dict.fromkeys(plan.suite for plan in plans)),
        "implementations": [plan.implementation for plan in plans],
        "refused": bool(count(groups, "missing")),
        "groups": {
            name: [dataclasses.asdict(finding) for finding in found]
            for name, found in groups.items()
        },
    }


def title(plans: Sequence[Plan]) -> str:
    """Say what is looked at."""
    suites = ", ".join(dict.fromkeys(plan.suite for plan in plans))
    chosen = ", ".join(plan.implementation for plan in plans)
    return f"mrbench doctor: can a run of {chosen} (suite {suites}) start here?"


def rows(plans: Sequence[Plan], groups: Groups) -> list[tuple[str, str, str, str, str]]:
    """Return group, level, topic, text and remedy of each finding."""
    return [
        (name, finding.level, finding.topic, finding.text + _whose(finding, plans), finding.remedy)
        for name, found in groups.items()
        for finding in found
    ]


def verdict(groups: Groups) -> str:
    """Say in one line what a run would meet."""
    missing, warnings = count(groups, "missing"), count(groups, "warning")
    told = f"{warnings} warning{'s' * (warnings != 1)}" if warnings else "no warnings"
    if missing:
        return f"A run would be refused: {missing} missing, {told}."
    return f"A run would start; {told}."


def _whose(finding: Finding, plans: Sequence[Plan]) -> str:
    """Name the implementations, unless the finding concerns all that were chosen."""
    chosen = {plan.implementation for plan in plans}
    if not finding.implementations or chosen == set(finding.implementations):
        return ""
    return f" [{', '.join(finding.implementations)}]"
