"""Whether each file of a run is there, nothing else is, and all have their recorded digests."""

from collections.abc import Iterator, Mapping
from typing import Any

from mrbench.model.finding import Finding
from mrbench.record.archive import Opened
from mrbench.record.formats import digest_of
from mrbench.record.rundir import describe, names_in
from mrbench.record.verify.base import Record, differs

EDITED = "the file was edited, cut or replaced after the run"
MASKED = "masked when packed: cannot be compared with the original"


def check_files(run: Opened, record: Record) -> Iterator[Finding]:
    """Compare record.json with its own digest, and each file with its entry."""
    yield _own_digest(record)
    recorded: Mapping[str, Any] = record.get("files") or {}
    packed = {f"{name}.gz" for name in run.unpacked}
    present = [name for name in names_in(run.folder) if name not in packed]
    for name in sorted(recorded):
        yield _file(run, name, recorded[name], there=name in present)
    extra = [name for name in present if name not in recorded]
    if "digest" not in record:  # of older formats, which listed three files or none
        old = [n for n in extra if n.startswith("kept/") or n == "exit.json" or not recorded]
        if old:
            yield Finding("files", "note", f"digests not recorded: {', '.join(old)}")
        extra = [name for name in extra if name not in old]
    for name in extra:
        text = "is not in the record"
        yield Finding(name, "failed", text, "it was added after the run", key=f"files.{name}")
    yield from _masked(record)


def _own_digest(record: Record) -> Finding:
    if "digest" not in record:
        text = "its own digest is not recorded, as in all records of older formats"
        return Finding("record.json", "note", text)
    found = digest_of(record)
    if found != record["digest"]:
        meaning = "record.json was edited after the run; nothing in it can be trusted"
        return differs("record.json", "digest", record["digest"], found, meaning)
    return Finding("record.json", "ok", f"has its own digest {found[:16]}")


def _file(run: Opened, name: str, entry: Mapping[str, Any], *, there: bool) -> Finding:
    path = run.folder.path / name
    if not there or path.is_symlink() or not path.is_file():
        what = "is a link or no plain file" if there else "is missing"
        remedy, key = "the run is not complete", f"files.{name}"
        return Finding(name, "failed", what, remedy, key=key, recorded=entry)
    found = describe(path)
    for key in ("size_bytes", "sha256"):
        if getattr(found, key) != entry[key]:
            return differs(name, f"files.{name}.{key}", entry[key], getattr(found, key), EDITED)
    return Finding(name, "ok", f"sha256 {found.sha256[:16]}, {found.size_bytes} bytes")


def _masked(record: Record) -> Iterator[Finding]:
    """Tell which files are no longer what the training and mrbench wrote."""
    packed = record.get("packed") or {}
    for name, original in sorted((packed.get("originals") or {}).items()):
        sha256 = str(original.get("sha256"))[:16]
        yield Finding(name, "note", f"{MASKED}, sha256 {sha256}")
