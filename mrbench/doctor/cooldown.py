"""Wait until the GPUs of a run are cool, so that every run starts at the same temperature."""

import time
from collections.abc import Callable

from mrbench.doctor.gpus import visible
from mrbench.launch import gpus
from mrbench.model.options import CoolDown
from mrbench.model.plan import Plan
from mrbench.model.record import CooledDown

POLL_S = 1.0
TELL_S = 10.0


def wait(
    cool_down: CoolDown, plan: Plan, stage: Callable[[str], None], problem: Callable[[str], None]
) -> CooledDown:
    """Wait, and return what the record keeps; `problem` is called if the cool-down failed.

    before_c and after_c are the temperatures of the run's GPUs, in the order of their use; None
    where unknown. reached: whether all are cool now; None where unknown.
    """
    began = reported_at = time.monotonic()
    before, why = _temperatures(plan)
    now = before
    while _hot(now, cool_down) and time.monotonic() - began < cool_down.limit_s:
        if now is before or time.monotonic() - reported_at >= TELL_S:
            reported_at = time.monotonic()
            stage(f"cooling down to {cool_down.celsius:g} °C: {_words(now)}")
        time.sleep(POLL_S)
        now, why = _temperatures(plan)
    waited_s = time.monotonic() - began
    known = bool(now) and None not in now
    if not known:
        problem(f"{plan.implementation}: no cool-down: {why}")
    elif _hot(now, cool_down):
        problem(
            f"{plan.implementation}: still not at {cool_down.celsius:g} °C after {waited_s:.0f} s"
            f" ({_words(now)}); it runs anyway, --cool-down-limit waits longer"
        )
    return CooledDown(
        celsius=cool_down.celsius,
        limit_s=cool_down.limit_s,
        waited_s=round(waited_s, 3),
        before_c=tuple(before),
        after_c=tuple(now),
        reached=not _hot(now, cool_down) if known else None,
    )


def _temperatures(plan: Plan) -> tuple[list[int | None], str]:
    """Return the temperatures of the run's GPUs, and why one is unknown."""
    if plan.accelerator != "gpu":
        return [], "it trains on no GPU"
    inspection = gpus.inspect()
    temperatures = [gpu.temperature_c for gpu in visible(inspection.gpus)[: plan.gpus]]
    return temperatures, inspection.error or "a GPU does not tell its temperature"


def _hot(now: list[int | None], cool_down: CoolDown) -> bool:
    return any(celsius is not None and celsius > cool_down.celsius for celsius in now)


def _words(now: list[int | None]) -> str:
    return ", ".join("unknown" if celsius is None else f"{celsius} °C" for celsius in now)
