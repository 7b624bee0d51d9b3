"""Which runs of a series are left out on its way: too large for memory, or for the budget."""

import time
from collections.abc import Callable, Mapping, Sequence

from mrbench.console.plain import duration
from mrbench.errors import Inconclusive
from mrbench.model.plan import Plan
from mrbench.model.record import RunRecord
from mrbench.recipe.load import RecipeFile
from mrbench.run.estimate import seconds_of
from mrbench.text import counted, shorten

MOST = 20  # runs that a line names


class Ration:
    """Decides before each run of a series whether it is begun.

    budget_s: seconds for all of them; None: no end. took: seconds of earlier runs, by the digest of
    their plan. exhausted: plans that ran out of memory before. A run that has begun is never ended
    for the budget.
    """

    def __init__(
        self,
        budget_s: float | None,
        took: Mapping[str, float],
        exhausted: Sequence[Plan] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._budget_s, self._took, self._clock = budget_s, dict(took), clock
        self._began = clock()
        self._longest: dict[str, float] = {}
        self._exhausted = list(exhausted)
        self._read = 0
        self._too_large: dict[str, list[str]] = {}
        self._too_long: list[str] = []

    @property
    def exit_code(self) -> int:
        """That of a series which lacks runs, or 0; what ran out of memory has an answer."""
        return Inconclusive.exit_code if self._too_long else 0

    def leaves_out(self, plan: Plan, file: RecipeFile, records: Sequence[RunRecord]) -> bool:
        """Tell whether a run of the plan is not begun; records: those of the series so far."""
        self._learn(records)
        smaller = next((p for p in self._exhausted if _at_least(plan, p, file)), None)
        if smaller is not None:
            self._too_large.setdefault(smaller.label, []).append(plan.label)
            return True
        if self._budget_s is None:
            return False
        left = self._budget_s - (self._clock() - self._began)
        if left <= (self._expected(plan) or 0.0):
            self._too_long.append(plan.label)
            return True
        return False

    def lines(self) -> list[str]:
        """Say what was left out, and why."""
        lines = [
            f"left out, as {smaller} ran out of memory: {_listed(labels)}"
            for smaller, labels in self._too_large.items()
        ]
        if self._too_long and self._budget_s is not None:
            what = f"left out, as the budget of {duration(self._budget_s)} would not do"
            lines.append(f"{what}: {_listed(self._too_long)}")
        return lines

    def _learn(self, records: Sequence[RunRecord]) -> None:
        for record in records[self._read :]:
            plan, seconds = record.plan, seconds_of(record)
            if record.status == "out_of_memory":
                self._exhausted.append(plan)
            if seconds:
                self._took[record.plan_digest] = seconds
                longest = self._longest.get(plan.implementation, 0.0)
                self._longest[plan.implementation] = max(longest, seconds)
        self._read = len(records)

    def _expected(self, plan: Plan) -> float | None:
        """Return how long the plan's last run took, or the longest of its implementation here."""
        return self._took.get(plan.digest, self._longest.get(plan.implementation))


def _at_least(plan: Plan, other: Plan, file: RecipeFile) -> bool:
    """Tell whether a plan is another one, or that with larger values of what takes memory."""
    apart = ("suite", "implementation", "gpus", "nodes")
    if any(getattr(plan, name) != getattr(other, name) for name in apart):
        return False
    if not plan.parameters or plan.parameters.keys() != other.parameters.keys():
        return False
    for name, parameter in plan.parameters.items():
        value, less = parameter.value, other.parameters[name].value
        grows = file.recipe.parameters[name].memory == "grows"
        if value == less:
            continue
        if not grows or isinstance(value, str) or isinstance(less, str) or value < less:
            return False
    return True


def _listed(labels: Sequence[str]) -> str:
    """Return the labels, each with how often it is there."""
    times = {label: labels.count(label) for label in labels}
    words = [f"{label} ({counted(n, 'run')})" if n > 1 else label for label, n in times.items()]
    more = f", and {len(words) - MOST} more" if len(words) > MOST else ""
    return ", ".join(shorten(word) for word in words[:MOST]) + more
