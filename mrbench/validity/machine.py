"""Rules on the machine while it trained: nobody else on the GPUs, none of them throttled."""

from typing import Any

from mrbench.suites import Rule
from mrbench.validity.base import Outcome, Record


def _observed(record: Record) -> tuple[dict[str, Any] | None, str]:
    if record["plan"]["accelerator"] != "gpu":
        return None, "no GPU is needed"
    observed = record.get("observed")
    return observed, "the GPUs could not be looked at while it trained" if not observed else ""


def alone(record: Record, _rule: Rule) -> tuple[Outcome, str]:
    """Ask whether the training's GPUs served it alone, as seen before it and behind the window."""
    observed, lack = _observed(record)
    if observed is None:
        return ("held" if record["plan"]["accelerator"] != "gpu" else "unknown"), lack
    foreign = observed.get("foreign_processes")
    if foreign is None:
        return "unknown", "which processes were on the GPUs could not be told"
    if foreign:
        return "broken", f"other programs were on its GPUs: {'; '.join(map(str, foreign))}"
    return "held", "no other program was seen on its GPUs"


def throttling(record: Record, _rule: Rule) -> tuple[Outcome, str]:
    """Ask whether heat, power brake or hardware slowed a GPU, as seen at the window's end."""
    observed, lack = _observed(record)
    if observed is None:
        return ("held" if record["plan"]["accelerator"] != "gpu" else "unknown"), lack
    slowed = observed.get("slowed_by")
    if slowed is None:
        return "unknown", "whether the GPUs were slowed could not be told"
    if slowed:
        return "broken", f"GPUs were slowed: {'; '.join(map(str, slowed))}"
    return "held", "no GPU was slowed at the window's end"
