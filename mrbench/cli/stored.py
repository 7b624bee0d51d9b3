"""Runs as people name them: a suite's, a table row's, an implementation's latest, and folders."""

import contextlib
import itertools
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from mrbench.cli.suites import suites_called
from mrbench.errors import MrbenchError, RecipeError
from mrbench.model.suite import Suite
from mrbench.model.table import TableRow
from mrbench.recipe import load
from mrbench.record import listing, rundir
from mrbench.record.archive import SUFFIXES, identity, opened
from mrbench.record.listing import StoredRun
from mrbench.results import names
from mrbench.results.compare import Side
from mrbench.results.rows import TableRun, make_rows, table_run
from mrbench.text import one_line

RUNS = ("*/record.json", "*/*/record.json", "*/*/*/record.json")  # in a folder of runs


class Named(NamedTuple):
    """What words name: suites, and single runs by their suite. code: of those left out, or 0."""

    suites: Sequence[str]
    runs: Mapping[str, Sequence[StoredRun]]
    code: int

    @property
    def all_suites(self) -> list[str]:
        """Those that are named, and those of the runs."""
        return list(dict.fromkeys((*self.suites, *self.runs)))

    def folder_of(self, suite: str, folder: Path) -> Path | None:
        """Return where all runs of a suite are to be read; None where single ones were named."""
        return folder if suite in self.suites or suite not in self.runs else None


def named(words: Sequence[str], folder: Path, suite: str | None = None) -> Named:
    """Read the runs among words, each once; the other words are suites.

    A run is named by its folder, the end of its path, a tag, an archive, or an implementation: its
    latest. One that cannot be read is named on stderr and left out. suite: one that may have no
    runs. MrbenchError for a word that names nothing.
    """
    suites, runs, code = [], dict[str, list[StoredRun]](), 0
    known = {*load.suite_names(), *load.ABSORBED, *listing.suites_in(folder), suite}
    once = set[str]()
    for word in dict.fromkeys(words):
        if word in known:
            suites += suites_called(word, folder)
            continue
        try:
            run = listing.read_run(latest(word, folder), folder)
        except MrbenchError as exc:
            if not Path(word).exists():
                if "/" not in word and not word.endswith(SUFFIXES):
                    raise _unknown_suite(word, folder) from exc  # meant most likely
                raise
            print(f"mrbench: left out: {one_line(str(exc))}", file=sys.stderr)
            code = max(code, exc.exit_code)
            continue
        if identity(run.record) not in once:
            once.add(identity(run.record))
            runs.setdefault(run.record.plan.suite, []).append(run)
    return Named(suites, runs, code)


def read_runs(
    folder: Path | None, suite: str, more: Sequence[StoredRun] = (), *, quiet: bool = False
) -> tuple[list[TableRun], Suite, int]:
    """Return a suite's runs, the suite, and the exit code: that of a record with a fault.

    folder: of runs, if those in it count; more: further ones, which may be archives of them. What
    cannot be read is named on stderr, unless quiet. RecipeError for a suite that nobody knows.
    """
    runs, newest, broken = [], None, 0
    first: dict[str, TableRun] = {}  # of each plan: the memory of the others is not filled
    known = set[str]()
    for entry in itertools.chain(listing.list_runs(folder, suite) if folder else (), more):
        if isinstance(entry, StoredRun):
            if more and identity(entry.record) in known:
                continue
            known.add(identity(entry.record))
            run = table_run(*entry)
            like = first.setdefault(entry.record.plan_digest, run)
            alike = (like.plan, like.terms) == (run.plan, run.terms)
            runs.append(run._replace(plan=like.plan, terms=like.terms) if alike else run)
            newest = entry.record.suite
            continue
        if isinstance(entry, Path):
            text = f"{entry} {rundir.why_unfinished(entry)}"
        else:
            text, broken = str(entry), entry.exit_code
        if not quiet:
            print(f"mrbench: left out: {one_line(text)}", file=sys.stderr)
    carried = load.suite_names()
    if suite in carried:
        newest = load.load_suite(suite)  # else one that mrbench does not carry, as it was then
    if newest is None:
        raise _unknown_suite(suite, folder)
    return runs, newest, broken


def _unknown_suite(name: str, folder: Path | None) -> RecipeError:
    there = listing.suites_in(folder) if folder else ()
    return load.unknown_suite(name, tuple(dict.fromkeys((*load.suite_names(), *there))))


def chosen_suites(folder: Path) -> list[str]:
    """Return the suites that have runs in a folder; MrbenchError where there is none."""
    found = [
        name for name in listing.suites_in(folder) if any((folder / name).glob("*/*/record.json"))
    ]
    if found:
        return found
    raise _no_runs(folder)


def latest(name: str | None, folder: Path) -> str:
    """Return the run that a name means, as its path, where the name is an implementation's.

    name: an implementation or suite/implementation means its latest run, with settings behind it
    (`minimask batch=4`) that row's newest valid one, None the latest of all; any other name is
    returned as it is. RecipeError for an implementation of several suites, and for settings that
    are no row's.
    """
    if name is None:
        records = rundir.find_records(folder)
        if not records:
            raise _no_runs(folder)
        return str(records[-1].parent)
    found = implementation_runs(name, folder)
    if not found and " " in name and not _is_run(name):
        row = _row(name, folder, str(folder))
        return row.folder if row and row.folder else name
    return str(found[-1]) if found else name


def implementation_runs(name: str, folder: Path) -> list[Path]:
    """Return the runs with a record of an implementation, oldest first; none for other names.

    name: an implementation, or suite/implementation. RecipeError where several suites have it.
    """
    suite, _, implementation = name.rpartition("/")
    if _is_run(name) or implementation in ("", ".", "..") or "/" in suite:
        return []
    found = {
        candidate: records
        for candidate in listing.suites_in(folder)
        if suite in ("", candidate)
        and (records := list((folder / candidate / implementation).glob("*/record.json")))
    }
    if len(found) > 1:
        listed = ", ".join(f"{candidate}/{implementation}" for candidate in found)
        raise RecipeError(f"{name!r} has runs in {len(found)} suites", f"give one of: {listed}")
    records = next(iter(found.values()), [])
    return sorted((path.parent for path in records), key=lambda path: path.name)


def _no_runs(folder: Path) -> MrbenchError:
    why = "no runs here" if folder.is_dir() else "no such folder of runs"
    return MrbenchError(
        why, "`mrbench run --suite demo` makes one, or name another with --runs", file=folder
    )


def runs_named(text: str, folder: Path) -> list[Side]:
    """Return the runs that a name means, oldest first, at least one.

    text: a run (its folder, the end of its path, an archive), a row of a suite's table
    (`minimask@abc1234`, `demo/minimask x2`), or a folder of runs. MrbenchError where it is none,
    or several.
    """
    if not _is_run(text):
        row = _row(text, folder, "compare")
        if row is not None:
            return [_loaded(name, folder) for name in row.folders]
        if beneath := list(_beneath(Path(text))):
            return [_loaded(str(run), folder) for run in beneath]
    try:
        return [_loaded(text, folder)]
    except MrbenchError as exc:
        rows = [] if _is_run(text) or text.endswith(SUFFIXES) else list(_known_rows(folder))
        if not rows:
            raise
        listed = ", ".join(rows[: names.MOST])
        exc.remedy = f"{exc.remedy}; the rows are: {listed}"
        raise


def _is_run(text: str) -> bool:
    path = Path(text)
    return path.is_file() or (path / "record.json").is_file()


def _row(text: str, folder: Path, where: str) -> TableRow | None:
    """Return the row that a name means, or None where no implementation is called so."""
    head = text.partition(" ")[0].partition("@")[0]
    suite, _, name = head.rpartition("/")
    if not name or name in (".", ".."):
        return None
    found = [
        s for s in listing.suites_in(folder) if suite in ("", s) and (folder / s / name).is_dir()
    ]
    if not found:
        return None
    row = text.removeprefix(f"{suite}/")
    return names.one([r for s in found for r in _rows(folder, s)], row, where)


def _rows(folder: Path, suite: str, *, quiet: bool = False) -> Sequence[TableRow]:
    runs, found, _ = read_runs(folder, suite, quiet=quiet)
    return make_rows(found, runs)


def _known_rows(folder: Path) -> Iterator[str]:
    """Yield the names of all rows; what is no suite has none."""
    for suite in listing.suites_in(folder):
        with contextlib.suppress(MrbenchError):
            yield from (row.name for row in _rows(folder, suite, quiet=True))


def _beneath(folder: Path) -> Iterator[Path]:
    found = [path.parent for pattern in RUNS for path in folder.glob(pattern)]
    yield from sorted(found, key=lambda path: path.name)


def _loaded(name: str, folder: Path) -> Side:
    with opened(name, folder) as run:
        return Side(run.called, *rundir.load_checked(run.folder.record, run.record_name))
