"""Locks between processes: who holds one, since when, and for which user.

A lock is flock(2) on a file; the kernel releases it when the last process that has it open is gone.
A lock file's text names the holder for people to read; nothing else depends on it.
"""

import contextlib
import errno
import fcntl
import os
import pwd
import re
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from mrbench.errors import UnavailableError

POLL_S = 0.1
FLAGS = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # other users may have laid something there
HOLDER = re.compile(rb"(\d{1,10})(?: ([-\d]{10}T[:\d]{8}Z) ([\w.@-]{1,64})(?: [!-~]{0,200})?)?\n?")
HOLDER_BYTES = 512
Say = Callable[[str], None]


@contextlib.contextmanager
def hold(path: Path, what: str, waiting: Say, *, shared: bool = False) -> Iterator[int]:
    """Hold the lock file at `path`, made if need be; yields the open file.

    what: what the lock is for. Where somebody else holds it, `waiting` is told once who, and the
    call waits. The file may be removed by its holder: then another is made. shared: all users of
    the machine may write to it. OSError where the file cannot be opened or locked.
    """
    file = open_file(path, shared=shared)
    try:
        while not try_lock(file):
            waiting(f"waiting for {what}: {_holder(file)} has {path}")
            while not try_lock(file):
                time.sleep(POLL_S)  # a blocking flock would not see a Ctrl-C just before it
        if not is_at(file, path):
            with hold(path, what, waiting, shared=shared) as newer:
                yield newer
            return
        sign(file)
        yield file
    finally:
        os.close(file)


@contextlib.contextmanager
def attempt(path: Path) -> Iterator[int | None]:
    """Hold a file or folder that exists, without waiting; yields None where somebody else does.

    OSError where it is not there, or cannot be opened or locked.
    """
    writable = os.O_RDONLY if path.is_dir() else os.O_RDWR
    file = os.open(path, FLAGS | writable)
    try:
        yield file if try_lock(file) and is_at(file, path) else None
    finally:
        os.close(file)


def take(path: Path) -> int | None:
    """Lock a file that exists, without waiting, and return it open; None where that cannot be.

    Closing it ends the lock. Some file systems of networks know no locks.
    """
    try:
        file = os.open(path, FLAGS | os.O_RDWR)
    except OSError:
        return None
    with contextlib.suppress(OSError):
        if try_lock(file):
            return file
    os.close(file)
    return None


@contextlib.contextmanager
def machine_wide(names: tuple[str, ...], waiting: Say) -> Iterator[tuple[int, ...]]:
    """Hold these locks of the whole machine, so that runs on the same devices exclude one another.

    Yields their open files, for processes that shall hold them too. UnavailableError where a lock
    cannot be had.
    """
    with contextlib.ExitStack() as held:
        files = []
        for name in sorted(set(names)):  # everybody in the same order: nobody waits in a circle
            path = path_of(name)
            try:
                files.append(held.enter_context(hold(path, name, waiting, shared=True)))
            except OSError as exc:
                raise no_lock(path, exc) from exc
        yield tuple(files)


def path_of(name: str) -> Path:
    """Return the lock file of a device, or of another thing that the whole machine shares."""
    return folder() / f"mrbench.{name}.lock"


def no_lock(path: Path, cause: OSError) -> UnavailableError:
    """Return the error for a lock file of the machine that cannot be opened or locked."""
    return UnavailableError(
        f"cannot be locked ({cause.strerror})",
        "set MRBENCH_LOCKS to a local folder that all users of this machine can write",
        file=path,
    )


def folder() -> Path:
    """Return where these are: MRBENCH_LOCKS, else one place for all users of the machine.

    Not TMPDIR: two users, or two jobs of one, would have two locks for the same devices.
    """
    return Path(os.environ.get("MRBENCH_LOCKS") or "/tmp")  # noqa: S108 - see above


def open_file(path: Path, *, shared: bool) -> int:
    """Open a lock file, made if need be; shared: all users of the machine may write to it.

    UnavailableError where something else stands there, OSError where it cannot be opened.
    """
    try:
        # Not O_CREAT alone: the kernel refuses that for another user's file in /tmp
        # (fs.protected_regular), even to root.
        file = os.open(path, FLAGS | os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        if shared:
            os.fchmod(file, 0o666)  # whatever the umask: other users shall write their id
    except FileExistsError:
        try:
            file = os.open(path, FLAGS | os.O_RDWR)
        except PermissionError:
            file = os.open(path, FLAGS | os.O_RDONLY)  # enough for flock
    status = os.fstat(file)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
        os.close(file)
        raise UnavailableError("is not a lock file of mrbench", "remove it", file=path)
    return file


def try_lock(file: int, *, shared: bool = False) -> bool:
    """Lock an open file without waiting; shared: beside other shared locks of it."""
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def of_folder(folder: Path) -> Iterator[None]:
    """Have a folder alone for a moment, to change a file in it; waits for others that do.

    Some file systems lock no folders; there it is not held. OSError if it cannot be opened.
    """
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)


@contextlib.contextmanager
def of_file(path: Path, *, make: bool = True) -> Iterator[int]:
    """Have a file alone for a moment, to append to it; waits for others that do.

    make: make it if need be. Where the file system knows no locks it is not held. OSError if it
    cannot be opened, is a link or no regular file.
    """
    create = os.O_CREAT if make else 0
    file = os.open(path, FLAGS | os.O_RDWR | os.O_APPEND | create, 0o666)
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise OSError(errno.EINVAL, "Not a regular file", str(path))
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        if is_at(file, path):
            yield file
            return
    finally:
        os.close(file)
    with of_file(path, make=make) as newer:  # it was replaced meanwhile
        yield newer


def is_at(file: int, path: Path) -> bool:
    """Tell whether the open file is still the one at that path."""
    try:
        return os.path.samestat(os.fstat(file), path.stat(follow_symlinks=False))
    except FileNotFoundError:
        return False


def sign(file: int, what: str = "") -> None:
    """Write down who holds the lock: process id, UTC time, user, and what for if that is given."""
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    with contextlib.suppress(OSError):  # opened for reading, or a full disk: nobody depends on it
        os.ftruncate(file, 0)
        os.pwrite(file, f"{os.getpid()} {since} {user()} {what}".rstrip().encode() + b"\n", 0)


def user() -> str:
    """Return the name of this process's user, or the number of one without a name."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a user id without a name, as in containers
        return str(os.getuid())


def _holder(file: int) -> str:
    """Return who wrote down last that they hold the lock, as people read it."""
    match = HOLDER.fullmatch(os.pread(file, HOLDER_BYTES, 0))
    if match is None:
        return "another process"
    pid, since, user = (part.decode() if part else "" for part in match.groups())
    return f"process {pid} of {user} (since {since})" if since else f"process {pid}"
