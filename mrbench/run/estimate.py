"""How long runs take: as those of the same plan took, else at most as long as they may."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from mrbench.console.plain import duration
from mrbench.model.plan import Plan
from mrbench.model.record import RunRecord
from mrbench.record.listing import StoredRun, list_runs
from mrbench.text import counted


class Expected(NamedTuple):
    """How long a run will take. known: by an earlier run; else it is the longest it may take."""

    seconds: float
    known: bool


def seconds_of(record: RunRecord) -> float | None:
    """Return the seconds that a run took, with its preparation; None if it did not come to it."""
    if record.status not in ("ok", "out_of_memory") or record.ended is None:
        return None
    try:
        began, ended = map(dt.datetime.fromisoformat, (record.started, record.ended))
        seconds = (ended - began).total_seconds()
    except (ValueError, TypeError):
        return None
    return seconds if seconds > 0 else None


def earlier(planned: Iterable[tuple[Plan, object]], runs: Path) -> dict[str, float]:
    """Return the seconds that the newest run of each plan took, by digest, as far as there is one.

    What cannot be read tells nothing.
    """
    plans = [plan for plan, _ in planned]
    wanted = {plan.digest for plan in plans}
    newest: dict[str, RunRecord] = {}
    for suite in dict.fromkeys(plan.suite for plan in plans):
        for entry in list_runs(runs, suite):
            if not isinstance(entry, StoredRun) or entry.record.plan_digest not in wanted:
                continue
            record, known = entry.record, newest.get(entry.record.plan_digest)
            if seconds_of(record) and (known is None or known.started <= record.started):
                newest[record.plan_digest] = record
    return {digest: seconds_of(record) or 0.0 for digest, record in newest.items()}


def expected(plan: Plan, took: Mapping[str, float]) -> Expected:
    """Return how long a run of the plan will take; took: as `earlier`."""
    seconds = took.get(plan.digest, plan.wall_clock_limit_s)
    return Expected(seconds, known=plan.digest in took)


def in_words(runs: Sequence[Plan], took: Mapping[str, float]) -> str:
    """Return in a line how long runs of these plans, one for each run, will take together."""
    each = [expected(plan, took) for plan in runs]
    known = [one.seconds for one in each if one.known]
    others = [one.seconds for one in each if not one.known]
    parts = []
    if known:
        parts.append(f"about {duration(sum(known))} as earlier runs of the same plans took")
    if others:
        which = f" for {len(others)} without an earlier run" if known else "; none was made before"
        parts.append(f"at most {duration(sum(others))}{which} (launch.wall_clock_limit_s)")
    return f"{counted(len(runs), 'run')}: {', and '.join(parts)}"
