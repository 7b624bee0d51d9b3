"""The page of a results repository, with the archives it links to, badges, and JSON."""

import shlex
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from mrbench import __version__
from mrbench.errors import MrbenchError
from mrbench.files import cached, real_path, write_whole
from mrbench.model.parameters import changed
from mrbench.model.plan import Plan
from mrbench.model.table import Level, PublishedResults, TableRow
from mrbench.model.work import Unit, rate_name
from mrbench.recipe.choices import CHOICES
from mrbench.record.rundir import describe
from mrbench.record.signature import beside
from mrbench.results.compare import Group, Side, compare_groups
from mrbench.results.lead import with_lead
from mrbench.results.report import gather, page
from mrbench.results.report.gather import Chapter, LeftOut, ReportContent, ReportRun
from mrbench.results.repository import layout
from mrbench.results.repository.verified import Verified, all_verified, copies
from mrbench.results.rows import machine_of
from mrbench.results.table.columns import with_interval
from mrbench.text import one_line, printable

CLOSE = 0.10  # how far from 1 the interval of a ratio may end, for a reproduction
Checked = tuple[Level, str]  # and why it is no other
COLOURS: Mapping[object, str] = {
    "self-reported": "#555d68", "recomputed": "#0072b2", "reproduced": "#00664b",
}  # fmt: skip
CHARACTER = 6.7  # px of a badge's font
BADGE = """<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="20" role="img">
<title>{text}</title><rect width="{width:.0f}" height="20" rx="3" fill="{color}"/>
<text x="6" y="14" fill="#fff" font-family="DejaVu Sans Mono,monospace" font-size="11">{text}</text>
</svg>
"""


def build(root: Path, out: Path) -> PublishedResults:
    """Write the page of a repository into a folder; return what is on it.

    What an earlier build wrote there, and this one does not, is removed. MrbenchError where there
    is no repository, or the folder is the repository's or has another page.
    """
    paths, strays = layout.walk(root)
    if not paths:
        layout.top_of(root)
    runs, to = real_path(root / layout.RUNS), real_path(out / layout.RUNS)
    if real_path(out) in real_path(root).parents or runs in (to, *to.parents):
        raise MrbenchError("the repository lies there", "choose another with -o", file=out)
    earlier = cached(out / "results.json", PublishedResults)
    if earlier is None and (index := out / "index.html").exists():
        remedy = "remove it, or choose another folder with -o"
        raise MrbenchError("is not by `mrbench results build`", remedy, file=index)
    verified = all_verified([root / path for path in paths], root / layout.SIGNERS)
    shown, left = chapters(zip(paths, verified, strict=True))
    left |= {printable(name): text for name, text in strays.items()}
    files = {
        file.relative_to(root).as_posix(): file
        for chapter in shown
        for run in chapter.runs
        for file in (root / run.called, *beside(root / run.called))
        if file.is_file()
    }
    for name, file in files.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, out / name)
    rows = [
        replace(row, suite=chapter.name)
        for chapter in shown
        for row in with_lead(chapter.rows, one_model=chapter.suite.one_model)
    ]
    content = PublishedResults(
        mrbench=__version__,
        rows=tuple(rows),
        archives={path: describe(out / path).sha256 for path in paths if path in files},
        not_shown=left,
    )
    report = ReportContent(
        chapters=shown, left_out=[LeftOut(name, why, 0) for name, why in left.items()]
    )
    written = {
        # comes first: without it the next build would take the page for somebody else's
        "results.json": msgspec.json.format(msgspec.json.encode(content), indent=1),
        "index.html": page.build(report).encode(),
        **dict(_badges(rows)),
    }
    for name in filter(layout.NAME.fullmatch, earlier.archives if earlier else ()):
        names = {*map(str, (name, *beside(Path(name)))), *_badge_names(name)}
        for old in names - files.keys() - written.keys():
            (out / old).unlink(missing_ok=True)
    for name, raw in written.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        write_whole(out / name, raw)
    return content


def chapters(found: Iterable[tuple[str, Verified]]) -> tuple[list[Chapter], dict[str, str]]:
    """Return a leaderboard for each suite and hardware, and why the other archives are not shown.

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
    # what was packed with an archive counts, not a ledger
    chapter = gather.chapter(name, unit, runs, read=lambda _: {})
    rows = list(chapter.rows)
    if not chapter.suite.one_model:
        rows.sort(key=lambda row: row.name)
    records = {run.called: run.record for run in runs}
    groups = [Group(row.name, [Side(n, records[n]) for n in row.folders]) for row in rows]
    pairs = list(zip(rows, groups, strict=True))
    for i, (row, group) in enumerate(pairs):
        level, why = _level(row, group, pairs)
        words = command(group.runs[-1].record.plan)
        rows[i] = replace(row, level=level, level_reason=why, command=words)
    return replace(chapter, rows=rows, hardware=hardware)


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


def _badges(rows: Sequence[TableRow]) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of a badge for each implementation of a suite, and shields.io's JSON.

    Of several rows with a number, one of the recipe's own commit comes first, then the highest
    level, then one that is signed, then the newest.
    """
    order = list(COLOURS)
    known = [row for row in rows if row.throughput]
    known.sort(key=lambda r: (r.pinned, order.index(r.level), bool(r.signer), r.started))
    for (drawn, endpoint), row in {_badge_names(row.folders[-1]): row for row in known}.items():
        number = f"{with_interval(row)} {rate_name(row.unit)}, {row.level}"
        label, color = one_line(f"{row.name}, {row.gpus} x {row.hardware}"), COLOURS[row.level]
        content = {"schemaVersion": 1, "label": label, "message": number, "color": color}
        yield endpoint, msgspec.json.encode(content)
        text = f"{label}: {number}"
        width = 12 + CHARACTER * len(text)
        yield drawn, BADGE.format(text=escape(text), color=color, width=width).encode()


def _badge_names(archive: str) -> tuple[str, str]:
    """Return the badge of an archive's suite and implementation, and its JSON."""
    name = "-".join(archive.split("/")[1:4:2])
    return f"badge/{name}.svg", f"badge/{name}.json"
