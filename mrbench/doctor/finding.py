"""A finding: what was looked at, whether it will do, what is there, and what to do about it."""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from mrbench.model.finding import Problem
from mrbench.model.places import Places
from mrbench.model.plan import Plan

Level = Literal["good", "warning", "missing"]
Plans = Sequence[Plan]


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing; implementations: whose run it concerns, empty for all of them.

    missing means that a run would be refused, warning that it may fail or measure too little.
    forcible: `mrbench run --force` makes a warning of what is missing.
    """

    topic: str
    level: Level
    text: str
    remedy: str = ""
    implementations: tuple[str, ...] = ()
    forcible: bool = False


Check = Callable[[Plans, Places], list[Finding]]


def names(plans: Iterable[Plan]) -> tuple[str, ...]:
    """Return the implementations' names."""
    return tuple(dict.fromkeys(plan.implementation for plan in plans))


def lacking(topic: str, problem: Problem, plan: Plan) -> Finding:
    """Make a finding of what a plan lacks."""
    return Finding(topic, "missing", problem.text, problem.remedy, (plan.implementation,))


def merged(findings: Iterable[Finding]) -> list[Finding]:
    """Join findings that differ only in whom they concern."""
    found: dict[Finding, list[str]] = {}
    for finding in findings:
        alike = dataclasses.replace(finding, implementations=())
        found.setdefault(alike, []).extend(finding.implementations)
    return [
        dataclasses.replace(finding, implementations=tuple(dict.fromkeys(whose)))
        for finding, whose in found.items()
    ]


def memory_size(size_bytes: float) -> str:
    """Write a size of memory for a reader: powers of two, as memory is sold."""
    if size_bytes < 1 << 30:
        return f"{size_bytes / (1 << 20):.0f} MiB"
    return f"{size_bytes / (1 << 30):.1f} GiB"


def size(size_bytes: float) -> str:
    """Write a size for a reader: powers of ten, as disks are sold."""
    unit, divisor = ("GB", 1e9) if size_bytes // 1e9 else ("MB", 1e6)
    return f"{size_bytes / divisor:.{1 if unit == 'GB' else 0}f} {unit}"
