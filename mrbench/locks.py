"""Machine-wide locks by name, so that runs on the same devices exclude one another.

A lock is flock(2) on a file that is never removed; the kernel releases it when the last process
that has it open is gone. The file's text, the holder's process id, is only for the eye.
"""

import contextlib
import fcntl
import os
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from mrbench.errors import UnavailableError

POLL_S = 0.1
FLAGS = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # other users may have laid something there


@contextlib.contextmanager
def hold(names: tuple[str, ...], waiting: Callable[[str], None]) -> Iterator[tuple[int, ...]]:
    """Hold all of these locks; yields their open files, for processes that shall hold them too.

    Where somebody else holds one, `waiting` is told once, and the call waits.
    """
    with contextlib.ExitStack() as held:
        files = []
        for name in sorted(set(names)):  # everybody in the same order: nobody waits in a circle
            path = folder() / f"mrbench.{name}.lock"
            files.append(_open(path))
            held.callback(os.close, files[-1])
            _lock(files[-1], path, name, waiting)
        yield tuple(files)


def folder() -> Path:
    """Return where the locks are: MRBENCH_LOCKS, else the machine's folder for temporary files."""
    return Path(os.environ.get("MRBENCH_LOCKS") or os.environ.get("TMPDIR") or "/tmp")  # noqa: S108 - for all users of the machine


def _open(path: Path) -> int:
    try:
        try:
            # Not O_CREAT alone: the kernel refuses that for another user's file in /tmp
            # (fs.protected_regular), even to root.
            file = os.open(path, FLAGS | os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
            os.fchmod(file, 0o666)  # whatever the umask: other users shall write their id
        except FileExistsError:
            try:
                file = os.open(path, FLAGS | os.O_RDWR)
            except PermissionError:
                file = os.open(path, FLAGS | os.O_RDONLY)  # enough for flock
    except OSError as exc:
        raise UnavailableError(
            f"cannot be opened ({exc.strerror})",
            "set MRBENCH_LOCKS to a folder that all users of this machine can write",
            file=path,
        ) from exc
    status = os.fstat(file)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
        os.close(file)
        raise UnavailableError("is no lock file of mrbench", "remove it", file=path)
    return file


def _lock(file: int, path: Path, name: str, waiting: Callable[[str], None]) -> None:
    told = False
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if not told:
                waiting(f"waiting for {name}: {_holder(file)} has {path}")
            told = True
            time.sleep(POLL_S)  # a blocking flock would not see a Ctrl-C that comes just before
        except OSError as exc:
            raise UnavailableError(
                f"cannot be locked ({exc.strerror})",
                "set MRBENCH_LOCKS to a local folder",
                file=path,
            ) from exc
    with contextlib.suppress(OSError):  # opened for reading, or a full disk: nobody depends on it
        os.ftruncate(file, 0)
        os.pwrite(file, f"{os.getpid()}\n".encode(), 0)


def _holder(file: int) -> str:
    text = os.pread(file, 20, 0).strip()
    return f"process {int(text)}" if text.isdigit() else "another process"
