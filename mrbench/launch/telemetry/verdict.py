"""What held the training up: its GPUs, or the loading of data; or why that cannot be told."""

from collections.abc import Sequence

from mrbench.launch.telemetry.reading import Values
from mrbench.model.plan import Plan

MUCH_WAITING = 0.10  # of the window's seconds: the loader sets the pace
BUSY_PERCENT = 90.0  # of the time with a kernel on the GPU


def bound_by(plan: Plan, gpus: Sequence[Values], data_share: float | None) -> tuple[str, str]:
    """Return gpu, data-loading or unknown, and the reason."""
    waited = None if data_share is None else f"{data_share:.1%} of the window was spent on waiting"
    if data_share is not None and data_share >= MUCH_WAITING:
        return "data-loading", f"{waited} for data"
    if plan.accelerator != "gpu":
        return "unknown", f"it trains on a CPU{f'; {waited} for data' if waited else ''}"
    known = [u["mean"] for gpu in gpus if (u := gpu["utilisation_percent"])]
    if not known or len(known) < plan.gpus:
        return "unknown", f"the utilisation of {plan.gpus - len(known)} GPUs is not known"
    text = f"GPUs computed for {sum(known) / len(known):.0f} % of the time"
    if len(known) > 1:
        text += f", the idlest for {min(known):.0f} %"
    text += f"; {waited} for data" if waited else "; the log does not tell the wait for data"
    return ("gpu" if sum(known) / len(known) >= BUSY_PERCENT else "unknown"), text
