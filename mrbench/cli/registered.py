"""`mrbench run --registered`: the runs of a registration that were not begun yet, and no others."""

import argparse
from collections.abc import Sequence

from mrbench.cli.choice import Planned
from mrbench.errors import RecipeError
from mrbench.model.plan import Plan
from mrbench.model.registration import Registered, Registration
from mrbench.record import registration
from mrbench.run.cycle import Scheduled, in_turns
from mrbench.text import differences, shorten


def bind(args: argparse.Namespace, planned: Planned) -> tuple[Sequence[Scheduled], Registered]:
    """Return the runs that are left of a registration, and its terms.

    RecipeError for another plan or count than it has, and where none is left.
    """
    if args.missing or args.failed or args.since:
        text = "--registered, which runs what was not begun yet, excludes --missing and --failed"
        raise RecipeError(text, "leave them out")
    found = registration.read(args.registered)
    if args.repeat not in (1, found.repeat):
        text = f"--repeat {args.repeat}: {found.repeat} runs of each plan are registered"
        raise RecipeError(text, "leave --repeat out", file=args.registered)
    registered = {plan.digest for plan in found.plans}
    for plan, _ in planned:
        if plan.digest not in registered:
            raise RecipeError(_unlike(plan, found), "run what is registered", file=args.registered)
    scheduled = in_turns(planned, found.repeat, registration.begun(args.runs, found.digest))
    if not scheduled:
        text = f"all {found.repeat} registered runs of each of these were begun"
        raise RecipeError(text, "for more, register anew", file=args.registered)
    return scheduled, found.terms


def _unlike(plan: Plan, found: Registration) -> str:
    """Say what of a plan is not as registered."""
    for other in found.plans:
        if (other.suite, other.label) == (plan.suite, plan.label):
            unlike = list(differences(other.plain(), plan.plain()))
            key, one, now = unlike[0]
            more = f", and {len(unlike) - 1} more" if unlike[1:] else ""
            return f"{plan.label}: {key} is {shorten(now)}, registered is {shorten(one)}{more}"
    return f"{plan.suite}/{plan.label} is not registered"
