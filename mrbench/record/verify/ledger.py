"""Whether the ledger of a folder of runs is one whole chain, and its runs are those of the folder.

What it cannot show: a ledger that was written anew as a whole with all its runs, or runs of another
folder. Who publishes a digest of it elsewhere binds all entries up to that.
"""

import functools
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from msgspec.structs import asdict

from mrbench.errors import MrbenchError
from mrbench.files import digest_of, loads
from mrbench.model.finding import Finding, count
from mrbench.model.record import RunRecord
from mrbench.record import ledger, rundir
from mrbench.record.ledger import Entries, Line
from mrbench.record.rundir import RunDir
from mrbench.record.verify.base import Evidence
from mrbench.text import counted, numbers

CUT = "entries were removed, or it was written anew"
EDITED = "the ledger was edited"
FORKED = "two ledgers were joined, or its file system knows no locks"
_ok, _note, _unchecked = (
    functools.partial(Finding, "ledger", outcome) for outcome in ("ok", "note", "not checked")
)
_failed = functools.partial(Finding, "ledger", "failed", key="ledger")


def check_ledger(evidence: Evidence) -> Iterator[Finding]:
    """Check the chain, and that the run is in it as recorded."""
    record, runs = evidence.record, ledger.of_run(Path(evidence.run.called))
    if evidence.run.is_archive:
        known = record.packed.of_plan if record.packed else None
        then = f"; then {known}" if known else ""
        yield _unchecked(f"an archive does not bring its ledger along{then}")
        return
    try:
        found = ledger.lines(runs)
    except MrbenchError as exc:
        yield _failed(exc.text, exc.remedy)
        return
    if not found:
        text = f"it is entry {record.ledger.position} of one" if record.ledger else "it is of none"
        yield _unchecked(f"there is none in this folder of runs; {text}")
        return
    yield from chain(found)
    yield _member(record, ledger.by_run(found), evidence.run.folder)


def check_all(path: Path) -> Iterator[Finding]:
    """Check a ledger's chain, that all its runs are there as recorded, and that no other run is.

    MrbenchError where there is no ledger, or it cannot be read.
    """
    runs = path.parent
    found = ledger.lines(runs)
    if not found:
        raise MrbenchError("there is no ledger", "the next run begins one", file=path)
    yield from chain(found)
    known = ledger.by_run(found)
    for file in rundir.find_records(runs):
        try:
            record = rundir.load(file)
        except MrbenchError as exc:
            yield _failed(exc.seen_from(runs))
            continue
        name = file.parent.relative_to(runs).as_posix()
        if name != record.id and {name, record.id} & known.keys():
            yield _failed(f"{name} holds another run: {record.id}", "move it to another folder")
        else:
            yield _member(record, known, RunDir(file.parent))
    for name, entries in known.items():
        what = ledger.became(runs, name, entries)
        if what == ledger.MISSING:
            text = f"{name} is not there any more"
            yield _failed(text, "`mrbench runs rm` would have entered it")
        elif what == ledger.BROKEN:
            yield _note(f"{name} began and never ended: mrbench was killed")
        elif what == ledger.REMOVED and (runs / name).exists():
            yield _failed(f"{name} was removed by its entry, and is there")


def chain(found: Sequence[Line]) -> Iterator[Finding]:
    """Check that each entry is as it was written and follows the one before it."""
    findings, entries = list(_faults(found)), ledger.entries_of(found)
    yield from findings
    if entries and not count(findings, "failed"):
        text = f"{counted(len(entries), 'line')}, each follows the one before it"
        yield _ok(f"{text}; the last entry is {entries[-1].digest[:16]}")


def _faults(found: Sequence[Line]) -> Iterator[Finding]:
    entries = ledger.entries_of(found)
    positions = sorted(entry.position for entry in entries)
    followers = Counter(entry.before for entry in entries)
    before, follows = "", 1
    for number, (raw, entry) in enumerate(found, 1):
        if isinstance(entry, str):
            text = f"line {number} {entry}"
            yield _note(text) if entry == ledger.UNFINISHED else _failed(text, EDITED)
            continue
        at = entry.position
        there = positions[bisect_left(positions, follows)] if follows < at else at
        if digest_of(loads(raw, ledger.FILE)) != entry.digest:
            yield _failed(f"entry {at} was edited: it has another digest", EDITED)
        elif follows < there:
            missing = f"missing before it: {numbers(follows, there - 1)}"
            yield _failed(f"line {number} is entry {at}; {missing}", CUT)
        elif entry.before != before and followers[entry.before] > 1:
            text = f"entry {at} in line {number} follows the same one as another entry"
            yield _failed(f"{text}: the ledger is forked", FORKED)
        elif at != follows:
            text = f"line {number} is entry {at} instead of {follows}: they are in another order"
            yield _failed(text, EDITED)
        elif entry.before != before:
            text = f"entry {at} does not follow entry {follows - 1}: one was replaced"
            yield _failed(text, EDITED)
        before, follows = entry.digest, at + 1


def _outside(record: RunRecord, known: Mapping[str, Entries]) -> Finding:
    """Say what it means that a record knows of no entry."""
    name = record.id
    began = known.get(name, {}).get("began")
    first = next((entry for entries in known.values() for entry in entries.values()), None)
    if began:
        text = f"{name} is in it as entry {began.position}, and its record does not say so"
        return _failed(text, "record.json was written anew after the run")
    if record.exit is None:
        return _unchecked(f"{name} is not in it, as its training never began")
    if first and record.started < first.at:
        return _unchecked(f"{name} is not in it: older than it")
    return _failed(f"{name} is not in it", "another mrbench or another folder ran it")


def _member(  # noqa: PLR0911 - one per kind of answer
    record: RunRecord, known: Mapping[str, Entries], folder: RunDir
) -> Finding:
    """Check that a run is in the ledger where its record says, with the record's own digest."""
    name, place, entries = record.id, record.ledger, known.get(record.id, {})
    began, ended = entries.get("began"), entries.get("ended")
    if place is None:
        return _outside(record, known)
    registered = place.registered.digest if place.registered else None
    if began is None:
        return _failed(f"{name} is not in it; its record says entry {place.position}", CUT)
    if (began.position, began.digest) != (place.position, place.digest):
        text = f"{name} began with entry {place.position} ({place.digest[:16]}), which is now"
        text += f" entry {began.position} ({began.digest[:16]})"
        return _failed(text, "the ledger was written anew after the run")
    if (began.plan, began.registered) != (record.plan_digest, registered):
        return _failed(f"{name} is in it with another plan or registration", EDITED)
    if ended is None and ledger.is_held(folder):
        return _note(f"the end of {name} is not in it yet: it is under way")
    if ended is None:
        meaning = "cut off, or never written; `mrbench collect` enters it"
        return _failed(f"the end of {name} is not in it", meaning)
    if ended.record != record.digest:
        text = f"{name} is in it with another record: {(ended.record or 'none')[:16]}"
        return _failed(text, "record.json was written anew after the run")
    if not ledger.end_of(record).items() <= asdict(ended).items():
        text = f"{name} is in it with another end: {ended.status}, {ended.verdict}"
        return _failed(text, EDITED)
    return _ok(f"{name} is entry {place.position}, with this record")
