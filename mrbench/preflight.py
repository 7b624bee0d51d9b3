"""What this machine lacks for a run, found before anything is cloned, all at once."""

from collections.abc import Iterable

from mrbench.checks import gpus, recipe, storage, tools
from mrbench.checks.base import Finding, merged
from mrbench.errors import UnavailableError
from mrbench.places import Places
from mrbench.plan import Plan

# All that can refuse a run: the cheap ones among the checks of `mrbench doctor`.
REFUSING = (
    gpus.enough,
    recipe.executor,
    recipe.environments,
    recipe.data,
    recipe.pretrained,
    recipe.mirror,
    tools.programs,
    storage.space,
)


def check(plans: Iterable[Plan], places: Places, *, force: bool = False) -> list[Finding]:
    """Raise one UnavailableError that lists all that is missing, each with its remedy.

    force: what may be forced is returned instead.
    """
    found = refusals(tuple(plans), places)
    forced = [finding for finding in found if force and finding.forcible]
    refused = [finding for finding in found if finding not in forced]
    if refused:
        lines = [f"  {', '.join(f.implementations)}: {f.text}; {f.remedy}" for f in refused]
        raise UnavailableError("nothing was started; this machine lacks:\n" + "\n".join(lines))
    return forced


def refusals(plans: tuple[Plan, ...], places: Places) -> list[Finding]:
    """List what refuses a run of these plans; empty if it can start."""
    found = (finding for look in REFUSING for finding in look(plans, places))
    return merged(finding for finding in found if finding.level == "missing")
