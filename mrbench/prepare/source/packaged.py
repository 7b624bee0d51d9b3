"""A package of an index as a git repository of one commit, whose id follows from the file alone.

The wheel or sdist is unpacked in memory and hashed as a tree; nothing of it is run. What its
members are called and how big they are is checked first.
"""

import posixpath
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from mrbench.errors import UnavailableError, WorkspaceError
from mrbench.model.inputs import Source
from mrbench.prepare import index
from mrbench.prepare.mirror import base as mirrored
from mrbench.prepare.source.embedded import Member, Objects, one_commit
from mrbench.prepare.source.tree import LINK, UnreachableError
from mrbench.prepare.step import SILENT
from mrbench.text import shorten

MOST_FILES, MOST_BYTES = 100_000, 1 << 30  # unpacked; all of TensorFlow's models have 10 MB
DAMAGED = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError),
    *(NotImplementedError, RuntimeError, UnicodeDecodeError),  # zipfile: encrypted, unknown methods
)


def objects(source: Source, mirror: str | None) -> tuple[str, Objects]:
    """Fetch the package's file; return the commit's id and all objects of the repository.

    mirror: a complete one is asked instead of the index. UnreachableError if nobody gives it,
    WorkspaceError if it cannot be used.
    """
    package, sha256 = str(source.package), str(source.sha256)
    wheels = None
    if mirror and mirrored.serves_all(mirror):
        wheels = Path(mirror).parent / mirrored.WHEELS
    with tempfile.TemporaryDirectory() as name:
        try:
            file = index.find_file(package, sha256, wheels)
            path = Path(name) / Path(file.name).name
            index.fetch(file.url, sha256, path)
        except UnavailableError as exc:
            told = isinstance(exc, index.NoSuchFileError) or not SILENT.search(str(exc))
            kind = WorkspaceError if told and wheels is None else UnreachableError
            raise kind(f"{package}: {exc.text}", exc.remedy or "check source.package") from exc
        return from_archive(path, package, sha256)


def from_archive(path: Path, package: str, sha256: str) -> tuple[str, Objects]:
    """Return the commit's id and all objects of a wheel or sdist; WorkspaceError if it is odd."""
    try:
        members = list(_zipped(path) if path.suffix in {".whl", ".zip"} else _tarred(path))
    except DAMAGED as exc:
        raise WorkspaceError(f"{path.name} of {package} cannot be unpacked ({exc})") from exc
    _check([name for name, _, _ in members], path.name)
    if path.suffix != ".whl":
        members = _without_top(members)
    return one_commit(members, f"{package}\n\nsha256 {sha256}")


def _zipped(path: Path) -> Iterator[Member]:
    with zipfile.ZipFile(path) as archive:
        members = [item for item in archive.infolist() if not item.is_dir()]
        _check_size(path.name, len(members), sum(item.file_size for item in members))
        for item in members:
            mode = item.external_attr >> 16
            if stat.S_IFMT(mode) not in {0, stat.S_IFREG}:
                raise _odd(path.name, item.filename, "is no plain file")
            yield item.filename, _mode(mode), archive.read(item)


def _tarred(path: Path) -> Iterator[Member]:
    count = total = 0
    with tarfile.open(path) as archive:
        for item in archive:
            if item.isdir():
                continue
            count, total = count + 1, total + item.size
            _check_size(path.name, count, total)
            if item.issym():
                _check_link(path.name, item)
                yield item.name, LINK, item.linkname.encode()
                continue
            stream = archive.extractfile(item) if item.isreg() else None
            if stream is None:
                raise _odd(path.name, item.name, "is no plain file")
            yield item.name, _mode(item.mode), stream.read()


def _check_link(archive: str, item: tarfile.TarInfo) -> None:
    """Refuse a link that leads out of the archive; `..` behind a name may follow another link."""
    top = item.name.partition("/")[0]
    leads = posixpath.normpath(posixpath.join(posixpath.dirname(item.name), item.linkname))
    turns = ".." in item.linkname.lstrip("./").split("/")
    if item.linkname.startswith("/") or turns or leads.partition("/")[0] != top:
        raise _odd(archive, item.name, f"is a link to {shorten(item.linkname)!r}, outside")


def _mode(mode: int) -> str:
    return "100755" if mode & 0o100 else "100644"


def _check_size(archive: str, count: int, size_bytes: int) -> None:
    if count > MOST_FILES or size_bytes > MOST_BYTES:
        text = f"{archive}: more than {MOST_FILES} files or {MOST_BYTES >> 20} MiB unpacked"
        raise WorkspaceError(text, "train from its repository instead")


def _check(names: list[str], archive: str) -> None:
    """Refuse names that lead elsewhere, or stand in each other's way."""
    known = set(names)
    if not known:
        raise WorkspaceError(f"{archive} holds no files", "check source.package")
    if len(known) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise _odd(archive, twice, "stands in it twice")
    for name in names:
        parts = name.split("/")
        if "\0" in name or "\\" in name or {"", ".", ".."} & set(parts):
            raise _odd(archive, name, "leads out of it, or is no plain path")
        if any("/".join(parts[:i]) in known for i in range(1, len(parts))):
            raise _odd(archive, name, "stands below another file")


def _odd(archive: str, name: str, problem: str) -> WorkspaceError:
    return WorkspaceError(f"{archive}: {shorten(name)!r} {problem}", "this is no ordinary package")


def _without_top(members: list[Member]) -> list[Member]:
    """Leave out the folder NAME-VERSION that an sdist has around everything."""
    top = {name.partition("/")[0] for name, _, _ in members}
    if len(top) > 1 or any("/" not in name for name, _, _ in members):
        return members
    return [(name.partition("/")[2], mode, content) for name, mode, content in members]
