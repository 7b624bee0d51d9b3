"""`mrbench doctor`: all checks together, and whether a run would start."""

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from mrbench.doctor import containers, gpus, inputs, machine, tools
from mrbench.doctor.base import Look, merged
from mrbench.errors import UnavailableError
from mrbench.model.finding import Finding, by_subject, count
from mrbench.model.places import Places
from mrbench.model.plan import Plan

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
        containers.docker,
        containers.slurm,
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


def examine(plans: Sequence[Plan], places: Places) -> list[Finding]:
    """Take all looks; the subjects of the findings are the names in GROUPS."""
    return [
        replace(finding, subject=name)
        for name, looks in GROUPS.items()
        for finding in _consistent(merged(f for look in looks for f in look(plans, places)))
    ]


def _consistent(findings: list[Finding]) -> list[Finding]:
    """Drop the ok findings of a topic in which something failed."""
    failed = {finding.topic for finding in findings if finding.outcome == "failed"}
    return [f for f in findings if f.outcome != "ok" or f.topic not in failed]


def exit_code(findings: Sequence[Finding]) -> int:
    """Return 4 if a run would be refused, else 0."""
    return UnavailableError.exit_code if count(findings, "failed") else 0


def as_json(plans: Sequence[Plan], findings: Sequence[Finding]) -> dict[str, object]:
    """Return the same as plain values."""
    groups = dict.fromkeys(GROUPS, ()) | by_subject(findings)
    return {
        "suites": list(dict.fromkeys(plan.suite for plan in plans)),
        "implementations": [plan.implementation for plan in plans],
        "refused": bool(count(findings, "failed")),
        "groups": {name: [f.plain() for f in members] for name, members in groups.items()},
    }


def title(plans: Sequence[Plan]) -> str:
    """Return the headline."""
    suites = ", ".join(dict.fromkeys(plan.suite for plan in plans))
    chosen = ", ".join(plan.implementation for plan in plans)
    return f"mrbench doctor: can a run of {chosen} (suite {suites}) start here?"


def shown(plans: Sequence[Plan], findings: Sequence[Finding]) -> list[Finding]:
    """Return the findings for reading; one that concerns all chosen recipes names none."""
    chosen = {plan.implementation for plan in plans}
    return [
        replace(f, implementations=()) if set(f.implementations) == chosen else f for f in findings
    ]


def verdict(findings: Sequence[Finding]) -> str:
    """Say in one line whether a run would start."""
    failed, notes = count(findings, "failed"), count(findings, "note")
    notes_text = f"{notes} note{'s' * (notes != 1)}" if notes else "no notes"
    if failed:
        return f"A run would be refused: {failed} failed, {notes_text}."
    return f"A run would start; {notes_text}."
