"""`mrbench run --registered`: the runs of a registration that were not begun yet, and no others."""

import argparse
from collections.abc import Sequence

from mrbench.cli.choice import Planned
from mrbench.errors import RecipeError
from mrbench.model.parameters import changed
from mrbench.model.plan import Plan
from mrbench.model.registration import Registration
from mrbench.recipe.choices import CHOICES
from mrbench.record import ledger, registration
from mrbench.run.cycle import Scheduled, in_turns
from mrbench.text import differences, shorten


def chosen(args: argparse.Namespace) -> Registration:
    """Read the registration; arguments that name no recipes choose its plans from now on."""
    found = registration.read(args.registered)
    if args.impl or args.recipe:
        return found
    first, plans = found.plans[0], found.plans
    grid: dict[str, list[str]] = {}
    for name in {name for plan in plans for name in changed(plan.parameters)} - {*CHOICES}:
        values = (str(plan.parameters[name].value) for plan in plans if name in plan.parameters)
        grid[name] = list(dict.fromkeys(values))
    args.suite = getattr(args, "suite_said", first.suite)
    args.impl = [plan.implementation for plan in plans]
    args.gpus = args.gpus or list(dict.fromkeys(plan.gpus // plan.nodes for plan in plans))
    args.window = args.window or str(first.window)
    args.commit = args.commit or (None if first.pinned else first.source.commit)
    args.set = args.set or list(grid.items())
    return found


def left(args: argparse.Namespace, planned: Planned, found: Registration) -> Sequence[Scheduled]:
    """Return the runs that are left of a registration.

    RecipeError for another plan or count than it has, and where none is left.
    """
    if args.repeat not in (1, found.repeat):
        text = f"--repeat {args.repeat}: {found.repeat} runs of each plan are registered"
        raise RecipeError(text, "leave --repeat out", file=args.registered)
    registered = {plan.digest for plan in found.plans}
    for plan, _ in planned:
        if plan.digest not in registered:
            raise RecipeError(_unlike(plan, found), "run what is registered", file=args.registered)
    begun = ledger.begun(ledger.lines(args.runs), found.digest)
    scheduled = in_turns(planned, found.repeat, begun)
    if not scheduled:
        text = f"all {found.repeat} registered runs of each of these were begun"
        raise RecipeError(text, "for more, register anew", file=args.registered)
    return scheduled


def _unlike(plan: Plan, found: Registration) -> str:
    """Say what of a plan is not as registered."""
    for other in found.plans:
        if (other.suite, other.label) == (plan.suite, plan.label):
            (key, one, now), *more = differences(other.plain(), plan.plain())
            rest = f", and {len(more)} more" if more else ""
            return f"{plan.label}: {key} is {shorten(now)}, registered is {shorten(one)}{rest}"
    return f"{plan.suite}/{plan.label} is not registered"
