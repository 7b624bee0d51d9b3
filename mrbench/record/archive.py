"""A run for reading, wherever it is: its folder, an archive of `mrbench pack`, packed logs."""

import contextlib
import dataclasses
import gzip
import io
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from mrbench.errors import MrbenchError
from mrbench.files import real_path
from mrbench.model.record import RunRecord
from mrbench.record.rundir import RunDir, find_run, names_in
from mrbench.text import shorten, size_text

MAX_BYTES = 1 << 30  # of an archive, unpacked; they come from strangers
MAX_FILES = 10_000
MAX_DEPTH, MAX_NAME_BYTES = 64, 1024  # of a file's path; folders are made one within the other
SUFFIXES = (".tar.gz", ".tgz", ".tar")
BROKEN = (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error, ValueError)
PACKED = ("train.log", "train.stamps")  # may lie in a folder as NAME.gz


@dataclasses.dataclass(frozen=True)
class Opened:
    """A run's folder with plain files; called: its name; unpacked: what lay there as NAME.gz."""

    folder: RunDir
    called: str
    is_archive: bool = False
    unpacked: tuple[str, ...] = ()

    def names(self) -> list[str]:
        """Return its files but record.json, each as the training or mrbench wrote it."""
        packed = {f"{name}.gz" for name in self.unpacked}
        return [name for name in names_in(self.folder) if name not in packed]

    @property
    def record_name(self) -> str:
        """What messages call its record.json, which may lie in a temporary copy."""
        return f"{self.called}/{self.folder.record.name}"


@contextlib.contextmanager
def opened(name: str, runs: Path) -> Iterator[Opened]:
    """Find a run by name and make it readable; what that takes is removed in the end.

    Raises MrbenchError where there is no such run, or an archive is none or unsafe.
    """
    path = Path(name)
    if path.is_file():
        if path.name == "record.json":
            raise MrbenchError("is a part of a run", "give the run's folder", file=path)
        with tempfile.TemporaryDirectory(prefix="mrbench-") as temporary:
            yield Opened(RunDir(unpack(path, Path(temporary))), name, is_archive=True)
        return
    if name.endswith(SUFFIXES):
        raise MrbenchError("no such archive", "check the path", file=path)
    folder = find_run(name, runs)
    run = RunDir(folder)
    for part in (run.log, run.stamps, *folder.glob(f"{run.telemetry.stem}*.jsonl")):
        if part.exists() and not part.is_file():  # a pipe would be waited for, a device never ends
            raise MrbenchError("is not a regular file", "restore it or remove the run", file=part)
    lacking = tuple(
        n for n in PACKED if not (folder / n).exists() and (folder / f"{n}.gz").is_file()
    )
    if not lacking:
        yield Opened(RunDir(folder), str(folder))
        return
    check_bounds(run, str(folder))
    with tempfile.TemporaryDirectory(prefix="mrbench-") as temporary:
        copy = Path(temporary) / real_path(folder).name
        try:
            shutil.copytree(folder, copy, symlinks=True)
        except shutil.Error as exc:  # of each file that could not be read
            source, _, _ = exc.args[0][0]
            raise MrbenchError("cannot be read", "ask for the permission", file=source) from exc
        for n in lacking:
            _gunzip(copy / f"{n}.gz", copy / n)
        yield Opened(RunDir(copy), str(folder), unpacked=lacking)


def identity(record: RunRecord) -> str:
    """Return what a run and all archives of it share, and no other run has."""
    packed = record.packed
    return (packed.record.digest if packed else record.digest) or record.id


def check_bounds(folder: RunDir, called: str) -> None:
    """Refuse a run that is larger than what is unpacked of an archive. Raises MrbenchError."""
    names = names_in(folder)
    size_bytes = sum((folder.path / name).lstat().st_size for name in names)
    files = len(names) + 1  # its record
    if size_bytes > MAX_BYTES or files > MAX_FILES:
        size = f"{files} files, {size_text(size_bytes)} together"
        most = f"more than a copy may have ({MAX_FILES} files, {MAX_BYTES >> 30} GiB)"
        remedy = "hand the folder on as it is, or remove what it kept"
        raise MrbenchError(f"{called}: has {size}, {most}", remedy)
    deep = next((name for name in names if _too_deep(f"{folder.path.name}/{name}")), None)
    if deep is not None:
        most = f"a copy's path has {MAX_DEPTH} parts and {MAX_NAME_BYTES} bytes at most"
        remedy = "hand the folder on as it is, or remove that file"
        raise MrbenchError(f"{called}: has {shorten(deep)}; {most}", remedy)


def is_archive(path: Path) -> bool:
    """Tell whether a regular file is a tar archive, packed or not."""
    try:
        return path.is_file() and tarfile.is_tarfile(path)
    except (OSError, *BROKEN):
        return False


def unpack(path: Path, into: Path) -> Path:
    """Unpack an archive of one run; return the run's folder. MrbenchError if it is none."""
    try:
        with path.open("rb") as raw, _plain(raw) as stream:
            limited = _Limited(stream, path)
            with tarfile.open(fileobj=limited, mode="r|") as archive:
                for count, member in enumerate(archive, 1):
                    if count > MAX_FILES:
                        raise _refusal(path, f"holds more than {MAX_FILES} files")
                    _extract(archive, member, into, path)
    except (*BROKEN, FileExistsError, NotADirectoryError) as exc:
        raise _refusal(path, f"cannot be read ({exc})") from exc
    folders = [p.parent for p in sorted(into.rglob("record.json")) if "kept" not in p.parts]
    if len(folders) != 1:
        raise _refusal(path, f"holds {len(folders)} runs instead of one")
    for file in into.rglob("*"):
        if file.is_file() and folders[0] not in file.parents:  # nothing would look at it
            name = ascii(str(file.relative_to(into)))
            raise _refusal(path, f"holds {shorten(name)} beside its run")
    return folders[0]


def _extract(archive: tarfile.TarFile, member: tarfile.TarInfo, into: Path, path: Path) -> None:
    """Write one member: plain files and folders within `into`, nothing else."""
    name = PurePosixPath(member.name)
    shown = ascii(member.name)
    if name.is_absolute() or ".." in name.parts or "\\" in member.name or "\0" in member.name:
        raise _refusal(path, f"holds {shown}, which would leave the folder")
    if member.isdir():
        return  # made where a file needs them
    if not member.isreg() or member.sparse is not None:  # few bytes may stand for any number
        raise _refusal(path, f"holds {shown}, which is not a plain file")
    if _too_deep(member.name):
        raise _refusal(path, f"holds {shorten(shown)}, which no run's file is called")
    if hasattr(tarfile, "data_filter"):  # Python 3.11.4; it agrees with the above
        tarfile.data_filter(member, str(into))
    target = into / name
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        raise _refusal(path, f"holds {shown} twice")
    content = archive.extractfile(member)
    with target.open("xb") as out:
        shutil.copyfileobj(content or io.BytesIO(), out)


def _too_deep(name: str) -> bool:
    length = len(name.encode(errors="surrogateescape"))
    return name.count("/") >= MAX_DEPTH or length > MAX_NAME_BYTES


def _refusal(path: Path, why: str) -> MrbenchError:
    return MrbenchError(why, "give an archive that `mrbench pack` made", file=path)


@contextlib.contextmanager
def _plain(raw: IO[bytes]) -> Iterator[IO[bytes]]:
    magic = raw.read(2)
    raw.seek(0)
    if magic != b"\x1f\x8b":
        yield raw
        return
    with gzip.open(raw) as stream:
        yield stream  # type: ignore[misc]  # GzipFile reads as any stream does


class _Limited(io.RawIOBase):
    """A stream that gives no more than MAX_BYTES: small archives can unpack to any size."""

    def __init__(self, stream: IO[bytes], path: Path) -> None:
        self._stream, self._path, self._left = stream, path, MAX_BYTES

    def read(self, size: int = -1) -> bytes:
        """Read at most `size` bytes."""
        block = self._stream.read(min(size, self._left + 1) if size >= 0 else self._left + 1)
        self._left -= len(block)
        if self._left < 0:
            raise _refusal(self._path, f"unpacks to more than {MAX_BYTES >> 30} GiB")
        return block


def _gunzip(source: Path, target: Path) -> None:
    try:
        with gzip.open(source) as stream, target.open("wb") as out:
            limited = _Limited(stream, source)  # type: ignore[arg-type]  # as above
            shutil.copyfileobj(limited, out)
    except (OSError, EOFError, zlib.error) as exc:
        raise MrbenchError(f"cannot be unpacked ({exc})", "restore it", file=source) from exc
