"""Remove runs from a folder of runs: only those named, and nothing that a live mrbench works on."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from mrbench import locks
from mrbench.errors import MrbenchError
from mrbench.prepare.removal import remove_tree
from mrbench.record import ledger
from mrbench.record.rundir import RunDir, unusable

LEVELS = 3  # suite, implementation, run


def find_removable(names: Sequence[str], runs: Path) -> list[Path]:
    """Return the folders of these runs, each once.

    names: of each run its folder, its id (suite/implementation/time), or the last parts of that.
    Parts are compared whole, so that half a name removes nothing. MrbenchError where a name is of
    no run or of several, or a run may not be removed; then none should be.
    """
    known = [path for path in runs.glob("*/*/*") if _is_run(path)]
    found = [_one(name, known, runs) for name in names]
    for folder in found:
        with _unused(folder):
            pass
    return list(dict.fromkeys(found))


def size_of(folder: Path) -> int:
    """Return the bytes of all files in a folder; what links lead to does not count."""
    total = 0
    for parent, _, files in os.walk(folder):
        for name in files:
            with contextlib.suppress(OSError):
                total += (Path(parent) / name).lstat().st_size
    return total


def remove(folder: Path) -> None:
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


def _is_run(path: Path) -> bool:
    return any((path / name).is_file() for name in ("record.json", "plan.json"))


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
    remedy = unusable(runs) or "give a run's folder or its whole id, as `mrbench runs` lists it"
    raise MrbenchError(f"no run {name!r} under {runs}", remedy)


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
