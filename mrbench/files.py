"""Where mrbench keeps what it makes, and how a file comes into being there."""

import contextlib
import errno
import os
import stat
from pathlib import Path


def home() -> Path:
    """Return $MRBENCH_HOME, else $XDG_CACHE_HOME/mrbench, else ~/.cache/mrbench."""
    named = os.environ.get("MRBENCH_HOME")
    if named:
        return Path(named).expanduser().resolve()
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache").resolve() / "mrbench"


def write_whole(path: Path, content: bytes) -> None:
    """Write beside and rename: the file has all of `content`, or is as it was before."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        beside.write_bytes(content)
        beside.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise


def read_regular(path: Path, most_bytes: int) -> bytes:
    """Return a regular file's first bytes; OSError for what is none, as a pipe or a device."""
    with open(path, "rb", opener=_without_waiting) as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise OSError(errno.EINVAL, "Not a regular file", str(path))
        return stream.read(most_bytes)


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # else a pipe's open waits for a writer
