"""The leaderboards of a results repository: rows as tables have them, and their levels."""

import shlex
from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from mrbench.model.parameters import changed
from mrbench.model.plan import Plan
from mrbench.model.record import RunRecord
from mrbench.model.results import Leaderboard, Level, NotShown, PublishedRow, PublishedRun
from mrbench.model.table import TableRow
from mrbench.model.work import Unit
from mrbench.prepare.environment.own import versions
from mrbench.recipe import load
from mrbench.recipe.choices import CHOICES
from mrbench.record.archive import identity
from mrbench.results.compare import Group, Side, compare_groups
from mrbench.results.report.gather import Chapter, ReportRun
from mrbench.results.report.iterations import Curve
from mrbench.results.report.machine import Activity
from mrbench.results.repository.layout import place
from mrbench.results.repository.verified import Verified
from mrbench.results.rows import TableRun, machine_of, make_rows, table_run

CLOSE = 0.10  # how far from 1 the interval of a ratio may end, for a reproduction


def chapters(found: Iterable[tuple[str, Verified]]) -> tuple[list[Chapter], list[NotShown]]:
    """Return a chapter for each suite and hardware, and the archives that are not shown.

    found: what came of each archive, with its path from the repository's folder.
    """
    left, seen = list[NotShown](), dict[str, str]()
    boards: dict[tuple[str, str, Unit], dict[str, Verified]] = {}
    for path, each in found:
        record, why = each.record, each.why
        if record:  # the same log is the same run, whatever else its record says
            log = (record.files or {}).get("train.log") if record.throughput else None
            same = [key for key in (identity(record), log and log.sha256) if key]
            others = [seen[key] for key in same if key in seen]
            why = f"is the same run as {others[0]}" if others else ""
            seen |= dict.fromkeys(same, path)
        if record is None or why:
            left.append(NotShown(archive=path, why=why))
        else:
            key = record.plan.suite, place(record).split("/")[2], record.plan.unit
            boards.setdefault(key, {})[path] = each
    return [_chapter(*key, boards[key]) for key in sorted(boards)], left


def _chapter(name: str, hardware: str, unit: Unit, found: Mapping[str, Verified]) -> Chapter:
    records = {path: each.record for path, each in found.items() if each.record}
    runs = [table_run(r, path)._replace(signer=found[path].signer) for path, r in records.items()]
    runs.sort(key=lambda run: run.started)
    paths = [str(run.folder) for run in runs]
    suite = load.suite_at_hand(name, records[paths[-1]].suite)
    machines = list(dict.fromkeys(machine_of(records[path]) for path in paths))
    published = {
        path: _run(run, found[path], records[path], 1 + machines.index(machine_of(records[path])))
        for path, run in zip(paths, runs, strict=True)
    }
    rows = make_rows(suite, runs, read=lambda _: {})  # what was packed with an archive counts
    names = [row.name for row in rows]
    rows = [
        replace(row, name=f"{row.name}, {published[row.folders[-1]].signer or 'unsigned'}")
        if names.count(row.name) > 1
        else row
        for row in rows
    ]
    if not suite.one_model:
        rows.sort(key=lambda row: row.name)
    board = Leaderboard(
        suite=name,
        hardware=hardware,
        unit=unit,
        ordered=suite.one_model,
        rows=tuple(_row(row, rows, records, published) for row in rows),
        runs=tuple(published.values()),
    )
    shown = [
        ReportRun(
            called=path, record=records[path], edited=False, curve=Curve(), activity=Activity()
        )
        for path in paths
    ]
    return Chapter(name=name, unit=unit, suite=suite, runs=shown, rows=rows, board=board)


def _run(run: TableRun, found: Verified, record: RunRecord, machine: int) -> PublishedRun:
    packages = versions(record.environment.frozen if record.environment else ())
    library = run.plan.framework.partition(" ")[0]  # PyTorch is torch
    known = {
        "mrbench": record.mrbench,
        library: packages.get(library.lower().removeprefix("py")),
        "driver": record.machine.gpu_driver if record.machine else None,
    }
    return PublishedRun(
        archive=str(run.folder),
        sha256=found.sha256,
        signer=found.signer,
        recomputed=found.recomputed,
        label=run.plan.label,
        started=run.started,
        throughput=run.throughput if run.counts else None,
        why_not="" if run.counts else run.why_not,
        commit=run.plan.source.revision,
        versions=", ".join(f"{name} {text}" for name, text in known.items() if text),
        machine=machine,
    )


def _row(
    row: TableRow,
    rows: Sequence[TableRow],
    records: Mapping[str, RunRecord],
    published: Mapping[str, PublishedRun],
) -> PublishedRow:
    newest = row.folders[-1]
    signer, plan = published[newest].signer, records[newest].plan
    level: Level = "recomputed"
    why = ""
    numbers = [published[path] for path in row.folders if published[path].throughput]
    if not all(run.recomputed for run in numbers):
        level, why = "self-reported", "this mrbench cannot compute it again"
    elif numbers and signer:
        mine = _group(row, records)
        for other in rows:
            whose, theirs = published[other.folders[-1]].signer, _group(other, records)
            digests = {each.runs[-1].record.plan_digest for each in (mine, theirs)}
            if whose in (None, signer) or len(digests) > 1 or not other.throughput:
                continue
            level, why = _agreement(mine, theirs, str(whose))
            if level == "reproduced":
                break
    return PublishedRow(
        row=row,
        level=level,
        why=why,
        signer=signer,
        archives=row.folders,
        versions=published[newest].versions,
        command=command(plan),
    )


def _group(row: TableRow, records: Mapping[str, RunRecord]) -> Group:
    return Group(row.name, [Side(path, records[path]) for path in row.folders])


def _agreement(mine: Group, theirs: Group, whose: str) -> tuple[Level, str]:
    """Tell whether another signer's runs agree with these."""
    found = compare_groups(theirs, mine)
    low, high = found.low_ratio_b_to_a, found.high_ratio_b_to_a
    if not found.comparable:
        return "recomputed", f"not to be compared with {whose}'s: {found.verdict}"
    if low is None or high is None:
        return "recomputed", f"{whose}'s cannot agree with it yet: that takes two runs of each"
    text = f"{low:.3f} to {high:.3f} times {whose}'s (95 % interval)"
    if 1 - CLOSE <= low <= 1 <= high <= 1 + CLOSE:
        return "reproduced", text
    return "recomputed", f"not reproduced: {text}"


def command(plan: Plan) -> str:
    """Return the command that makes such a run, as far as a plan says."""
    words = ["mrbench", "run", plan.suite, "--impl", plan.implementation, "--gpus", str(plan.gpus)]
    words += [] if plan.pinned else ["--commit", plan.source.revision]
    words += ["--window", str(plan.window)]
    for name, text in changed(plan.parameters).items():
        words += [f"--{name}", text] if name in CHOICES else ["--set", f"{name}={text}"]
    return shlex.join(words)
