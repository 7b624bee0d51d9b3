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


# What concerns the machine that trains, where that is another one.
OF_THE_TRAINING = (gpus.enough, recipe.executor)


def check(plans: Iterable[Plan], places: Places, *, elsewhere: bool = False) -> None:
    """Raise one UnavailableError that lists all that is missing, each with its remedy.

    elsewhere: this machine only prepares, and needs no GPUs.
    """
    found = refusals(tuple(plans), places, elsewhere=elsewhere)
    if found:
        lines = [f"  {', '.join(f.implementations)}: {f.text}; {f.remedy}" for f in found]
        raise UnavailableError("nothing was started; this machine lacks:\n" + "\n".join(lines))


def refusals(plans: tuple[Plan, ...], places: Places, *, elsewhere: bool = False) -> list[Finding]:
    """List what refuses a run of these plans; empty if it can start."""
    looks = [look for look in REFUSING if not (elsewhere and look in OF_THE_TRAINING)]
    found = (finding for look in looks for finding in look(plans, places))
    return merged(finding for finding in found if finding.level == "missing")
