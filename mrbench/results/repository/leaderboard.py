"""The leaderboards of a results repository: rows as tables have them, and their levels."""

import shlex
from collections.abc import Iterable, Sequence

from msgspec import UNSET
from msgspec.structs import replace

from mrbench.model.parameters import changed
from mrbench.model.plan import Plan
from mrbench.model.table import Level, TableRow
from mrbench.model.work import Unit
from mrbench.recipe import load
from mrbench.recipe.choices import CHOICES
from mrbench.results.compare import Group, Side, compare_groups
from mrbench.results.report.gather import Chapter, ReportRun
from mrbench.results.repository import layout
from mrbench.results.repository.verified import Verified, copies
from mrbench.results.rows import machine_of, make_rows, table_run

CLOSE = 0.10  # how far from 1 the interval of a ratio may end, for a reproduction
Checked = tuple[Level, str]  # and why it is no other


def chapters(found: Iterable[tuple[str, Verified]]) -> tuple[list[Chapter], dict[str, str]]:
    """Return a chapter for each suite and hardware, and why the other archives are not shown.

    found: what came of each archive, with its path from the repository's folder.
    """
    by_path = dict(found)
    twice = copies((path, each.record) for path, each in by_path.items() if each.record)
    left: dict[str, str] = {}
    by_board: dict[tuple[str, str, Unit], list[ReportRun]] = {}
    for path, each in by_path.items():
        record = each.record
        if path in twice:
            left[path] = f"is the same run as {twice[path]}: its log arrived alike"
        elif record is None:
            left[path] = each.why
        else:
            key = record.plan.suite, layout.hardware(record), record.plan.unit
            run = ReportRun(called=path, record=record, signer=each.signer)
            by_board.setdefault(key, []).append(run)
    return [_chapter(*key, by_board[key]) for key in sorted(by_board)], left


def _chapter(name: str, hardware: str, unit: Unit, found: Sequence[ReportRun]) -> Chapter:
    machines = list(dict.fromkeys(machine_of(run.record) for run in found))
    runs = [replace(run, machine=1 + machines.index(machine_of(run.record))) for run in found]
    runs.sort(key=lambda run: run.record.started)
    suite = load.suite_at_hand(name, runs[-1].record.suite)
    table = [table_run(run.record, run.called)._replace(signer=run.signer) for run in runs]
    rows = make_rows(suite, table, read=lambda _: {})  # what was packed with an archive counts
    if not suite.one_model:
        rows.sort(key=lambda row: row.name)
    by_path = {run.called: run for run in runs}
    groups = [Group(row.name, [Side(n, by_path[n].record) for n in row.folders]) for row in rows]
    pairs = list(zip(rows, groups, strict=True))
    for i, (row, group) in enumerate(pairs):
        level, why = _level(row, group, pairs)
        words = command(group.runs[-1].record.plan)
        rows[i] = replace(row, level=level, level_reason=why, command=words)
    return Chapter(name=name, unit=unit, suite=suite, runs=runs, rows=rows, hardware=hardware)


def _level(row: TableRow, mine: Group, others: Iterable[tuple[TableRow, Group]]) -> Checked:
    if not _sealed(mine):
        return "self-reported", "a record of an older format has no digest: edits do not show"
    found: Checked = ("recomputed", "" if row.signer else "unsigned")
    for other, theirs in others if row.signer and row.throughput else ():
        alike = mine.runs[-1].record.plan_digest == theirs.runs[-1].record.plan_digest
        if alike and other.throughput and other.signer not in (row.signer, UNSET):
            found = _agreement(mine, theirs, str(other.signer))
        if found[0] == "reproduced":
            break
    return found


def _sealed(group: Group) -> bool:
    """Tell whether all records had digests of their own when they were packed."""
    packed = [run.record.packed for run in group.usable]
    return all(each.record.digest for each in packed if each)


def _of_one_ledger(mine: Group, theirs: Group) -> bool:
    """Tell whether the ledger of one's runs, as its archives have it, had the other's runs."""
    ids = {run.record.id for run in theirs.runs}
    packed = [run.record.packed for run in mine.runs]
    ledgers = [each.of_plan for each in packed if each and each.of_plan]
    return any(not ids.isdisjoint(names) for of in ledgers for names in of.became.values())


def _agreement(mine: Group, theirs: Group, whose: str) -> Checked:
    """Tell whether another signer's runs agree with these."""
    found = compare_groups(theirs, mine)
    low, high = found.low_ratio_b_to_a, found.high_ratio_b_to_a
    text = f"{low or 0:.3f} to {high or 0:.3f} times {whose}'s (95 % interval)"
    if not found.comparable:
        text = f"{whose}: {found.verdict}"
    elif _of_one_ledger(mine, theirs):
        text = f"not reproduced: {whose}'s runs are of the same ledger"
    elif low is None or high is None:
        text = f"{whose} cannot agree yet: that takes two runs of each"
    elif 1 - CLOSE <= low <= 1 <= high <= 1 + CLOSE and _sealed(theirs):
        return "reproduced", text
    else:
        text = f"not reproduced: {text}"
    return "recomputed", text


def command(plan: Plan) -> str:
    """Return the command that makes such a run, as far as a plan says."""
    words = ["mrbench", "run", plan.suite, "--impl", plan.implementation, "--gpus", str(plan.gpus)]
    words += [] if plan.pinned else ["--commit", plan.source.revision]
    words += ["--window", str(plan.window)]
    for name, text in changed(plan.parameters).items():
        words += [f"--{name}", text] if name in CHOICES else ["--set", f"{name}={text}"]
    return shlex.join(words)
