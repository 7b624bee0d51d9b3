"""Whether each file of a run is there, nothing else is, and all have their recorded digests."""

from collections.abc import Iterator

import msgspec

from mrbench.files import digest_of
from mrbench.model.finding import Finding
from mrbench.model.record import FileDigest
from mrbench.record.archive import Opened
from mrbench.record.rundir import describe
from mrbench.record.verify.base import Evidence, differs

EDITED = "the file was edited, cut or replaced after the run"
MASKED = "masked when packed: cannot be compared with the original"


def check_files(evidence: Evidence) -> Iterator[Finding]:
    """Compare record.json with its own digest, and each file with its entry."""
    yield _own_digest(evidence)
    run, record = evidence.run, evidence.record
    recorded = record.files or {}
    present = run.names()
    for name in sorted(recorded):
        yield _file(run, name, recorded[name], there=name in present)
    extra = [name for name in present if name not in recorded]
    if record.digest is None:  # of older formats, which listed three files or none
        old = [n for n in extra if n.startswith("kept/") or n == "exit.json" or not recorded]
        if old:
            yield Finding("files", "note", f"digests not recorded: {', '.join(old)}")
        extra = [name for name in extra if name not in old]
    for name in extra:
        text = "is not in the record"
        yield Finding(name, "failed", text, "it was added after the run", key=f"files.{name}")
    originals = record.packed.originals if record.packed else {}
    for name, original in sorted(originals.items()):
        yield Finding(name, "note", f"{MASKED}, sha256 {original.sha256[:16]}")


def _own_digest(evidence: Evidence) -> Finding:
    recorded = evidence.record.digest
    if recorded is None:
        text = "its own digest is not recorded, as in all records of older formats"
        return Finding("record.json", "note", text)
    actual = digest_of(evidence.content)
    if actual != recorded:
        meaning = "record.json was edited after the run; nothing in it can be trusted"
        return differs("record.json", "digest", recorded, actual, meaning)
    return Finding("record.json", "ok", f"has its own digest {actual[:16]}")


def _file(run: Opened, name: str, recorded: FileDigest, *, there: bool) -> Finding:
    path = run.folder.path / name
    if not there or path.is_symlink() or not path.is_file():
        text = "is a link or no plain file" if there else "is missing"
        remedy, entry = "the run is not complete", msgspec.to_builtins(recorded)
        return Finding(name, "failed", text, remedy, key=f"files.{name}", recorded=entry)
    actual = describe(path)
    for key in ("size_bytes", "sha256"):
        one, other = getattr(recorded, key), getattr(actual, key)
        if one != other:
            return differs(name, f"files.{name}.{key}", one, other, EDITED)
    return Finding(name, "ok", f"sha256 {actual.sha256[:16]}, {actual.size_bytes} bytes")
