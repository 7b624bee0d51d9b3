"""The ledger of a folder of runs: who leaves a run out of a table can be asked where it is.

ledger.jsonl has an entry a line. Each holds the digest of the one before it, and lines are only
appended, under a lock, one whole line at a time. A run is entered before its training starts and
again once its record is on disk; one that was killed in between has a beginning without an end.
"""

import contextlib
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from mrbench import files, locks
from mrbench.errors import MrbenchError
from mrbench.model.ledger import Kind, LedgerEntry, PlanRuns
from mrbench.model.record import RunRecord
from mrbench.record import rundir
from mrbench.record.rundir import RunDir

FILE = "ledger.jsonl"
IN_ID = 3  # suite, implementation, folder
TAIL_BYTES = 1 << 16  # an entry is much shorter
RESTORE = "restore it, or move it away: the next run begins a new one"
AT_WORK, BROKEN, MISSING, REMOVED = "at work", "broken off", "missing", "removed"


class Line(NamedTuple):
    """A line of the ledger: its number, its bytes, and what they say; why: they say nothing."""

    number: int
    raw: bytes
    entry: LedgerEntry | None
    why: str = ""


class Entered(msgspec.Struct):
    """What the ledger has of one run."""

    began: LedgerEntry | None = None
    ended: LedgerEntry | None = None
    removed: LedgerEntry | None = None


def of_run(folder: Path) -> Path:
    """Return the folder of runs that a run's folder lies in."""
    *_, above = files.real_path(folder).parents[:3]
    return above


def append(runs: Path, kind: Kind, **facts: str | float | None) -> LedgerEntry:
    """Add an entry, and have it on disk; facts: further keys of LedgerEntry.

    MrbenchError where that cannot be, or what began is to be ended in a ledger that is gone.
    """
    path = runs / FILE
    try:
        with locks.of_file(path, make=kind == "began") as file:
            last, end = _last(file, path)
            content: dict[str, object] = {
                "position": last.position + 1 if last else 1,
                "before": last.digest if last else "",
                "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                "kind": kind,
                **{name: fact for name, fact in facts.items() if fact is not None},
            }
            content["digest"] = files.digest_of(content)
            text = json.dumps(content, sort_keys=True, separators=(",", ":"))
            _write(file, f"{text}\n".encode(), end)
            if last is None:
                _keep_name(runs)
    except OSError as exc:
        lost = isinstance(exc, FileNotFoundError)
        remedy = "restore it" if lost else "make room or ask for the permission"
        raise MrbenchError(f"cannot be written ({exc.strerror})", remedy, file=path) from exc
    return msgspec.convert(content, LedgerEntry)


def _keep_name(runs: Path) -> None:
    """Have the name of a new ledger on disk, too."""
    folder = os.open(runs, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _last(file: int, path: Path) -> tuple[LedgerEntry | None, int]:
    """Return the last whole entry, and where its line ends: what is behind was never finished."""
    size = os.fstat(file).st_size
    tail = os.pread(file, TAIL_BYTES, max(0, size - TAIL_BYTES))
    end = size - len(tail) + tail.rfind(b"\n") + 1
    lines = tail[: tail.rfind(b"\n") + 1].splitlines()
    if not lines:
        if size > TAIL_BYTES:
            raise MrbenchError("has lines that no ledger has", RESTORE, file=path)
        return None, 0
    entry = _read(lines[-1])
    if isinstance(entry, str):
        raise MrbenchError(f"cannot be continued: its last line {entry}", RESTORE, file=path)
    return entry, end


def _write(file: int, line: bytes, end: int) -> None:
    """Write a whole line at the end of the last one, or none of it."""
    os.ftruncate(file, end)
    try:
        rest = line
        while rest:
            rest = rest[os.write(file, rest) :]
        os.fsync(file)
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(file, end)
        raise


def _read(raw: bytes) -> LedgerEntry | str:
    """Return a line's entry, or why it is none."""
    try:
        entry = files.decode(raw, LedgerEntry, FILE)
    except MrbenchError as exc:
        return f"is no entry: {exc.key}: {exc.text}" if exc.key else f"is no entry: {exc.text}"
    parts = entry.run.split("/")
    named = len(parts) == IN_ID and entry.run.isprintable()
    if not named or not {"", ".", ".."}.isdisjoint(parts):  # else it could lead out of the folder
        return "is no entry: run: is not the id of a run"
    return entry


def lines(runs: Path) -> list[Line]:
    """Read the ledger of a folder of runs; none where there is none. MrbenchError if unreadable."""
    try:
        raw = files.read_regular(runs / FILE, files.MOST_BYTES)
    except FileNotFoundError:
        return []
    except OSError as exc:
        raise rundir.cannot_read(runs / FILE, exc) from exc
    *whole, torn = raw.split(b"\n")
    read = [(number, each, _read(each)) for number, each in enumerate(whole, 1)]
    found = [Line(n, r, None, e) if isinstance(e, str) else Line(n, r, e) for n, r, e in read]
    return [*found, Line(len(whole) + 1, torn, None, "")] if torn else found


def entered(found: list[Line]) -> Mapping[str, Entered]:
    """Return what the lines of a ledger have of each run, by its id, in order of its first line."""
    runs: dict[str, Entered] = {}
    for _, _, entry, _ in found:
        if entry:
            run = runs.setdefault(entry.run, Entered())
            if getattr(run, entry.kind) is None:
                setattr(run, entry.kind, entry)
    return runs


def became(runs: Path, name: str, run: Entered) -> str:
    """Say in a word or two what became of a run of the ledger: valid, failed, broken off, ..."""
    folder = RunDir(runs / name)
    if run.removed:
        return REMOVED
    if run.ended and run.ended.record is None:  # interrupted before it printed anything
        return str(run.ended.status)
    if not folder.record.exists():
        if not folder.path.exists() or run.ended:
            return MISSING
        return AT_WORK if folder.submission.exists() or is_held(folder) else BROKEN
    status, verdict = (run.ended.status, run.ended.verdict) if run.ended else _end(folder)
    if status != "ok":
        return str(status).replace("_", " ")
    return "invalid" if verdict == "invalid" else "valid"


def _end(folder: RunDir) -> tuple[str, str | None]:
    """Return status and verdict of a run whose end mrbench could not enter any more."""
    try:
        record = rundir.load(folder.record)
    except MrbenchError:
        return "unreadable", None
    return record.status, record.validity.verdict if record.validity else None


def is_held(folder: RunDir) -> bool:
    """Tell whether a live mrbench works on a run."""
    try:
        with locks.attempt(folder.plan) as lock:
            return lock is None
    except OSError:
        return False


def by_plan(runs: Path) -> Mapping[str, Sequence[tuple[str, Entered]]]:
    """Return the runs of a ledger by the digest of their plan, each with its id, in order."""
    found: dict[str, list[tuple[str, Entered]]] = {}
    for name, run in entered(lines(runs)).items():
        if run.began and run.began.plan:
            found.setdefault(run.began.plan, []).append((name, run))
    return found


def became_of(runs: Path, entries: Iterable[tuple[str, Entered]]) -> PlanRuns | None:
    """Return what became of runs of a plan; None where there are none."""
    found: dict[str, list[str]] = {}
    registered: dict[str, list[str]] = {}
    for name, run in entries:
        found.setdefault(became(runs, name, run), []).append(name)
        if run.began and (digest := run.began.registered):
            registered.setdefault(digest, []).append(name)
    if not found:
        return None
    return PlanRuns(
        became={what: tuple(names) for what, names in found.items()},
        registered={digest: tuple(names) for digest, names in registered.items()},
    )


def end(runs: Path, record: RunRecord) -> None:
    """Enter the end of a run whose record is on disk."""
    verdict = record.validity.verdict if record.validity else None
    append(
        runs,
        "ended",
        run=record.id,
        plan=record.plan_digest,
        status=record.status,
        verdict=verdict,
        record=record.digest,
    )


def remove(runs: Path, name: str) -> None:
    """Enter that a run was removed, if the ledger has it."""
    known = entered(lines(runs)).get(name)
    if known and known.began:
        append(runs, "removed", run=name, plan=known.began.plan)


def settle(runs: Path) -> Iterator[str]:
    """Enter the ends of runs that have a record and no end: mrbench could not write it then.

    Yields the ids of these runs.
    """
    for name, run in entered(lines(runs)).items():
        folder = RunDir(runs / name)
        lacks_end = run.began and not run.ended and not run.removed
        if lacks_end and folder.record.exists() and not is_held(folder):
            with contextlib.suppress(MrbenchError):  # damaged: `mrbench verify` tells of it
                record = rundir.load(folder.record)
                if record.id == name:
                    end(runs, record)
                    yield name
