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


def read_regular(path: str | Path, most_bytes: int) -> bytes:
    """Return a regular file's first bytes; OSError for what is none, as a pipe or a device.

    A third of what open() and read() take: records are read by the ten thousand.
    """
    number = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # else a pipe's open waits for a writer
    try:
        status = os.fstat(number)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "Not a regular file", str(path))
        size = min(status.st_size, most_bytes)
        content = os.read(number, size)
        while len(content) < size and (more := os.read(number, size - len(content))):
            content += more
        return content
    finally:
        os.close(number)
