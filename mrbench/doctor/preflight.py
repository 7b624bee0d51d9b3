"""What this machine lacks for a run: all of it, before anything is cloned."""

from collections.abc import Iterable

from mrbench.doctor import gpus, inputs, tools
from mrbench.doctor.base import lacking, merged
from mrbench.errors import UnavailableError
from mrbench.launch.executors.base import Site
from mrbench.model.finding import Finding
from mrbench.model.places import Places
from mrbench.model.plan import Plan
from mrbench.prepare.surroundings import Surroundings

# All that can refuse a run: the cheap ones among the checks of `mrbench doctor`.
REFUSING = (
    gpus.enough,
    inputs.environments,
    inputs.data,
    inputs.pretrained,
    inputs.mirror,
    tools.programs,
    inputs.space,
)

# Of no account where the jobs run in images.
OF_THIS_MACHINE = (inputs.environments, tools.programs)


def refuse_lacking(
    plans: Iterable[Plan], places: Places, site: Site, *, force: bool = False
) -> list[Finding]:
    """Raise one UnavailableError that lists all that is missing, each with its remedy.

    site: where they are to train. force: what may be forced is returned instead.
    """
    failures = refusals(tuple(plans), places, site)
    forced = [finding for finding in failures if force and finding.forcible]
    refused = [finding for finding in failures if finding not in forced]
    if refused:
        lines = [f"  {', '.join(f.implementations)}: {f.text}; {f.remedy}" for f in refused]
        raise UnavailableError("nothing was started; this machine lacks:\n" + "\n".join(lines))
    return forced


def refusals(plans: tuple[Plan, ...], places: Places, site: Site) -> list[Finding]:
    """List what refuses a run of these plans; empty if it can start."""
    inside = site.surroundings.in_image
    findings = [
        finding
        for look in REFUSING
        if site.trains_here or look is not gpus.enough
        for finding in look(plans, places)
        if not (inside and look in OF_THIS_MACHINE and finding.topic != "git")
    ]
    lack = site.unavailable()
    if lack:
        findings += [lacking("executor", lack, plan) for plan in plans]
    elif inside:
        findings += _lacking_in_images(plans, site.surroundings)
    return merged(finding for finding in findings if finding.outcome == "failed")


def _lacking_in_images(plans: tuple[Plan, ...], surroundings: Surroundings) -> list[Finding]:
    findings = []
    for plan in plans:
        lack = surroundings.problem(plan.environment, plan.gpus if plan.accelerator == "gpu" else 0)
        if lack:
            findings.append(lacking("image", lack, plan))
    return findings
