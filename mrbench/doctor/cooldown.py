"""Wait until the GPUs of a run are cool, so that no run begins on what the one before heated."""

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
    wish: CoolDown, plan: Plan, stage: Callable[[str], None], problem: Callable[[str], None]
) -> CooledDown:
    """Wait, and return what the record says of it; problem: told if it came to nothing.

    before_c and after_c are the temperatures of the run's GPUs, in the order of their use, None
    where one cannot be told; reached: whether all are cool now, None where that is not known.
    """
    began = told = time.monotonic()
    before, why = _temperatures(plan)
    now = before
    while _hot(now, wish) and time.monotonic() - began < wish.limit_s:
        if now is before or time.monotonic() - told >= TELL_S:
            told = time.monotonic()
            stage(f"cooling down to {wish.celsius:g} °C: {_words(now)}")
        time.sleep(POLL_S)
        now, why = _temperatures(plan)
    waited_s = time.monotonic() - began
    known = bool(now) and None not in now
    if not known:
        problem(f"{plan.implementation}: no cool-down: {why}")
    elif _hot(now, wish):
        problem(
            f"{plan.implementation}: still not at {wish.celsius:g} °C after {waited_s:.0f} s"
            f" ({_words(now)}); it is run all the same, --cool-down-limit waits longer"
        )
    return CooledDown(
        celsius=wish.celsius,
        limit_s=wish.limit_s,
        waited_s=round(waited_s, 3),
        before_c=tuple(before),
        after_c=tuple(now),
        reached=not _hot(now, wish) if known else None,
    )


def _temperatures(plan: Plan) -> tuple[list[int | None], str]:
    """Return those of the GPUs that the run will use, and why one is not known."""
    if plan.accelerator != "gpu":
        return [], "it trains on no GPU"
    seen = gpus.inspect()
    used = visible(seen.gpus)[: plan.gpus]
    return [gpu.temperature_c for gpu in used], seen.error or "a GPU does not tell its temperature"


def _hot(now: list[int | None], wish: CoolDown) -> bool:
    return any(heat is not None and heat > wish.celsius for heat in now)


def _words(now: list[int | None]) -> str:
    return ", ".join("unknown" if heat is None else f"{heat} °C" for heat in now)
