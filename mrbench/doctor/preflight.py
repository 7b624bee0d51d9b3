"""What this machine lacks for a run, found before anything is cloned, all at once."""

from collections.abc import Iterable

from mrbench.doctor import gpus, inputs, storage, tools
from mrbench.doctor.finding import Finding, lacking, merged
from mrbench.errors import UnavailableError
from mrbench.launch.executors import EXECUTORS, Executor, Wishes
from mrbench.model.places import Places
from mrbench.model.plan import Plan

# All that can refuse a run: the cheap ones among the checks of `mrbench doctor`.
REFUSING = (
    gpus.enough,
    inputs.executor,
    inputs.environments,
    inputs.data,
    inputs.pretrained,
    inputs.mirror,
    tools.programs,
    storage.space,
)

LOCAL = EXECUTORS["local"](Wishes())
# Of no account where the jobs run in images.
OF_THIS_MACHINE = (inputs.environments, tools.programs)

# What concerns the machine that trains, where that is another one.
OF_THE_TRAINING = (gpus.enough, inputs.executor)


def check(
    plans: Iterable[Plan],
    places: Places,
    executor: Executor = LOCAL,
    *,
    force: bool = False,
    elsewhere: bool = False,
) -> list[Finding]:
    """Raise one UnavailableError that lists all that is missing, each with its remedy.

    force: what may be forced is returned instead. elsewhere: this machine only prepares, and needs
    no GPUs.
    """
    found = refusals(tuple(plans), places, executor, elsewhere=elsewhere)
    forced = [finding for finding in found if force and finding.forcible]
    refused = [finding for finding in found if finding not in forced]
    if refused:
        lines = [f"  {', '.join(f.implementations)}: {f.text}; {f.remedy}" for f in refused]
        raise UnavailableError("nothing was started; this machine lacks:\n" + "\n".join(lines))
    return forced


def refusals(
    plans: tuple[Plan, ...],
    places: Places,
    executor: Executor = LOCAL,
    *,
    elsewhere: bool = False,
) -> list[Finding]:
    """List what refuses a run of these plans; empty if it can start."""
    inside = executor.surroundings.in_image
    found = [
        finding
        for look in REFUSING
        if not (elsewhere and look in OF_THE_TRAINING)
        for finding in look(plans, places)
        if not (inside and look in OF_THIS_MACHINE and finding.topic != "git")
    ]
    if inside:
        found += _lacking_in_images(plans, executor)
    return merged(finding for finding in found if finding.level == "missing")


def _lacking_in_images(plans: tuple[Plan, ...], executor: Executor) -> list[Finding]:
    told = executor.unavailable()
    if told:
        return [lacking("executor", told, plan) for plan in plans]
    found = []
    for plan in plans:
        gpus = plan.gpus if plan.accelerator == "gpu" else 0
        told = executor.surroundings.problem(plan.environment, gpus)
        if told:
            found.append(lacking("image", told, plan))
    return found
