"""What lies in mrbench's home: how large, when a run last used it, and the removal of what is old.

All of it can be made or fetched again. Links are never followed. What a living run may use stays.
"""

import contextlib
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from mrbench import locks
from mrbench.files import forget_use, home, last_used_s
from mrbench.model.finding import Problem
from mrbench.prepare import run_copy
from mrbench.prepare.removal import remove_tree

KINDS = {
    "repos": "object stores of repositories",
    "work": "checkouts",
    "envs": "environments",
    "built": "packages built from sources",
    "data": "drawn images",
    "converted": "converted datasets",
    "weights": "pretrained weights",
    "logs": "logs of steps that failed",
}
GOING = ".gc-"  # begins the name of what is being removed
PREPARED_WITHIN_S = 86400.0  # a living run used its entries at most so long before it was submitted


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that can be removed alone; last_used: seconds since 1970."""

    kind: str
    path: Path
    size_bytes: int
    last_used: float


class Swept(msgspec.Struct, frozen=True, kw_only=True):
    """What gc removed, or would; in_use: old enough, but kept for a run that lives."""

    removed: list[Entry]
    in_use: list[Entry]
    problems: list[Problem]


def entries() -> list[Entry]:
    """Return all entries, the kinds in the order of KINDS, of each kind the oldest first."""
    found: list[Entry] = []
    lenders: dict[Path, float] = {}  # an object store is used whenever its checkouts are
    for path in _children("work"):
        store = _lender(path)
        used_s = last_used_s(path)
        if store is not None:
            lenders[store] = max(used_s, lenders.get(store, 0.0))
    for kind in KINDS:
        made = [
            Entry(
                kind=kind,
                path=path,
                size_bytes=sum(map(_size_bytes, (path, *_beside(path)))),
                last_used=max(last_used_s(path), lenders.get(path, 0.0)),
            )
            for path in _paths(kind)
        ]
        found += sorted(made, key=lambda entry: entry.last_used)
    return found


def collect(older_than_s: float, *, weights: bool, dry_run: bool) -> Swept:
    """Remove the entries that no run has used for so long; weights: these too."""
    run_copy.sweep(home() / "scratch")
    oldest_s = time.time() - older_than_s
    living_s = min(map(_mtime_s, _children("scratch")), default=time.time()) - PREPARED_WITHIN_S
    removed, in_use, problems = [], [], []
    if not dry_run:
        for kind in KINDS:
            for left in (home() / kind).glob(f"{GOING}*"):
                remove_tree(left)
    living = bool(_children("scratch"))
    checkouts_first = sorted(entries(), key=lambda entry: entry.kind != "work")
    kept_stores: set[Path | None] = set()
    for entry in checkouts_first:
        old = entry.last_used <= oldest_s and (weights or entry.kind != "weights")
        if old and living and entry.last_used > living_s:
            in_use.append(entry)
        elif old and entry.path not in kept_stores:
            problem = None if dry_run else _remove(entry)
            if problem is None:
                removed.append(entry)
                continue
            problems.append(problem)
        if entry.kind == "work":
            kept_stores.add(_lender(entry.path))
    return Swept(removed=removed, in_use=in_use, problems=problems)


def _remove(entry: Entry) -> Problem | None:
    """Remove an entry, unless a process works on it; return why it stays, if it does."""
    lock = entry.path.with_name(f"{entry.path.name}.lock")
    with contextlib.ExitStack() as held:
        try:
            free = held.enter_context(locks.attempt(lock)) is not None
        except FileNotFoundError:  # as most have none
            free = True
        except OSError as exc:
            return Problem(f"{lock} cannot be locked ({exc.strerror})", run_copy.REMOVE)
        if not free or last_used_s(entry.path) > entry.last_used:
            return Problem(f"{entry.path} is in use", "run again later")
        going = entry.path.with_name(f"{GOING}{entry.path.name}")
        try:
            entry.path.rename(going)
        except OSError as exc:
            return Problem(f"{entry.path} cannot be removed ({exc.strerror})", run_copy.REMOVE)
        for path in (going, *_beside(entry.path)):
            if why := remove_tree(path):
                return Problem(f"{path} cannot be removed ({why})", run_copy.REMOVE)
        forget_use(entry.path)
        with contextlib.suppress(OSError):
            lock.unlink()  # held: whoever waits for it looks whether it is still there
    return None


def _children(kind: str) -> list[Path]:
    """Return the folders and files in one of the home's folders, without links and side files."""
    try:
        found = [entry for entry in os.scandir(home() / kind) if not entry.name.startswith(".")]
    except OSError:
        return []
    plain = kind == "logs"
    return [
        Path(entry.path)
        for entry in found
        if (entry.is_file if plain else entry.is_dir)(follow_symlinks=False)
    ]


def _paths(kind: str) -> list[Path]:
    """Return the entries of a kind."""
    if kind == "repos":
        return [p for p in _walk(home() / kind) if p.suffix == ".git" and p.is_dir()]
    if kind == "weights":
        return [path for path in _walk(home() / kind) if path.is_file()]
    return _children(kind)


def _walk(folder: Path) -> Iterator[Path]:
    """Yield what is in a folder, but not what is in an object store; follows no links."""
    try:
        found = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in found:
        if entry.name.startswith(".") or entry.is_symlink():
            continue
        yield Path(entry.path)
        if entry.is_dir(follow_symlinks=False) and not entry.name.endswith(".git"):
            yield from _walk(Path(entry.path))


def _beside(path: Path) -> list[Path]:
    """Return the logs of an entry and the list of its files, which stand beside it."""
    named = (path.with_name(f"{path.name}{end}") for end in (".log", ".image.log", ".json"))
    return [beside for beside in named if beside.is_file()]


def _lender(checkout: Path) -> Path | None:
    """Return the object store that a checkout borrows from."""
    with contextlib.suppress(OSError, ValueError):
        text = (checkout / ".git" / "objects" / "info" / "alternates").read_text()
        return Path(text.strip()).parent
    return None


def _size_bytes(path: Path) -> int:
    """Add up what the files take on the disk."""
    total, waiting = 0, [path]
    while waiting:
        here = waiting.pop()
        with contextlib.suppress(OSError):
            status = here.lstat()
            total += status.st_blocks * 512
            if here.is_dir() and not here.is_symlink():
                waiting += here.iterdir()
    return total


def _mtime_s(path: Path) -> float:
    try:
        return path.lstat().st_mtime
    except OSError:
        return time.time()


def total_bytes(found: Sequence[Entry]) -> int:
    """Return the bytes of all these entries."""
    return sum(entry.size_bytes for entry in found)
