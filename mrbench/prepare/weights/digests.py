"""Digests of big files, remembered as long as a file's size and times stay the same."""

import contextlib
import hashlib
import json
import os
from pathlib import Path
from typing import NamedTuple

import msgspec

from mrbench import files
from mrbench.files import home, real_path, write_whole

CHUNK_BYTES = 1 << 20


class Digests(NamedTuple):
    """In hex. Some upstreams publish the one, some the other."""

    sha256: str
    md5: str


class Remembered(msgspec.Struct, frozen=True, kw_only=True):
    """A file's digests, and its state when they were taken."""

    state: tuple[int, ...]
    sha256: str
    md5: str


class Hashing:
    """Both digests of what passes by."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()
        self._md5 = hashlib.md5(usedforsecurity=False)

    def update(self, block: bytes) -> None:
        """Take the next bytes."""
        self._sha256.update(block)
        self._md5.update(block)

    def digests(self) -> Digests:
        """Return the digests so far."""
        return Digests(self._sha256.hexdigest(), self._md5.hexdigest())


def file_digest(path: Path, algorithm: str) -> str:
    """Return the file's digest in hex, read anew."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, algorithm).hexdigest()


def digests_of(path: Path) -> Digests:
    """Return the file's digests; a file that did not change since the last time is not read."""
    path = real_path(path)
    before = _state(path)
    known = _remembered().get(str(path))
    if known and known.state == before:
        return Digests(known.sha256, known.md5)
    hashing = Hashing()
    with path.open("rb") as stream:
        while block := stream.read(CHUNK_BYTES):
            hashing.update(block)
    digests = hashing.digests()
    if _state(path) == before:
        _remember(path, Remembered(state=before, sha256=digests.sha256, md5=digests.md5))
    return digests


def _state(path: Path) -> tuple[int, ...]:
    """Return size and times; the time of the last status change cannot be set by programs."""
    status = path.stat()
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def _memory() -> Path:
    return home() / "weights" / ".digests.json"


def _remembered() -> dict[str, Remembered]:
    return files.cached(_memory(), dict[str, Remembered]) or {}  # without it, files are read


def _remember(path: Path, entry: Remembered) -> None:
    known = {p: k for p, k in _remembered().items() if os.path.exists(p)}  # noqa: PTH110 - a string
    known[str(path)] = entry
    with contextlib.suppress(OSError):  # a full or read-only disk: it will be read again
        _memory().parent.mkdir(parents=True, exist_ok=True)
        write_whole(_memory(), json.dumps(msgspec.to_builtins(known), indent=1).encode())
