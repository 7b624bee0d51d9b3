"""`mrbench results check`: whether all that lies in a results repository holds what it claims."""

import functools
import os
import tempfile
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from mrbench.errors import MrbenchError, WorkspaceError
from mrbench.model.finding import Finding, Outcome
from mrbench.model.ledger import LedgerPlace
from mrbench.prepare.data.workers import cores, parallel_map
from mrbench.prepare.source.git import git
from mrbench.prepare.source.here import top_of
from mrbench.record import registration
from mrbench.record.archive import opened
from mrbench.record.signature import signer_of
from mrbench.record.verify import verify
from mrbench.record.verify.source import check_pins
from mrbench.results.repository import layout
from mrbench.results.repository.layout import ARCHIVE, REGISTRATIONS, RUNS, SIGNERS, Entry
from mrbench.text import counted, printable

AT_A_TIME = 8


class _Looked(NamedTuple):
    """What came of one archive; plan: its digest."""

    path: str
    findings: Sequence[Finding]
    plan: str = ""
    ledger: LedgerPlace | None = None


class _Commits:
    """The commits behind a results repository. since: whose later changes are meant; "": all."""

    def __init__(self, root: Path, since: str) -> None:
        top = top_of(root)
        if top is None:
            remedy = "`mrbench results init` makes one"
            raise MrbenchError("is not in a git repository", remedy, file=root)
        self._root = root
        self._git = functools.partial(git, top / ".git", "-C", str(root.absolute()), tree=top)
        self.since = ""
        if since.strip("0"):  # what GitHub calls the commit before a first push
            words = ("rev-parse", "--verify", "--end-of-options", f"{since}^{{commit}}")
            try:
                self.since = self._git(*words).decode().strip()
            except WorkspaceError as exc:
                remedy = "name another, or fetch it: `git fetch --unshallow`"
                raise MrbenchError(f"--since {since!r}: no such commit", remedy, file=root) from exc

    def changes(self) -> Mapping[str, str]:
        """Return git's letter (A, M, D, ...) for each file that changed since then."""
        words = ("diff", "--merge-base", self.since, "--relative", "--no-renames", "--name-status")
        told = os.fsdecode(self._git(*words, "-z", "--", RUNS, REGISTRATIONS)).split("\0")
        new = os.fsdecode(self._git("ls-files", "--others", "-z", RUNS, REGISTRATIONS)).split("\0")
        return dict(zip(told[1::2], told[::2], strict=False)) | dict.fromkeys(new[:-1], "A")

    def content(self, revision: str, name: str) -> bytes | None:
        """Return what a file held in a commit; None where it was not there."""
        try:
            return self._git("cat-file", "blob", f"{revision}:./{name}")
        except WorkspaceError:
            return None

    def had(self, name: str, archive: str) -> bool:
        """Tell whether a file was there, as it is now, before an archive came in."""
        words = ("log", "-1", "--first-parent", "-m", "--diff-filter=AM", "--format=%H^", "--")
        before = self.since or self._git(*words, archive).decode().strip() or "HEAD"
        return self.content(before, name) == (self._root / name).read_bytes()


def check(root: Path, since: str = "") -> Sequence[Finding]:
    """Check all, or what changed since a commit; MrbenchError where git does not know that.

    Whose keys count and what was registered is read from that commit: no change vouches for itself.
    """
    commits = _Commits(root, since)
    archives, strays = layout.walk(root)
    changes = commits.changes() if commits.since else {each.path: "A" for each in archives}
    found = [_finding(name, "layout", text) for name, text in strays]
    for name, how in changes.items():
        if how != "A":
            text = f"was there before, and is {'removed' if how == 'D' else 'altered'}"
            found.append(_finding(name, "history", text, "restore it"))
    with tempfile.TemporaryDirectory(prefix="mrbench-") as folder:
        signers = Path(folder, SIGNERS)
        signers.write_bytes(commits.content(commits.since or "HEAD", SIGNERS) or b"")
        processes = max(1, min(cores(), len(archives) // AT_A_TIME))
        work = functools.partial(_look, signers=signers)
        looked = [*parallel_map(work, archives, processes=processes, at_a_time=AT_A_TIME)]
    new = {name.partition(ARCHIVE)[0] + ARCHIVE for name in changes}
    found += [each for one in looked if one.path in new for each in one.findings]
    found += [*_registered(root, looked, commits, new), *_ledgers(looked)]
    return [replace(each, file=str(root / each.file)) for each in found]


def _finding(
    name: str, topic: str, text: str, remedy: str = "", outcome: Outcome = "failed"
) -> Finding:
    short = "/".join(Path(name).parts[-2:]).removesuffix(ARCHIVE)
    return Finding(topic, outcome, text, remedy, subject=short, file=name)


def _look(entry: Entry, signers: Path) -> _Looked:
    """Verify one archive, its place and its signature."""
    path = entry.path
    try:
        with opened(str(entry.archive), Path()) as run:
            checked = verify(run, layout.LEFT_OUT)
    except MrbenchError as exc:
        return _Looked(path, [_finding(path, "archive", exc.text, exc.remedy)])
    found, record = [*checked.shown()], checked.record
    if record is None:
        return _Looked(path, [replace(each, file=path) for each in found])
    found = [each for each in (*found, *check_pins(record)) if each.outcome == "failed"]
    found += [] if found else [_finding(path, "archive", checked.verdict, outcome="ok")]
    if (belongs := layout.place(record)) != path:
        other = entry.archive.parents[4] / belongs
        text = f"is {'the same run as' if other.exists() else 'to be moved to'} {belongs}"
        found.append(_finding(path, "layout", text))
    signed = signer_of(entry.archive, record, signers)
    text = "unsigned: recomputed, and nobody vouches for it"
    unsigned = _finding(path, "signature", text, outcome="note")
    found += signed.findings if signed else [unsigned]
    found = [replace(each, subject=unsigned.subject, file=path) for each in found]
    return _Looked(path, found, record.plan_digest, record.ledger)


def _ledgers(looked: Sequence[_Looked]) -> Iterator[Finding]:
    """Find ledgers that do not agree, as far as archives say where they stand in them."""
    entries: dict[tuple[str, str, int], tuple[str, str]] = {}
    for path, _, plan, ledger in looked:
        if ledger:
            key = path.rpartition("/")[0], plan, ledger.position
            first, digest = entries.setdefault(key, (path, ledger.digest))
            if digest != ledger.digest:
                text = f"its ledger has another entry {ledger.position} than that of {first}"
                yield _finding(path, "ledger", f"{text}: two, or one written anew", outcome="note")


def _registered(
    root: Path, looked: Sequence[_Looked], commits: _Commits, new: Container[str]
) -> Iterator[Finding]:
    """Check registrations, and that those of runs are here, have them, and were here before."""
    runs = [(e.path, e.plan, e.ledger.registered) for e in looked if e.ledger]
    bound = [(path, plan, terms) for path, plan, terms in runs if terms]
    count = Counter((terms.digest, plan) for _, plan, terms in bound)
    here = {}
    for file in sorted((root / REGISTRATIONS).glob("*")):
        name = f"{REGISTRATIONS}/{file.name}"
        try:
            found = registration.read(file)
        except MrbenchError as exc:
            text = f"{exc.key}: {exc.text}" if exc.key else exc.text
            yield _finding(name, "registration", text, exc.remedy)
            continue
        here[found.digest] = name, found
        for plan in found.plans:
            there = count[found.digest, plan.digest]
            outcome: Outcome = "ok" if there == found.repeat else "note"
            outcome = "failed" if there > found.repeat else outcome
            text = f"{there} of {counted(found.repeat, 'registered run')} of {plan.label}"
            yield _finding(name, "registration", printable(text), outcome=outcome)
    for path, digest, terms in bound:
        name, registered = here.get(terms.digest, ("", None))
        if registered is None:
            why = f"which is not in {REGISTRATIONS}/"
        elif registered.terms != terms or digest not in {p.digest for p in registered.plans}:
            why = "which has another plan or other terms"
        elif path in new and not commits.had(name, path):
            why = "which was not there beforehand: it came in by the same change, or later"
        else:
            continue
        yield _finding(path, "registration", f"is bound to {terms.digest[:16]}, {why}")
