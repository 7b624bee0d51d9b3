"""A checkout: where it stands, and its record, by which it is verified without git.

The record has each tracked file with its blob id. The tree id follows from the blob ids, and these
from the bytes on disk; what git keeps about the checkout is not asked, since whoever changes a file
could change that too. Untracked files do not matter.
"""

import hashlib
import json
import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from mrbench import files
from mrbench.errors import UnavailableError, WorkspaceError
from mrbench.files import home
from mrbench.model.inputs import Patches, Source
from mrbench.model.job import Workspace

ABSENT = -1  # the size of what is tracked but not checked out: outside source.paths, a submodule
LINK = "120000"


class Tracked(NamedTuple):
    """One tracked path. size and mtime_ns: of the file as it was checked out."""

    mode: str
    oid: str
    path: str
    size: int = ABSENT
    mtime_ns: int = 0


class Record(NamedTuple):
    """A checkout as it was made."""

    commit: str
    tree: str
    base_tree: str
    files: tuple[Tracked, ...]


def tracked(folder: Path, listing: bytes) -> tuple[Tracked, ...]:
    """Read `git ls-files -s -t -z` and add what the files look like on disk."""
    entries = []
    for line in listing.split(b"\0")[:-1]:
        head, _, raw = line.partition(b"\t")
        tag, mode, oid, _ = head.decode().split(" ")
        path = os.fsdecode(raw)
        if tag == "S" or mode == "160000":
            entries.append(Tracked(mode, oid, path))
        else:
            status = os.lstat(folder / path)
            entries.append(Tracked(mode, oid, path, status.st_size, status.st_mtime_ns))
    return tuple(entries)


def intact(folder: Path, record: Record) -> bool:
    """Tell whether the files on disk, hashed, have the recorded tree id."""
    root, _ = tree_objects((f.mode, f.oid, os.fsencode(f.path)) for f in record.files)
    return root == record.tree and next(_changed(folder, record), None) is None


def _changed(folder: Path, record: Record) -> Iterator[str]:
    """Yield the paths of tracked files that are not as recorded."""
    for file in record.files:
        if file.size != ABSENT and not (
            _looks(folder, file, exact=False) and _hash(folder / file.path, file.mode) == file.oid
        ):
            yield file.path


def _looks(folder: Path, file: Tracked, *, exact: bool) -> bool:
    try:
        status = os.lstat(f"{folder}/{file.path}")
    except OSError:
        return False
    is_its_kind = stat.S_ISLNK if file.mode == LINK else stat.S_ISREG
    if not is_its_kind(status.st_mode) or status.st_size != file.size:
        return False
    if exact and status.st_mtime_ns != file.mtime_ns:
        return False
    return file.mode == LINK or bool(status.st_mode & 0o100) == (file.mode == "100755")


def _hash(path: Path, mode: str) -> str | None:
    try:
        content = os.fsencode(path.readlink()) if mode == LINK else path.read_bytes()
    except OSError:
        return None
    return object_id("blob", content)


Entry = tuple[str, str, bytes]  # mode as six octal digits, object id, path with slashes


def framed(kind: str, content: bytes) -> bytes:
    """Return the bytes that git hashes and stores for an object of this kind."""
    return f"{kind} {len(content)}\0".encode() + content


def object_id(kind: str, content: bytes) -> str:
    """Return the id of an object: 40 hex digits."""
    return hashlib.sha1(framed(kind, content), usedforsecurity=False).hexdigest()


def tree_objects(entries: Iterable[Entry]) -> tuple[str, dict[str, bytes]]:
    """Return the root tree's id, and the content of each tree of the hierarchy by its id."""
    contents: dict[str, bytes] = {}
    root = _tree([(path.split(b"/"), mode, oid) for mode, oid, path in entries], contents)
    return root, contents


def _tree(items: Sequence[tuple[list[bytes], str, str]], contents: dict[str, bytes]) -> str:
    rows: list[tuple[bytes, str, bytes, str]] = []
    below: dict[bytes, list[tuple[list[bytes], str, str]]] = {}
    for (name, *rest), mode, oid in items:
        if rest:
            below.setdefault(name, []).append((rest, mode, oid))
        else:
            rows.append((name, mode, name, oid))
    for name, inside in below.items():
        rows.append((name + b"/", "40000", name, _tree(inside, contents)))  # git sorts folders so
    content = b"".join(
        mode.encode() + b" " + name + b"\0" + bytes.fromhex(oid)
        for _, mode, name, oid in sorted(rows)
    )
    root = object_id("tree", content)
    contents[root] = content
    return root


class UnreachableError(WorkspaceError):
    """Whoever has the repository gave no answer, or is not there: it says nothing of the recipe."""

    exit_code = UnavailableError.exit_code


LAYOUT = 1  # of what is made; another number makes every checkout anew


def checkout_path(source: Source, patches: Patches) -> Path:
    """Return where the patched checkout stands or will stand; reads nothing."""
    inputs = [
        LAYOUT,
        source.upstream,
        source.revision,
        source.paths,
        msgspec.to_builtins(source.substitutions),
        [hashlib.sha256(patch).hexdigest() for _, patch in patches],
    ]
    digest = hashlib.sha256(json.dumps(inputs).encode()).hexdigest()
    return (
        home() / "work" / f"{repository_name(source.upstream)}-{source.revision[:12]}-{digest[:8]}"
    )


def repository_name(url: str) -> str:
    """Return the last part of a URL, or a package with its version, fit for a file name."""
    last = url.replace("==", "-").rstrip("/").removesuffix(".git").rstrip("/")
    return re.sub(r"[^A-Za-z0-9._-]+", "-", re.split(r"[/:]", last)[-1]).lstrip(".-") or "source"


def record_path(checkout: Path) -> Path:
    """Return the file beside a checkout that lists what belongs into it."""
    return checkout.with_name(f"{checkout.name}.tree")


def as_workspace(path: Path, record: Record, fetched_bytes: int = 0, *, reused: bool) -> Workspace:
    """Return what a record tells about the checkout at `path`."""
    return Workspace(
        path=path,
        commit=record.commit,
        tree=record.tree,
        base_tree=record.base_tree,
        fetched_bytes=fetched_bytes,
        reused=reused,
    )


def expect(source: Source, tree_id: str) -> None:
    """Refuse a tree that is not the recipe's."""
    if source.tree not in (None, tree_id):
        raise WorkspaceError(
            f"{source.upstream} at {source.revision[:12]}, patched, has tree {tree_id}, the recipe"
            f" says {source.tree}",
            "correct source.tree, or the patches",
        )


def lookup(source: Source, patches: Patches) -> Workspace | None:
    """Return the checkout that stands there, as recorded; reads one file, runs nothing."""
    path = checkout_path(source, patches)
    record = _recorded(path)
    return as_workspace(path, record, reused=True) if record else None


def untouched(source: Source, patches: Patches) -> Workspace | None:
    """Look up a checkout; one that somebody changed is as good as none."""
    path = checkout_path(source, patches)
    record = _recorded(path)
    if record is None:
        return None
    present = [file for file in record.files if file.size != ABSENT]
    # A copied cache has other times: only then it pays to hash.
    same = all(_looks(path, file, exact=True) for file in present) or intact(path, record)
    return as_workspace(path, record, reused=True) if same else None


def verify_tree(workspace: Workspace, folder: Path | None = None) -> bool:
    """Tell whether the tracked files, hashed as they stand, have the tree id; also of a copy."""
    record = _recorded(workspace.path)
    if record is None or record.tree != workspace.tree:
        return False
    return intact(folder or workspace.path, record)


def changed_file(workspace: Workspace, folder: Path) -> str | None:
    """Return the first tracked file in a copy that is not as recorded, if any."""
    record = _recorded(workspace.path)
    return next(_changed(folder, record), None) if record else None


def _recorded(path: Path) -> Record | None:
    return files.cached(record_path(path), Record) if path.is_dir() else None
