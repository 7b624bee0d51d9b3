"""Git's object ids, computed without git: blobs, trees and the trees of a list of files."""

import hashlib
from collections.abc import Iterable, Sequence

Entry = tuple[str, str, bytes]  # mode as six octal digits, object id, path with slashes


def framed(kind: str, content: bytes) -> bytes:
    """Return the bytes that git hashes and stores for an object of this kind."""
    return f"{kind} {len(content)}\0".encode() + content


def object_id(kind: str, content: bytes) -> str:
    """Return the id of an object: 40 hex digits."""
    return hashlib.sha1(framed(kind, content), usedforsecurity=False).hexdigest()


def tree_objects(entries: Iterable[Entry]) -> tuple[str, dict[str, bytes]]:
    """Return the root tree's id, and the content of each tree of the hierarchy by its id."""
    made: dict[str, bytes] = {}
    root = _tree([(path.split(b"/"), mode, oid) for mode, oid, path in entries], made)
    return root, made


def _tree(items: Sequence[tuple[list[bytes], str, str]], made: dict[str, bytes]) -> str:
    rows: list[tuple[bytes, str, bytes, str]] = []
    below: dict[bytes, list[tuple[list[bytes], str, str]]] = {}
    for (name, *rest), mode, oid in items:
        if rest:
            below.setdefault(name, []).append((rest, mode, oid))
        else:
            rows.append((name, mode, name, oid))
    for name, inside in below.items():
        rows.append((name + b"/", "40000", name, _tree(inside, made)))  # git sorts folders so
    content = b"".join(
        mode.encode() + b" " + name + b"\0" + bytes.fromhex(oid)
        for _, mode, name, oid in sorted(rows)
    )
    root = object_id("tree", content)
    made[root] = content
    return root
