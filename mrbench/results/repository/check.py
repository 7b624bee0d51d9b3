"""`mrbench results check`: whether all that lies in a results repository holds what it claims."""

import functools
import os
import tempfile
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from pathlib import Path

from msgspec.structs import replace

from mrbench.errors import MrbenchError, WorkspaceError
from mrbench.model.finding import Finding, Outcome
from mrbench.model.record import RunRecord
from mrbench.prepare.source.git import git
from mrbench.record import registration, rundir
from mrbench.record.verify.base import unreadable
from mrbench.results.repository import layout
from mrbench.results.repository.layout import ARCHIVE, REGISTRATIONS, RUNS, SIGNERS
from mrbench.results.repository.verified import all_verified, copies
from mrbench.text import counted, printable

Runs = Sequence[tuple[str, RunRecord]]  # by the paths of their archives


class _Commits:
    """The commits behind a results repository. since: whose later changes are meant; "": all."""

    def __init__(self, root: Path, since: str) -> None:
        self._root, top = root, layout.top_of(root)
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
    changes = commits.changes() if commits.since else dict.fromkeys(archives, "A")
    found = [_finding(name, "layout", text) for name, text in sorted(strays.items())]
    for name, how in changes.items():
        if how != "A":
            text = f"was there before, and is {'removed' if how == 'D' else 'altered'}"
            found.append(_finding(name, "history", text, "restore it"))
    with tempfile.TemporaryDirectory(prefix="mrbench-") as folder:
        signers = Path(folder, SIGNERS)
        keys = commits.content(commits.since or "HEAD", SIGNERS)
        signers.write_bytes(keys or b"")
        verified = [*all_verified([root / path for path in archives], signers)]
    if (keys or b"") != rundir.read_bytes(root / SIGNERS):
        how = "is not in" if keys is None else "is altered since"
        text = f"{how} {since or 'the last commit'}, whose keys count"
        remedy = "read what it adds" if since else "commit it, and its own count"
        found.append(_finding(SIGNERS, "signature", f"{SIGNERS} {text}", remedy, "note"))
    new = {name.rpartition(ARCHIVE)[0] + ARCHIVE for name in changes}
    runs = []
    for path, one in zip(archives, verified, strict=True):
        if path in new:
            found += [_finding(path, f.topic, f.text, f.remedy, f.outcome) for f in one.findings]
        if one.record:
            runs.append((path, one.record))
    found += [*_together(runs), *_registered(root, runs, commits, new)]
    return [replace(each, file=str(root / each.file)) for each in found]


def _finding(
    name: str, topic: str, text: str, remedy: str = "", outcome: Outcome = "failed"
) -> Finding:
    short = "/".join(Path(name).parts[-2:]).removesuffix(ARCHIVE)
    return Finding(topic, outcome, text, remedy, subject=short, file=name)


def _together(runs: Runs) -> Iterator[Finding]:
    """Find runs that are there twice, or out of place, and ledgers that do not agree."""
    for path, other in copies(runs).items():
        yield _finding(path, "archive", f"is the same run as {other}", "keep one of them")
    entries: dict[tuple[str, str, int], tuple[str, str]] = {}
    for path, record in runs:
        if (belongs := layout.place(record)) != path:
            yield _finding(path, "layout", f"is to be moved to {belongs}")
        if ledger := record.ledger:
            key = path.rpartition("/")[0], record.plan_digest, ledger.position
            first, digest = entries.setdefault(key, (path, ledger.digest))
            if digest != ledger.digest:
                text = f"its ledger has another entry {ledger.position} than that of {first}"
                yield _finding(path, "ledger", f"{text}: two, or one written anew", outcome="note")


def _registered(
    root: Path, runs: Runs, commits: _Commits, new: Container[str]
) -> Iterator[Finding]:
    """Check registrations, and that those of runs are here, have them, and were here before."""
    ledgers = [(path, each.plan_digest, each.ledger) for path, each in runs if each.ledger]
    bound = [(path, plan, it.registered) for path, plan, it in ledgers if it.registered]
    count = Counter((terms.digest, plan) for _, plan, terms in bound)
    here = {}
    for file in sorted((root / REGISTRATIONS).glob("*")):
        name = f"{REGISTRATIONS}/{file.name}"
        try:
            found = registration.read(file)
        except MrbenchError as exc:
            failed = unreadable("registration", exc, "")
            yield _finding(name, failed.topic, failed.text, failed.remedy)
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
