"""What this machine lacks for a run: all of it, before anything is cloned."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from mrbench.doctor import gpus, inputs, tools
from mrbench.doctor.base import Plans, lacking, merged
from mrbench.errors import UnavailableError
from mrbench.launch.executors.base import Site
from mrbench.model.finding import Finding
from mrbench.model.places import Places
from mrbench.model.plan import Plan
from mrbench.recipe.load import SUITE, recipe_paths, suite_names

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
# What nothing could start without, not even the demo.
STOPS_ALL = {"system", "git", "MRBENCH_HOME", "runs"}


def refuse_lacking(
    plans: Iterable[Plan], places: Places, site: Site, *, force: bool = False
) -> list[Finding]:
    """Raise one UnavailableError that lists all that is missing, each with its remedy.

    site: where they are to train. force: what may be forced is returned instead.
    """
    plans = tuple(plans)
    failures = refusals(plans, places, site)
    forced = [finding for finding in failures if force and finding.forcible]
    refused = [finding for finding in failures if finding not in forced]
    if refused:
        lines = [f"  {', '.join(f.implementations)}: {f.text}; {f.remedy}" for f in refused]
        lines += _where_to_go_on(tuple(plans), places, refused)
        suites = ", ".join(dict.fromkeys(plan.suite for plan in plans))
        lacking = UnavailableError(f"nothing was started; for suite {suites} this machine lacks:")
        lacking.more = tuple(lines)
        raise lacking
    return forced


def _where_to_go_on(plans: Plans, places: Places, refused: Iterable[Finding]) -> Iterator[str]:
    """Yield where COCO is had, what tells more, and what trains on this machine as it is."""
    from mrbench.prepare.data.inspect import archives  # noqa: PLC0415 - 76 ms, where nothing starts

    topics = {finding.topic for finding in refused}
    needs = [need for plan in plans if plan.data for need in plan.data.needs]
    names = archives.holding(needs)
    if "data" in topics and names:
        yield f"COCO: {archives.remedy(names, places.data or Path('DIR'), {})}"
    if places.weights is None and any(plan.weights for plan in plans):
        yield "pretrained weights: the run downloads them, or `--weights DIR` has them"
    suites = dict.fromkeys(plan.suite for plan in plans)
    for suite in suites:
        if suite in suite_names():
            yield f"`mrbench doctor --suite {suite}` checks this machine for it"
    carried = any(suite in suite_names() for suite in suites)
    stopped = {name for finding in refused for name in finding.implementations}
    able = dict.fromkeys(p.implementation for p in plans if p.implementation not in stopped)
    if carried and stopped and able and not topics & STOPS_ALL:
        yield f"`--impl {' '.join(able)}` trains what this machine has"
    own = sorted(path.name for path in recipe_paths(Path())) if Path(SUITE).is_file() else []
    if carried and own:
        yield f"this folder has recipes of its own: `mrbench run --recipe {own[0]}`"
    elif carried and not topics & STOPS_ALL and "demo" not in suites:
        yield "`mrbench run --suite demo` works here: it trains a small model on any CPU"


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
        for plan in plans:
            in_use = plan.gpus if plan.accelerator == "gpu" else 0
            if problem := site.surroundings.problem(plan.environment, in_use):
                findings.append(lacking("image", problem, plan))
    return merged(finding for finding in findings if finding.outcome == "failed")
