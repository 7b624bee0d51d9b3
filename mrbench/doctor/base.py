"""What all looks at this machine share: their signature, and how findings are made and joined."""

from collections.abc import Callable, Iterable, Sequence

from msgspec.structs import replace

from mrbench.model.finding import Finding, Outcome, Problem
from mrbench.model.places import Places
from mrbench.model.plan import Plan

Plans = Sequence[Plan]
# One of doctor's looks. failed means that a run would be refused, note that it may fail or measure
# too little; --force makes a note of what is forcible.
Look = Callable[[Plans, Places], Iterable[Finding]]


def names(plans: Iterable[Plan]) -> tuple[str, ...]:
    """Return the implementations' names."""
    return tuple(dict.fromkeys(plan.implementation for plan in plans))


def of_plan(plan: Plan, topic: str, outcome: Outcome, text: str, remedy: str = "") -> Finding:
    """Make a finding that concerns one plan."""
    return Finding(topic, outcome, text, remedy, (plan.implementation,))


def lacking(topic: str, problem: Problem, plan: Plan) -> Finding:
    """Make a finding of what a plan lacks."""
    return of_plan(plan, topic, "failed", problem.text, problem.remedy)


def merged(findings: Iterable[Finding]) -> list[Finding]:
    """Join findings that differ only in whom they concern."""
    groups: dict[tuple[object, ...], list[Finding]] = {}
    for f in findings:
        groups.setdefault((f.topic, f.outcome, f.text, f.remedy, f.forcible), []).append(f)
    return [
        replace(
            alike[0],
            implementations=tuple(dict.fromkeys(n for f in alike for n in f.implementations)),
        )
        for alike in groups.values()
    ]
