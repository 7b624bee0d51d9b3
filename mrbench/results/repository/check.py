"""`mrbench results check`: whether all that lies in a results repository holds what it claims."""

import functools
import tempfile
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from mrbench.errors import MrbenchError
from mrbench.model.finding import Finding, Outcome
from mrbench.model.ledger import LedgerPlace
from mrbench.model.registration import Registration
from mrbench.prepare.data.workers import cores, parallel_map
from mrbench.record import registration
from mrbench.record.archive import identity, opened
from mrbench.record.signature import signer_of
from mrbench.record.verify import verify
from mrbench.record.verify.source import check_pins
from mrbench.results.repository.commits import Commits
from mrbench.results.repository.layout import (
    ARCHIVE,
    REGISTRATIONS,
    RUNS,
    SIGNERS,
    Entry,
    place,
    walk,
)
from mrbench.text import counted, printable

LEFT_OUT = ("source", "ledger", "signature")  # of verify; the last one is looked at by itself
AT_A_TIME = 8


class _Looked(NamedTuple):
    """What came of one archive; of a record that cannot be read nothing is known."""

    path: str
    findings: Sequence[Finding]
    identity: str = ""
    plan: str = ""
    ledger: LedgerPlace | None = None


def check(root: Path, since: str | None = None) -> Sequence[Finding]:
    """Check all, or what changed since a commit; MrbenchError where git does not know that.

    Whose keys count and what was registered is then read from that commit, so that no change
    vouches for itself. The files of findings are below the current folder.
    """
    commits = Commits(root, since)
    archives, strays = walk(root)
    changes = commits.changes() if commits.since else dict.fromkeys((e.path for e in archives), "A")
    found = [_finding(name, "layout", text) for name, text in strays]
    found += _history(changes)
    known: dict[str, tuple[str, Registration]] = {}
    for path in sorted((root / REGISTRATIONS).glob("*")):
        name = f"{REGISTRATIONS}/{path.name}"
        try:
            one = registration.read(path)
            known[one.digest] = name, one
        except MrbenchError as exc:
            text = ": ".join(filter(None, (exc.key, exc.text)))
            found.append(_finding(name, "registration", text, exc.remedy))
    with tempfile.TemporaryDirectory(prefix="mrbench-") as folder:
        signers = Path(folder, SIGNERS)
        signers.write_bytes(commits.content(SIGNERS, commits.since) or b"")
        processes = max(1, min(cores(), len(archives) // AT_A_TIME))
        work = functools.partial(_look, signers=signers)
        looked = [*parallel_map(work, archives, processes=processes, at_a_time=AT_A_TIME)]
    new = {name.partition(ARCHIVE)[0] + ARCHIVE for name in changes}
    found += [each for one in looked if one.path in new for each in one.findings]
    found += [*_registered(looked, known, commits, new), *_together(looked)]
    text = "their ledgers, and the recipes and checkouts at hand: see `mrbench verify`"
    if commits.since:
        text += f"; whose keys count, and what was there, is as of {commits.since[:12]}"
    found.append(_finding(RUNS, "left out", text, outcome="not checked"))
    return [replace(each, file=str(root / each.file)) for each in found]


def _finding(
    name: str, topic: str, text: str, remedy: str = "", outcome: Outcome = "failed"
) -> Finding:
    short = "/".join(Path(name).parts[-2:]).removesuffix(ARCHIVE)
    return Finding(topic, outcome, text, remedy, subject=short, file=name)


def _history(changes: Mapping[str, str]) -> Iterator[Finding]:
    """Name what was there before and is not any more, and what else is changed."""
    for name, how in sorted(changes.items()):
        if not name.startswith((f"{RUNS}/", f"{REGISTRATIONS}/")):
            text = "is changed, too: read it yourself"
            text += "; keys that it adds count from the next change on" * (name == SIGNERS)
            yield _finding(name, "history", text, outcome="note")
        elif how != "A":
            text = f"was there before, and is {'removed' if how == 'D' else 'altered'}"
            yield _finding(name, "history", text, "restore it")


def _look(entry: Entry, signers: Path) -> _Looked:
    """Verify one archive, its place and its signature."""
    path = entry.path
    try:
        with opened(str(entry.archive), Path()) as run:
            checked = verify(run, LEFT_OUT)
    except MrbenchError as exc:
        return _Looked(path, [_finding(path, "archive", exc.text, exc.remedy)])
    record = checked.record
    pins = check_pins(record) if record else ()
    found = [each for each in (*checked.shown(), *pins) if each.outcome == "failed"]
    if record and not found:
        found.append(_finding(path, "archive", checked.verdict, outcome="ok"))
    if record and place(record) != path:
        text = "is not where its record says it belongs"
        found.append(_finding(path, "layout", text, f"move it to {place(record)}"))
    signed = signer_of(entry.archive, record, signers) if record else None
    if record and signed is None:
        text = "unsigned: recomputed, and nobody vouches for it"
        found.append(_finding(path, "signature", text, outcome="note"))
    found += signed.findings if signed else ()
    here = _finding(path, "", "")
    found = [replace(each, subject=here.subject, file=path) for each in found]
    if record is None:
        return _Looked(path, found)
    return _Looked(path, found, identity(record), record.plan_digest, record.ledger)


def _registered(
    looked: Sequence[_Looked],
    known: Mapping[str, tuple[str, Registration]],
    commits: Commits,
    new: Container[str],
) -> Iterator[Finding]:
    """Check that registrations of runs are here, have them, and were here before those came in."""
    count = Counter[tuple[str, str]]()
    for path, _, _, plan, ledger in looked:
        bound = ledger.registered if ledger else None
        if bound is None:
            continue
        count[bound.digest, plan] += 1
        name, found = known.get(bound.digest, ("", None))
        if found is None:
            why = f"which is not in {REGISTRATIONS}/"
        elif bound != found.terms or plan not in {each.digest for each in found.plans}:
            why = "which has another plan or other terms"
        elif path in new and not commits.was_there(name, path):
            why = "which was not there beforehand: it came in by the same change, or later"
        else:
            continue
        yield _finding(path, "registration", f"is bound to {bound.digest[:16]}, {why}")
    for digest, (name, found) in known.items():
        for each in found.plans:
            runs = count[digest, each.digest]
            outcome: Outcome = "ok" if runs == found.repeat else "note"
            text = f"{runs} of {counted(found.repeat, 'registered run')} of {printable(each.label)}"
            if runs > found.repeat:
                outcome, text = "failed", f"{text}: more than there can be"
            yield _finding(name, "registration", text, outcome=outcome)


def _together(looked: Sequence[_Looked]) -> Iterator[Finding]:
    """Find runs that are there twice, and ledgers that do not agree."""
    paths: dict[str, str] = {}
    firsts: dict[tuple[str, str, int], tuple[str, str]] = {}
    for path, _, run, plan, ledger in looked:
        if run and (other := paths.setdefault(run, path)) != path:
            yield _finding(path, "archive", f"is the same run as {other}", "keep one of them")
        elif ledger:
            key = path.rpartition("/")[0], plan, ledger.position
            first, digest = firsts.setdefault(key, (path, ledger.digest))
            if digest != ledger.digest:
                text = f"entry {ledger.position} of its ledger is not that of {first}"
                text += ": there are two ledgers, or one was written anew"
                yield _finding(path, "ledger", text, outcome="note")
