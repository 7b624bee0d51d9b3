"""`mrbench runs`: list the stored runs, or remove some."""

import argparse
import datetime as dt
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from mrbench.cli.arguments import add_impl, add_json, add_runs, add_suite_option, print_json
from mrbench.cli.commands import Command
from mrbench.cli.stored import latest
from mrbench.cli.suites import suites_called
from mrbench.cli.values import moment
from mrbench.errors import MrbenchError, RecipeError
from mrbench.model.work import Unit, rate_name
from mrbench.record import listing, removal, rundir, tags
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
    folders = removal.find_removable(args.run, args.runs)
    removed = []
    for folder in folders:
        size_bytes = removal.size_of(folder)
        if not args.dry_run:
            removal.remove(folder)
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
