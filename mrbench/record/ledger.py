"""The ledger of a folder of runs: who leaves a run out of a table can be asked where it is.

ledger.jsonl has an entry a line. Each holds the digest of the one before it, and lines are only
appended, under a lock, one whole line at a time. A run is entered before its training starts and
again once its record is on disk; one that was killed in between has a beginning without an end.
"""

import contextlib
import functools
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from mrbench import files, locks
from mrbench.errors import BegunError, MrbenchError
from mrbench.model.ledger import Kind, LedgerEntry, PlanRuns
from mrbench.model.record import RunRecord
from mrbench.model.registration import Registered
from mrbench.record import rundir
from mrbench.record.rundir import RunDir

FILE = "ledger.jsonl"
IN_ID = 3  # suite, implementation, folder
LONGEST = 255  # bytes of a folder's name
RESTORE = "restore it, or move it away: the next run begins a new one"
UNFINISHED = "was never finished; the next run removes it"
# what became of a run, beside its status
VALID, AT_WORK, BROKEN, MISSING = "valid", "at work", "broken off", "missing"
REMOVED, OLDER = "removed", "not in the ledger"
Entries = Mapping[Kind, LedgerEntry]  # the first entry of each kind


class Line(NamedTuple):
    """A line of the ledger: its bytes, and what they say, or why they say nothing."""

    raw: bytes
    entry: LedgerEntry | str


Read = Callable[[Path], Mapping[str, Mapping[str, Entries]]]


def of_run(folder: Path) -> Path:
    """Return the folder of runs that a run's folder lies in."""
    *_, above = files.real_path(folder).parents[:IN_ID]
    return above


def append(
    runs: Path, kind: Kind, *, plan: str, registered: Registered | None = None, **facts: str | None
) -> LedgerEntry:
    """Add an entry, and have it on disk; facts: further keys of LedgerEntry.

    MrbenchError where that cannot be, or what began is to be ended in a ledger that is gone.
    BegunError where as many runs of the plan as registered were begun.
    """
    path, remedy = runs / FILE, "restore it if it is gone; make room, or ask for the permission"
    with files.refusal("written", path, remedy), locks.of_file(path, make=kind == "began") as file:
        raw = os.pread(file, os.fstat(file).st_size, 0)
        end = raw.rfind(b"\n") + 1  # a line behind that was never finished
        last = _entry(raw[raw.rfind(b"\n", 0, end - 1) + 1 : end]) if end else None
        if isinstance(last, str):
            text = f"cannot be continued: its last line {last}"
            raise MrbenchError(text, RESTORE, file=path)
        if registered and begun(_lines(raw), registered.digest)[plan] >= registered.repeat:
            text = f"all {registered.repeat} registered runs of its plan were begun meanwhile"
            raise BegunError(text, file=path)
        facts |= {"plan": plan, "registered": registered.digest if registered else None}
        content: dict[str, object] = {
            "position": last.position + 1 if last else 1,
            "before": last.digest if last else "",
            "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "kind": kind,
            **{name: fact for name, fact in facts.items() if fact is not None},
        }
        content["digest"] = files.digest_of(content)
        os.ftruncate(file, end)
        line = json.dumps(content, sort_keys=True, separators=(",", ":")) + "\n"
        with open(file, "a", encoding="ascii", closefd=False) as stream:
            stream.write(line)
            stream.flush()
            os.fsync(file)
    return msgspec.convert(content, LedgerEntry)


def _entry(raw: bytes) -> LedgerEntry | str:
    """Return a line's entry, or why it is none."""
    if not raw.endswith(b"\n"):
        return UNFINISHED
    try:
        entry = files.decode(raw, LedgerEntry, FILE)
    except MrbenchError as exc:
        return ": ".join(filter(None, ("is no entry", exc.key, exc.text)))
    parts = entry.run.split("/")
    names = (p.isprintable() and p.strip(".") and len(os.fsencode(p)) <= LONGEST for p in parts)
    if len(parts) != IN_ID or not all(names):
        return "is no entry: run: is not the id of a run"  # it could lead out of the folder
    return entry


def lines(runs: Path) -> list[Line]:
    """Read the ledger of a folder of runs; none where there is none. MrbenchError if unreadable."""
    return _lines(_read(runs))


def _read(runs: Path) -> bytes:
    try:
        return files.read_regular(runs / FILE, files.MOST_BYTES)
    except FileNotFoundError:
        return b""
    except OSError as exc:
        raise rundir.cannot_read(runs / FILE, exc) from exc


def _lines(raw: bytes) -> list[Line]:
    return [Line(each, _entry(each)) for each in raw.splitlines(keepends=True)]


def entries_of(found: Iterable[Line]) -> list[LedgerEntry]:
    """Return the entries of the lines that are some."""
    return [line.entry for line in found if isinstance(line.entry, LedgerEntry)]


def begun(found: Iterable[Line], registration: str) -> Counter[str]:
    """Return how many runs of each plan, by its digest, were begun under a registration."""
    began = ("began", registration)
    return Counter(e.plan for e in entries_of(found) if (e.kind, e.registered) == began)


def by_run(found: Iterable[Line]) -> Mapping[str, Entries]:
    """Return the entries of each run, by its id, in order of its first one."""
    runs: dict[str, dict[Kind, LedgerEntry]] = {}
    for entry in entries_of(found):
        runs.setdefault(entry.run, {}).setdefault(entry.kind, entry)
    return runs


def became(runs: Path, name: str, entries: Entries) -> str:
    """Say in a word or two what became of a run of the ledger: valid, failed, broken off, ..."""
    folder, ended = RunDir(runs / name), entries.get("ended")
    if "removed" in entries:
        return REMOVED
    if ended and ended.record is None:  # interrupted before it printed anything
        return str(ended.status)
    if not folder.record.exists():
        is_gone = ended or not folder.path.exists()
        at_work = folder.submission.exists() or is_held(folder)
        return MISSING if is_gone else AT_WORK if at_work else BROKEN
    try:  # without an end mrbench could not enter it any more
        end = msgspec.structs.asdict(ended) if ended else end_of(rundir.load(folder.record))
    except MrbenchError:
        return "unreadable"
    if end["status"] != "ok":
        return str(end["status"]).replace("_", " ")
    return "invalid" if end["verdict"] == "invalid" else VALID


def end_of(record: RunRecord) -> dict[str, Any]:
    """Return what an entry says of how a run ended."""
    verdict = record.validity.verdict if record.validity else None
    return {"status": record.status, "verdict": verdict, "record": record.digest}


def is_held(folder: RunDir) -> bool:
    """Tell whether a live mrbench works on a run."""
    try:
        with locks.attempt(folder.plan) as lock:
            return lock is None
    except OSError:
        return False


def by_plan(runs: Path) -> Mapping[str, Mapping[str, Entries]]:
    """Return the entries of the runs of each plan, by its digest and their ids, in order."""
    return _by_plan(_read(runs))


@functools.lru_cache(maxsize=64)  # each row of a table asks for it, of each folder of runs
def _by_plan(raw: bytes) -> Mapping[str, Mapping[str, Entries]]:
    plans: dict[str, dict[str, Entries]] = {}
    for name, entries in by_run(_lines(raw)).items():
        if began := entries.get("began"):
            plans.setdefault(began.plan, {})[name] = entries
    return plans


def of_plan(digest: str, shown: Mapping[str, str | None], read: Read = by_plan) -> PlanRuns | None:
    """Return what became of all runs of a plan, by the ledgers beside those that are shown.

    shown: ids, and the folder or archive of each, if it is known. None where there is no ledger, or
    none that has the plan.
    """
    parents = {folder.rpartition("/")[0] for folder in shown.values() if folder}
    ends: dict[str, list[str]] = {}
    registered: dict[str, list[str]] = {}
    known = set[str]()
    for root in dict.fromkeys(of_run(Path(parent) / "run") for parent in sorted(parents)):
        for name, entries in read(root).get(digest, {}).items():
            known.add(name)
            ends.setdefault(became(root, name, entries), []).append(name)
            if terms := entries["began"].registered:
                registered.setdefault(terms, []).append(name)
    if not known:
        return None
    if others := sorted(shown.keys() - known):
        ends[OLDER] = others
    return msgspec.convert({"became": ends, "registered": registered}, PlanRuns)


def end(runs: Path, record: RunRecord) -> None:
    """Enter the end of a run whose record is on disk."""
    append(runs, "ended", run=record.id, plan=record.plan_digest, **end_of(record))


def remove(runs: Path, name: str) -> None:
    """Enter that a run was removed, if the ledger has it."""
    if began := by_run(lines(runs)).get(name, {}).get("began"):
        append(runs, "removed", run=name, plan=began.plan)


def settle(runs: Path) -> Iterator[str]:
    """Enter the ends of runs that have a record and no end: mrbench could not write it then.

    Yields the ids of these runs.
    """
    for name, entries in by_run(lines(runs)).items():
        folder = RunDir(runs / name)
        if entries.keys() == {"began"} and folder.record.exists() and not is_held(folder):
            with contextlib.suppress(MrbenchError):  # damaged: `mrbench verify` tells of it
                record = rundir.load(folder.record)
                if record.id == name:
                    end(runs, record)
                    yield name
