"""Rules on the machine while it trained: nobody else on the GPUs, none of them throttled."""

from typing import Any

from mrbench.model.suite import Rule
from mrbench.record.validity.base import Outcome, Record

POWER_CAP = "power cap"  # at full load every GPU runs into it; that is how it is built


def _watched(record: Record) -> tuple[dict[str, Any] | None, str]:
    if record["plan"]["accelerator"] != "gpu":
        return None, "no GPU is needed"
    watched = record.get("telemetry") or {}
    if watched.get("gpus"):
        return watched, ""
    why = "; ".join(watched.get("problems") or ()) or "there is no telemetry"
    return None, f"the GPUs could not be looked at while it trained ({why})"


def alone(record: Record, _rule: Rule) -> tuple[Outcome, str]:
    """Ask whether the training's GPUs served it alone, as seen before it and in the window."""
    watched, lack = _watched(record)
    if watched is None:
        return ("held" if record["plan"]["accelerator"] != "gpu" else "unknown"), lack
    foreign = watched.get("foreign")
    if foreign is None:
        return "unknown", "which processes were on the GPUs could not be told"
    if foreign:
        return "broken", f"other programs were on its GPUs: {'; '.join(map(str, foreign))}"
    return "held", "no other program was seen on its GPUs"


def throttling(record: Record, rule: Rule) -> tuple[Outcome, str]:
    """Ask for which share of the window heat, power brake or hardware slowed a GPU."""
    watched, lack = _watched(record)
    if watched is None:
        return ("held" if record["plan"]["accelerator"] != "gpu" else "unknown"), lack
    told = [(gpu["index"], gpu.get("slowed_share")) for gpu in watched["gpus"]]
    most = rule.at_most or 0.0
    slowed = [
        f"GPU {index} by {reason} for {share:.0%} of the window"
        for index, shares in told
        for reason, share in (shares or {}).items()
        if reason != POWER_CAP and share > most
    ]
    if slowed:
        return "broken", f"GPUs were slowed: {'; '.join(slowed)}"
    unknown = [str(index) for index, shares in told if shares is None]
    if unknown:
        return "unknown", f"whether GPU {', '.join(unknown)} was slowed could not be told"
    return "held", "no GPU was slowed in the window"
