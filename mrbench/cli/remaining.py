"""`mrbench run --missing` and `--failed`: what is left to run, by what lies in the folder of runs.

Runs are counted by the digest of their plan, so that one of another commit, window or lock does not
stand for the present one.
"""

import argparse
import hashlib
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from mrbench import locks
from mrbench.cli import registered
from mrbench.cli.choice import Planned
from mrbench.errors import MrbenchError, RecipeError
from mrbench.files import read_regular
from mrbench.model.baseline import Key, series_key, series_name
from mrbench.model.plan import Plan
from mrbench.model.record import RunRecord
from mrbench.model.registration import Registration
from mrbench.record import listing
from mrbench.record.rundir import MOST_BYTES, RunDir
from mrbench.results.rows import counts, why_not
from mrbench.run.cycle import Scheduled, in_turns
from mrbench.run.recorder import now
from mrbench.text import one_line, shorten, without_secrets

SECOND_CHARS = len("2026-01-31T12:00:00")  # of a time as records have it


class Stored(msgspec.Struct):
    """What a folder of runs has of one plan.

    at_work: runs that train, wait or are with a cluster. killed: the name of the newest run without
    a record that nobody works on. latest: the newest record of this implementation on as many
    devices, whatever its plan. exhausted: the newest run of the plan that ran out of memory.
    """

    valid: int = 0
    at_work: int = 0
    killed: str = ""
    latest: RunRecord | None = None
    exhausted: str = ""

    def add(self, record: RunRecord) -> None:
        """Count a run of the plan. In a grid that one ran out of memory is a result, too."""
        self.valid += counts(record)
        if record.status == "out_of_memory" and record.plan.parameters:
            self.exhausted = record.id


class Remaining(NamedTuple):
    """What is to be run. lines: what is not, and why. done: how many of the series need not be.

    exhausted: plans that ran out of memory.
    """

    scheduled: Sequence[Scheduled]
    lines: Sequence[str] = ()
    done: int = 0
    exhausted: Sequence[Plan] = ()


def choose(args: argparse.Namespace, planned: Planned, bound: Registration | None) -> Remaining:
    """Return what the arguments leave to be run; RecipeError where they exclude each other."""
    if args.failed and args.repeat > 1:
        remedy = f"give --missing --repeat {args.repeat}, which runs the failed ones, too"
        raise RecipeError(f"--failed runs each once, not {args.repeat} times", remedy)
    if args.since and not (args.failed or args.missing):
        raise RecipeError("--since is for --missing and --failed", "add one, or leave it out")
    if bound:
        return Remaining(registered.left(args, planned, bound))
    lines: list[str] = []
    stored = survey(planned, args.runs, args.since, lines)
    keys = {series_key(plan) for plan, _ in planned}
    if args.missing:
        there = {digest: s.valid + s.at_work for digest, s in stored.items()}
        exhausted = [p for p, _ in planned if stored[p.digest].exhausted and not there[p.digest]]
        there |= {plan.digest: args.repeat for plan in exhausted}
        present = (_present(plan, stored[plan.digest], args.repeat, keys) for plan, _ in planned)
        lines += filter(None, present)
        scheduled = in_turns(planned, args.repeat, there)
        told = _told(scheduled, lines, len(planned) * args.repeat - len(scheduled))
        return told._replace(exhausted=exhausted)
    again = []
    for plan, file in planned:
        is_due, line = _failed(plan, stored[plan.digest])
        lines.append(f"{series_name(series_key(plan), keys)}: {line}")
        if is_due:
            again.append((plan, file))
    return _told(in_turns(again, 1), lines, 0)


def survey(
    planned: Planned, runs: Path, since: str | None, lines: list[str]
) -> Mapping[str, Stored]:
    """Return what a folder of runs has of each plan, by digest; adds a line on each unread record.

    since: the time from which runs count, as records have it; None: all do.
    """
    stored = {plan.digest: Stored() for plan, _ in planned}
    by_key: dict[tuple[str, Key], list[Stored]] = {}
    for plan, _ in planned:
        by_key.setdefault((plan.suite, series_key(plan)), []).append(stored[plan.digest])
    for suite in dict.fromkeys(plan.suite for plan, _ in planned):
        for entry in listing.list_runs(runs, suite):
            if isinstance(entry, MrbenchError):
                lines.append(f"left out: {one_line(str(entry))}")
            elif isinstance(entry, Path):
                _count_unfinished(RunDir(entry), stored)
            elif entry.record.started >= (since or ""):
                record = entry.record
                for each in by_key.get((suite, series_key(record.plan)), ()):
                    # names of runs have whole seconds: the order of a list does not suffice
                    if each.latest is None or each.latest.started <= record.started:
                        each.latest = record
                if record.plan_digest in stored:
                    stored[record.plan_digest].add(record)
    return stored


def how_to_go_on(
    args: argparse.Namespace, planned: Planned, runs: int, done: int, ended: Sequence[RunRecord]
) -> str:
    """Say how much of an interrupted series is done, and which command runs the rest; or nothing.

    runs: of the whole series; done: those of them that had been there before. ended: the records of
    the runs that it came to.
    """
    valid = Counter(record.plan_digest for record in ended if counts(record))
    done += valid.total()
    if runs == 1 or done >= runs:
        return ""
    options = [] if args.missing or args.failed or args.registered else ["--missing"]
    if options:
        stored = survey(planned, args.runs, None, [])
        if any(s.valid > valid[digest] for digest, s in stored.items()):  # runs of other days
            began = min((record.started for record in ended), default=now())
            options += ["--since", began[:SECOND_CHARS]]
    command = shlex.join(["mrbench", args.words[0], *options, *args.words[1:]])
    command = without_secrets(command)
    return f"{done} of {runs} runs are done; `{command}` goes on with the rest"


def _told(scheduled: Sequence[Scheduled], lines: list[str], done: int) -> Remaining:
    if not scheduled:
        lines.append("nothing is left to run")
    return Remaining(scheduled, lines, done)


def _count_unfinished(run: RunDir, stored: Mapping[str, Stored]) -> None:
    """Count a run without a record if it is of one of the plans."""
    try:
        known = stored.get(hashlib.sha256(read_regular(run.plan, MOST_BYTES)).hexdigest())
        if known is None:
            return
        with locks.attempt(run.plan) as lock:
            at_work = lock is None or run.submission.exists()
    except OSError:
        return  # removed meanwhile, or not ours
    if at_work:
        known.at_work += 1
    else:
        known.killed = run.path.name


def _present(plan: Plan, stored: Stored, wanted: int, keys: set[Key]) -> str:
    """Say what of a plan's runs is there and will not be run; nothing where there is none."""
    left, name = wanted - stored.valid - stored.at_work, series_name(series_key(plan), keys)
    text = f"has {stored.valid} of {wanted} valid runs"
    if stored.at_work:
        text += f", {stored.at_work} at work"
    if stored.exhausted and left == wanted:
        return f"{name}: skipped: ran out of memory ({stored.exhausted}); --failed runs it again"
    if left <= 0:
        text = f"skipped: {text}"
    elif stored.killed:
        text += f"; {_id(plan, stored.killed)} has no record (`mrbench collect` may finish it)"
    elif not (stored.valid or stored.at_work):
        return ""
    return f"{name}: {text}{f'; {left} to run' if left > 0 else ''}"


def _failed(plan: Plan, stored: Stored) -> tuple[bool, str]:
    """Tell whether a plan is to be run again as its latest run has no valid number; and why."""
    latest, killed = stored.latest, stored.killed
    if stored.at_work:
        return False, "skipped: one of its runs is under way"
    if stored.valid:
        return False, "skipped: has a valid run"
    if killed and (latest is None or latest.id.rpartition("/")[2] < killed):
        return True, f"again: killed ({_id(plan, killed)})"
    if latest is None:
        return False, "skipped: was never run; --missing runs it"
    if counts(latest):
        return False, "skipped: its latest run is valid, of another plan; --missing runs this one"
    status = latest.status if latest.status != "ok" else f"invalid: {why_not(latest)}"
    return True, f"again: {shorten(one_line(status))} ({latest.id})"


def _id(plan: Plan, name: str) -> str:
    return f"{plan.suite}/{plan.implementation}/{name}"
