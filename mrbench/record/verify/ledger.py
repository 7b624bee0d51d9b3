"""Whether the ledger of a folder of runs is one whole chain, and its runs are those of the folder.

What it cannot show: a ledger that was written anew as a whole with all its runs, or runs of another
folder. Who publishes a digest of it elsewhere binds all entries up to that.
"""

from collections import Counter
from collections.abc import Container, Iterator, Sequence
from pathlib import Path

from mrbench.errors import MrbenchError
from mrbench.files import digest_of, loads
from mrbench.model.finding import Finding
from mrbench.model.record import RunRecord
from mrbench.record import ledger, rundir
from mrbench.record.ledger import Entered, Line
from mrbench.record.rundir import RunDir
from mrbench.record.verify.base import Evidence
from mrbench.text import counted

CUT = "entries were removed, or it was written anew"
EDITED = "the ledger was edited"
FORKED = "two ledgers were joined, or its file system knows no locks"


def check_ledger(evidence: Evidence) -> Iterator[Finding]:
    """Check the chain, and that the run is in it as recorded."""
    record, runs = evidence.record, ledger.of_run(Path(evidence.run.called))
    if evidence.run.is_archive:
        known = record.packed.of_plan if record.packed else None
        text = f"; then it had {counted(known.count, 'run')} of its plan" if known else ""
        text = f"an archive does not bring its ledger along{text}"
        yield Finding("ledger", "not checked", text)
        return
    try:
        found = ledger.lines(runs)
    except MrbenchError as exc:
        yield _failed(exc.text, exc.remedy)
        return
    if not found:
        text = f"it is entry {record.ledger.position} of one" if record.ledger else "it is of none"
        yield Finding("ledger", "not checked", f"there is none in this folder of runs; {text}")
        return
    yield from chain(found)
    yield from _member(record, ledger.entered(found).get(record.id), found, evidence.run.folder)


def check_all(path: Path) -> Iterator[Finding]:
    """Check a ledger's chain, that all its runs are there as recorded, and that no other run is.

    MrbenchError where there is no ledger, or it cannot be read.
    """
    runs = path.parent
    found = ledger.lines(runs)
    if not found:
        raise MrbenchError("there is no ledger", "the next run begins one", file=path)
    yield from chain(found)
    known = ledger.entered(found)
    for found_record in rundir.find_records(runs):
        try:
            record = rundir.load(found_record)
        except MrbenchError as exc:
            yield _failed(exc.seen_from(runs))
            continue
        yield from _member(record, known.get(record.id), found, RunDir(found_record.parent))
    for name, run in known.items():
        what = ledger.became(runs, name, run)
        if what == ledger.MISSING:
            yield _failed(
                f"{name} is not there any more", "`mrbench runs rm` would have entered it"
            )
        elif what == ledger.BROKEN:
            yield Finding("ledger", "note", f"{name} began and never ended: mrbench was killed")
        elif what == ledger.REMOVED and (runs / name).exists():
            yield _failed(f"{name} was removed by its entry, and is there")


def chain(found: Sequence[Line]) -> Iterator[Finding]:
    """Check that each entry is as it was written and follows the one before it."""
    failures = list(_broken(found))
    yield from failures
    torn = found[-1:] and found[-1].entry is None and not found[-1].why
    if torn:
        text = f"line {found[-1].number} was never finished; the next run removes it"
        yield Finding("ledger", "note", text)
    if not failures and (last := next((e for _, _, e, _ in reversed(found) if e), None)):
        text = f"{counted(len(found), 'line')}, each follows the one before it"
        yield Finding("ledger", "ok", f"{text}; the last entry is {last.digest[:16]}")


def _broken(found: Sequence[Line]) -> Iterator[Finding]:
    entries = [entry for _, _, entry, _ in found if entry]
    positions = {entry.position for entry in entries}
    followers = Counter(entry.before for entry in entries)
    before, follows = "", 1
    for number, raw, entry, why in found:
        if entry is None:
            if why:
                yield _failed(f"line {number} {why}", EDITED)
            continue
        missing = _missing(follows, entry.position, positions)
        if digest_of(loads(raw, ledger.FILE)) != entry.digest:
            yield _failed(f"entry {entry.position} was edited: it has another digest", EDITED)
        elif missing:
            yield _failed(f"{missing} not there", CUT)
        elif entry.before != before and followers[entry.before] > 1:
            text = f"entry {entry.position} in line {number} follows the same one as another entry"
            yield _failed(f"{text}: the ledger is forked", FORKED)
        elif entry.position != follows:
            text = f"line {number} is entry {entry.position} instead of {follows}"
            yield _failed(f"{text}: they are in another order", EDITED)
        elif entry.before != before:
            text = f"entry {entry.position} does not follow entry {follows - 1}: one was replaced"
            yield _failed(text, EDITED)
        before, follows = entry.digest, entry.position + 1


def _missing(first: int, behind: int, positions: Container[int]) -> str:
    """Say which entries from the first to the last one before `behind` are in no line; or nothing.

    It takes no more steps than there are lines: a forged position may be any number.
    """
    last = behind - 1
    while first <= last and first in positions:
        first += 1
    while first <= last and last in positions:
        last -= 1
    if first > last:
        return ""
    return f"entry {first} is" if first == last else f"entries {first} to {last} are"


def _member(
    record: RunRecord, run: Entered | None, found: Sequence[Line], folder: RunDir
) -> Iterator[Finding]:
    """Check that a run is in the ledger where its record says, with the record's own digest."""
    place, name = record.ledger, record.id
    first = next((entry for _, _, entry, _ in found if entry), None)
    if place is None:
        if record.exit is None:
            text = f"{name} is not in it, as its training never began"
            yield Finding("ledger", "not checked", text)
        elif first and record.started < first.at:
            yield Finding("ledger", "not checked", f"{name} is not in it: older than it")
        else:
            yield _failed(f"{name} is not in it", "another mrbench or another folder ran it")
        return
    if run is None or run.began is None:
        yield _failed(f"{name} is not in it; its record says entry {place.position}", CUT)
        return
    began = run.began
    if (began.position, began.digest) != (place.position, place.digest):
        text = f"{name} began with entry {place.position} ({place.digest[:16]}), which is now"
        text += f" entry {began.position} ({began.digest[:16]})"
        yield _failed(text, "the ledger was written anew after the run")
    registered = place.registered.digest if place.registered else None
    if (began.plan, began.registered) != (record.plan_digest, registered):
        yield _failed(f"{name} is in it with another plan or registration", EDITED)
    if run.ended is None:
        text = f"the end of {name} is not in it"
        if ledger.is_held(folder) or folder.submission.exists():
            yield Finding("ledger", "note", f"{text} yet: it is under way")
        else:
            yield _failed(text, "cut off, or never written; `mrbench collect` enters it")
    elif run.ended.record != record.digest:
        text = f"{name} is in it with another record: {(run.ended.record or 'none')[:16]}"
        yield _failed(text, "record.json was written anew after the run")
    else:
        yield Finding("ledger", "ok", f"{name} is entry {place.position}, with this record")


def _failed(text: str, meaning: str = "") -> Finding:
    return Finding("ledger", "failed", text, meaning, key="ledger")
