"""The verdict on a run: the log's measurement, read together with how the training ended."""

import dataclasses
import functools
from typing import Any

from mrbench.errors import LaunchError, MeasureError
from mrbench.evidence import with_evidence
from mrbench.failure import diagnose
from mrbench.logs import read_blocks, read_range, read_tail
from mrbench.measure import measure
from mrbench.outcome import Exit, Measurement, Status
from mrbench.parsers import parse, until_past
from mrbench.plan import Plan
from mrbench.rundir import RunDir
from mrbench.stamps import read_stamps
from mrbench.stated import read_stated


def judge(folder: RunDir, plan: Plan, exit_: Exit) -> Measurement:
    """Measure a run from its files; how it ended explains why there is no number."""
    samples = parse(read_blocks(folder.log), plan.log, plan.images_per_iteration, plan.window)
    measurement = measure(
        until_past(samples, plan.window),
        plan.window,
        plan.images_per_iteration,
        stamps=read_stamps(folder.stamps),
        clock=plan.log.clock,
    )
    measurement = with_evidence(measurement, functools.partial(read_range, folder.log))
    if measurement.status == "ok":
        if exit_.reason == "exited" and exit_.code:
            text = f"the training ended with {_code(exit_.code)} after the window; read train.log"
            return dataclasses.replace(measurement, warnings=(*measurement.warnings, text))
        return measurement
    status, reason = _explain(folder, plan, exit_, measurement)
    return dataclasses.replace(measurement, status=status, reason=reason)


def stated(folder: RunDir, plan: Plan) -> dict[str, dict[str, Any]]:
    """Return what the log states of its workload, by the plan's patterns."""
    return read_stated(read_blocks(folder.log), plan.log.states)


def _explain(
    folder: RunDir, plan: Plan, exit_: Exit, measurement: Measurement
) -> tuple[Status, str]:
    limits: dict[str, tuple[Status, str]] = {
        "timed_out": (
            "timed_out",
            f"not done within {plan.wall_clock_limit_s:g} s; raise launch.wall_clock_limit_s",
        ),
        "stalled": (
            "stalled",
            f"nothing was printed for {plan.stall_limit_s:g} s; look at the end of {folder.log}",
        ),
        "interrupted": ("interrupted", "interrupted before the window was complete; run again"),
        "out_of_memory": ("out_of_memory", "used more memory than there is; free some"),
    }
    if exit_.reason in limits:
        status, text = limits[exit_.reason]
        return status, exit_.message or text
    if exit_.message:
        return "failed", exit_.message
    if exit_.code:
        tail = read_tail(folder.log)
        status, line = diagnose(tail) or ("failed", _last_line(tail))
        return status, f"{line} (the training ended with {_code(exit_.code)}); see {folder.log}"
    return measurement.status, measurement.reason


def _last_line(tail: bytes) -> str:
    lines = [line.strip() for line in tail.decode(errors="replace").splitlines()]
    last = next((line for line in reversed(lines) if line), "it printed nothing")
    return "".join(char if char.isprintable() else " " for char in last)[:300]


def _code(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def exit_code_of(status: Status) -> int:
    """Return the exit code that goes with a status."""
    if status == "ok":
        return 0
    if status in ("failed", "out_of_memory", "stalled", "timed_out"):
        return LaunchError.exit_code
    return 130 if status == "interrupted" else MeasureError.exit_code
