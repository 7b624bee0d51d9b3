"""`mrbench doctor`: all checks together."""

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from mrbench.doctor import gpus, inputs, machine, tools
from mrbench.doctor.base import Look, merged
from mrbench.model.finding import Finding
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


def examine(plans: Sequence[Plan], places: Places) -> list[Finding]:
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
