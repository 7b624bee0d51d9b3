"""`mrbench runs`: list the stored runs, or remove some.

Only those are removed that are named, and nothing that a live mrbench works on.
"""

import argparse
import contextlib
import datetime as dt
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from mrbench import locks
from mrbench.cli.arguments import add_impl, add_json, add_runs, add_suite_option, print_json
from mrbench.cli.commands import Command
from mrbench.cli.stored import latest
from mrbench.cli.suites import suites_called
from mrbench.cli.values import moment
from mrbench.errors import MrbenchError, RecipeError
from mrbench.model.work import Unit, rate_name
from mrbench.prepare.removal import remove_tree
from mrbench.record import ledger, listing, rundir, tags
from mrbench.record.rundir import RunDir
from mrbench.results.rows import counts, notes_of, why_not
from mrbench.text import one_line, printable, size_text

COMMAND = Command(
    group="Look at runs",
    order=0,
    brief="list, tag or remove runs",
    help=(
        "List stored runs, the newest last; ends with 1 or 7 if a record could not be read or was"
        " edited."
    ),
    examples="""\
mrbench runs
mrbench runs --suite demo --impl minimask --since 7d
mrbench runs --since 2026-01-31 --json""",
)
UNFINISHED = "no record"
STAMP = "%Y%m%dT%H%M%SZ"  # as a run's folder begins
STARTED = "%Y-%m-%dT%H:%M:%SZ"
LONGEST = 60  # characters of a cell
FILES = ("record.json", "plan.json")  # of which a run has one at least
LEVELS = 3  # folders of a run: suite, implementation, run
HEADINGS = ("run", "implementation", "started (UTC)", "throughput", "verdict", "tags")


class ListedRun(msgspec.Struct, frozen=True):
    """A run as listed. started: ISO 8601 in UTC. verdict: or the status of a run without one.

    throughput: null unless the number counts; why: why it does not.
    """

    id: str
    suite: str
    implementation: str
    started: str
    throughput: float | None
    unit: Unit
    verdict: str
    why: str
    tags: tuple[str, ...]
    folder: str
    settings: str = ""


class RemovedRun(msgspec.Struct, frozen=True):
    """What `runs rm --json` prints of each run."""

    folder: str
    size_bytes: int


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `mrbench runs`."""
    parser.add_argument("--tag", metavar="TAG", help="only runs with this tag")
    add_suite_option(parser, None, "only runs of this suite")
    add_impl(parser, "only runs of these implementations")
    purpose = "only runs that started since then: 30m, 12h, 7d or 8w ago, or a date (UTC)"
    parser.add_argument("--since", type=moment, metavar="WHEN", help=purpose)
    add_runs(parser)
    add_json(parser, "print JSON, a list of runs")
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    parser.usage = f"{parser.prog} [rm|tag|untag RUN ...] [OPTION ...]"
    rm = actions.add_parser(
        "rm",
        help="remove the named runs",
        description="Remove the named runs, each with all its files. A run whose mrbench is still"
        " at work is refused, and then none is removed.",
        examples="""\
mrbench runs rm RUN --dry-run
mrbench runs rm RUN""",
    )
    purpose = "a run's folder, or its id as `mrbench runs` prints it"
    rm.add_argument("run", nargs="+", metavar="RUN", help=purpose)
    rm.add_argument("--dry-run", action="store_true", help="print what would be removed")
    add_runs(rm, inner=True)
    add_json(rm, inner=True)
    for name, brief in (("tag", "give a run tags"), ("untag", "take tags from a run")):
        action = actions.add_parser(
            name,
            help=brief,
            description="A tag names its run wherever a command takes one. Tags change no digest"
            " of the run, and `mrbench pack` leaves them out.",
            examples=f"mrbench runs {name} RUN before-upgrade",
        )
        purpose = "a run's folder, id or tag, or an implementation: its latest run"
        action.add_argument("run", metavar="RUN", help=purpose)
        action.add_argument("tags", nargs="+", metavar="TAG", help="letters, digits and . _ + -")
        add_runs(action, inner=True)
        add_json(action, inner=True)


def main(args: argparse.Namespace) -> int:
    """List runs, or remove those that are named."""
    match args.action:
        case "rm":
            return _remove(args)
        case "tag" | "untag":
            return _tag(args)
    return _list(args)


def _tag(args: argparse.Namespace) -> int:
    tags.check(args.tags)
    folder = rundir.find_run(latest(args.run, args.runs), args.runs)
    if args.action == "tag":
        now = tags.change(folder, add=args.tags)
    else:
        now = tags.change(folder, remove=args.tags)
    if args.json:
        print_json({"folder": str(folder), "tags": now})
    else:
        print(f"{printable(str(folder))}: {', '.join(now) or 'no tags'}")
    return 0


def _list(args: argparse.Namespace) -> int:
    suites = listing.suites_in(args.runs)
    if args.suite is not None:
        meant = suites_called(args.suite, args.runs)
        suites = [name for name in suites if name in meant]
    listed: list[ListedRun] = []
    code = 0
    for suite in suites:
        for entry in listing.list_runs(args.runs, suite):
            try:
                run = _listed(entry)
            except MrbenchError as exc:  # of its tags, too; the others are listed all the same
                print(f"mrbench: left out: {one_line(str(exc))}", file=sys.stderr)
                code = exc.exit_code
                continue
            has_tag = args.tag is None or args.tag in run.tags
            is_of_impl = not args.impl or run.implementation in args.impl
            if has_tag and is_of_impl and run.started >= (args.since or ""):
                listed.append(run)
    listed.sort(key=lambda run: run.started)
    if args.json:
        print_json(listed)
    elif listed:
        print("\n".join(_table(listed)))
    else:
        chosen = args.suite or args.impl or args.since or args.tag
        print(rundir.nothing_in(args.runs, "no runs like these" if chosen else "no runs"))
    return code


def _listed(entry: listing.StoredRun | Path | MrbenchError) -> ListedRun:
    """Return a run as it is listed; MrbenchError for one that cannot be read."""
    if isinstance(entry, MrbenchError):
        raise entry
    if isinstance(entry, Path):
        return _unfinished(entry)
    record, folder = entry
    usable, validity = counts(record), record.validity
    verdict = record.status if record.status != "ok" else validity.verdict if validity else "ok"
    return ListedRun(
        id="/".join(Path(folder).parts[-3:]),
        suite=record.plan.suite,
        implementation=record.plan.implementation,
        settings=record.plan.settings,
        started=record.started,
        throughput=record.throughput if usable else None,
        unit=record.plan.unit,
        verdict=verdict,
        why="; ".join(notes_of(record)) if usable else why_not(record),
        tags=tags.read(Path(folder)),
        folder=folder,
    )


def _unfinished(folder: Path) -> ListedRun:
    suite, implementation, name = folder.parts[-3:]
    try:
        moment = dt.datetime.strptime(name[:16], STAMP).replace(tzinfo=dt.UTC)
        started = moment.strftime(STARTED)
    except ValueError:
        started = ""
    return ListedRun(
        id=f"{suite}/{implementation}/{name}",
        suite=suite,
        implementation=implementation,
        started=started,
        throughput=None,
        unit="images",
        verdict=UNFINISHED,
        why="",
        tags=tags.read(folder),
        folder=str(folder),
    )


def _table(listed: Sequence[ListedRun]) -> Iterator[str]:
    """Yield lines of columns; the last one is not filled up."""
    rows = [HEADINGS, *(_row(run) for run in listed)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (text.ljust(width) for text, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()


def _row(run: ListedRun) -> tuple[str, ...]:
    rate = "" if run.throughput is None else f"{run.throughput:.3f} {rate_name(run.unit)}"
    verdict = run.verdict.replace("_", " ")
    cells = (
        run.id.rpartition("/")[2],
        f"{run.suite}/{run.implementation} {run.settings}".rstrip(),
        run.started[:16].replace("T", " "),
        rate,
        verdict,
        " ".join(run.tags),
    )
    return tuple(printable(cell)[:LONGEST] for cell in cells)


def _remove(args: argparse.Namespace) -> int:
    if args.suite or args.impl or args.since or args.tag:
        text = "--suite, --impl, --since and --tag do not choose what rm removes"
        raise RecipeError(text, "name runs")
    removed = []
    for folder in find_removable(args.run, args.runs):
        size_bytes = sum(p.lstat().st_size for p in folder.rglob("*") if not p.is_dir())
        if not args.dry_run:
            _remove_run(folder)
        removed.append(RemovedRun(str(folder), size_bytes))
        if not args.json:
            done = "would remove" if args.dry_run else "removed"
            print(f"{done} {printable(str(folder))}: {size_text(size_bytes)}")
    if args.json:
        print_json(removed)
    else:
        total = size_text(sum(run.size_bytes for run in removed))
        print(f"{'would free' if args.dry_run else 'freed'} {total}")
    return 0


def find_removable(names: Sequence[str], runs: Path) -> list[Path]:
    """Return the folders of these runs, each once.

    names: of each run its folder, its id (suite/implementation/time), or the last parts of that.
    Parts are compared whole, so that half a name removes nothing. MrbenchError where a name is of
    no run or of several, or a run may not be removed; then none should be.
    """
    known = sorted({path.parent for file in FILES for path in runs.glob(f"*/*/*/{file}")})
    found = [_one(name, known, runs) for name in names]
    for folder in found:
        with _unused(folder):
            pass
    return list(dict.fromkeys(found))


def _remove_run(folder: Path) -> None:
    """Remove a run's folder, and enter that in the ledger.

    MrbenchError if a live mrbench has it, or some of it stays.
    """
    runs, name = ledger.of_run(folder), "/".join(folder.parts[-LEVELS:])
    with _unused(folder):
        if not os.access(folder.parent, os.W_OK | os.X_OK):  # else it would be emptied, and stay
            remedy = "ask for the permission to write to its folder"
            raise MrbenchError("cannot be removed; nothing of it was", remedy, file=folder)
        if why := remove_tree(folder):
            raise MrbenchError(f"cannot be removed: {why}", "remove it by hand", file=folder)
    ledger.remove(runs, name)


def _one(name: str, known: Sequence[Path], runs: Path) -> Path:
    parts = Path(name).parts
    absolute = os.path.abspath(name)  # noqa: PTH100 - resolve() would follow links
    found = [path for path in known if os.path.abspath(path) == absolute]  # noqa: PTH100 - the same
    found = found or [path for path in known if parts and path.parts[-len(parts) :] == parts]
    if len(found) == 1:
        return found[0]
    if found:
        listed = ", ".join("/".join(path.parts[-LEVELS:]) for path in found[:LEVELS])
        raise MrbenchError(f"{name!r} is the name of {len(found)} runs", f"give one of: {listed}")
    remedy = "give a run's folder or its whole id, as `mrbench runs` lists it"
    raise MrbenchError(f"no run {name!r} under {runs}", rundir.unusable(runs) or remedy)


@contextlib.contextmanager
def _unused(folder: Path) -> Iterator[None]:
    """Keep a run's folder from being used; MrbenchError for one that is in use, or is a link."""
    for path in (folder, folder.parent, folder.parent.parent):
        if path.is_symlink():
            raise MrbenchError("is a link", "remove it by hand", file=path)
    run = RunDir(folder)
    if run.record.exists():
        yield
        return
    if run.submission.exists():
        remedy = "cancel its job, then `mrbench collect` records it"
        raise MrbenchError("is with a cluster", remedy, file=folder)
    try:
        with locks.attempt(run.plan) as lock:
            if lock is None:
                raise MrbenchError("is still at work", "end its mrbench first", file=folder)
            yield
    except OSError as exc:
        text = f"cannot be locked ({exc.strerror})"
        raise MrbenchError(text, "remove it by hand", file=run.plan) from exc
