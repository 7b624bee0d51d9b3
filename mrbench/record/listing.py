"""All runs of a suite that lie in a folder of runs, read fast: each record is opened once.

There is no cache and no index, so that a table shows what lies there now. A record's type and its
own digest are checked; `mrbench verify` checks the rest.
"""

import contextlib
import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from mrbench.errors import CheckFailed, MrbenchError
from mrbench.files import read_regular
from mrbench.model.record import RunRecord
from mrbench.record.archive import identity, opened
from mrbench.record.formats import is_edited, record_of
from mrbench.record.rundir import MOST_BYTES, cannot_read, load_checked


class StoredRun(NamedTuple):
    """A run's record and the folder that it lies in."""

    record: RunRecord
    folder: str


def suites_in(runs: Path) -> list[str]:
    """Return the suites of a folder of runs: its folders, sorted."""
    return sorted(path.name for path in runs.glob("*/") if path.is_dir())


def list_runs(runs: Path, suite: str) -> Iterator[StoredRun | MrbenchError | Path]:
    """Yield for each run of a suite, oldest first, one of three.

    The run; an error that says what is wrong with its record.json, as that it was edited, or is a
    copy; the folder of a run that has a plan and no record.
    """
    folders, once = [], dict[str, str]()
    for implementation in _names(f"{runs}/{suite}"):
        place = f"{runs}/{suite}/{implementation}"
        folders += [(name, place) for name in _names(place)]
    with _no_collection():
        for name, implementation in sorted(folders):
            folder = f"{implementation}/{name}"
            try:
                raw = read_regular(f"{folder}/record.json", MOST_BYTES)
                record = record_of(raw, f"{folder}/record.json")
                mark = identity(record)
                if is_edited(raw, record):
                    yield edited(folder)
                elif mark in once:
                    yield CheckFailed(f"is the same run as {once[mark]}", "remove one", file=folder)
                else:
                    once[mark] = folder
                    yield StoredRun(record, folder)
            except NotADirectoryError:
                continue
            except FileNotFoundError:
                if (Path(folder) / "plan.json").exists():
                    yield Path(folder)
            except OSError as exc:
                yield cannot_read(f"{folder}/record.json", exc)
            except MrbenchError as exc:
                yield exc


def read_run(name: str, runs: Path) -> StoredRun:
    """Read a run by its name; MrbenchError where it cannot be, or was edited."""
    with opened(name, runs) as run:
        record, is_other = load_checked(run.folder.record, run.record_name)
    if is_other:
        raise edited(run.called)
    return StoredRun(record, run.called)


def edited(folder: str) -> MrbenchError:
    """Return the error for a run whose record is not as its own digest says."""
    text = "is not as its own digest says: it was edited or damaged"
    remedy = "restore it, or remove the run; `mrbench verify` says more"
    return CheckFailed(text, remedy, file=f"{folder}/record.json")


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208 - 10,000 of them
    except (FileNotFoundError, NotADirectoryError):
        return []


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Keep the garbage collector out: nothing in a record forms cycles."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
