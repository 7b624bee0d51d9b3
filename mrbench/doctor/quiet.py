"""Other programs beside a run: what is said before its launch, and the wait until they are gone."""

import os
import time
from collections.abc import Callable, Sequence

from mrbench.doctor.gpus import in_use
from mrbench.launch.processors import Look, look
from mrbench.model.plan import Plan
from mrbench.model.record import QuietWait
from mrbench.text import counted

NOTE_SHARE = 0.05  # of the processors: from there on a run gets a note (rule foreign_load)
SLACK_S = 0.04  # the kernel counts in ticks of 10 ms, on each processor
SHORTEST_S, LONGEST_S = 0.05, 2.0  # between two looks that tell of now
FRESH_S = 0.3
POLL_S = 1.0
QUIET_S = 3.0  # so long it must be quiet
TELL_S = 10.0
Stage = Callable[[str], None]


def others(before: Look | None, after: Look | None) -> float | None:
    """Return how many processors others kept busy between two looks, at least; None: unknown."""
    if before is None or after is None or after.at_s - before.at_s < SHORTEST_S:
        return None
    seconds = after.at_s - before.at_s
    theirs_s = (after.busy_s - before.busy_s) - (after.own_s - before.own_s)
    return max(0.0, theirs_s - SLACK_S) / seconds


def warning(plan: Plan, before: Look | None) -> str:
    """Say what other programs will slow a run; empty where nothing does.

    before: a look of a moment ago; where it is too old, a third of a second is spent on another.
    """
    now = look()
    if before and now and now.at_s - before.at_s > LONGEST_S:
        before = now
        time.sleep(FRESH_S)
        now = look()
    found = _found(plan, others(before, now))
    if not found:
        return ""
    return f"{'; '.join(found)}: this will slow the run; --wait-until-quiet waits for them"


def wait(limit_s: float, plan: Plan, stage: Stage, problem: Stage) -> QuietWait:
    """Wait until others have left the run's processors and GPUs for QUIET_S.

    After limit_s the run goes on all the same, and `problem` is told.
    """
    began_s = quiet_since_s = time.monotonic()
    told_s = began_s - TELL_S
    first = busy = None
    before, found = look(), _found(plan, None)
    while True:
        if found:
            quiet_since_s = time.monotonic()
        now_s = time.monotonic()
        if now_s - quiet_since_s >= QUIET_S or now_s - began_s >= limit_s:
            break
        if found and now_s - told_s >= TELL_S:
            told_s = now_s
            stage(f"waiting for a quiet machine: {'; '.join(found)}")
        time.sleep(POLL_S)
        now = look()
        busy = others(before, now)
        first = busy if first is None else first
        before, found = now, _found(plan, busy)
    waited_s = time.monotonic() - began_s
    if found:
        text = f"still not quiet after {waited_s:.0f} s ({'; '.join(found)})"
        problem(f"{plan.implementation}: {text}; it runs anyway")
    return QuietWait(
        limit_s=limit_s,
        waited_s=round(waited_s, 3),
        before_cores=first,
        after_cores=busy,
        reached=None if busy is None else not found,
    )


def _found(plan: Plan, busy_cores: float | None) -> Sequence[str]:
    """Return who is on the run's processors and GPUs, in words."""
    usable = len(os.sched_getaffinity(0))
    found = []
    if busy_cores is not None and busy_cores > NOTE_SHARE * usable:
        found.append(
            f"load {os.getloadavg()[0]:.1f} on {counted(usable, 'core')}, other programs keep"
            f" {busy_cores:.1f} of them busy"
        )
    if plan.accelerator == "gpu":
        found += in_use(plan.gpus)
    return found
