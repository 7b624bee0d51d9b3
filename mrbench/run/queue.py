"""The queue for the devices of this machine: first come, first served, between all users' runs.

A run that waits has a ticket: a file whose name orders it, locked as long as its process lives. A
ticket whose lock can be had belongs to a dead process and is removed. A run takes all of its locks
at once or none, and only when no earlier ticket names one of its devices: nobody waits in a circle,
and nobody who needs several devices is overtaken. The locks are those of `locks.machine_wide`,
which older versions of mrbench take without a ticket.
"""

import calendar
import contextlib
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
from msgspec.structs import replace

from mrbench import locks
from mrbench.errors import BusyError

POLL_S = 0.2  # a few system calls: a ten-thousandth of a core
TELL_S = 60.0
DEVICE = re.compile(r"mrbench\.(?!weights-)([\w-]{1,64})\.lock")
TICKET = re.compile(r"mrbench\.ticket\.\d{20}\.[0-9a-f]{12}")
WORDS = re.compile(
    rb"(\d{1,10})(?: ([-\d]{10}T[:\d]{8}Z) ([\w.@-]{1,64})(?: ([!-~]{1,200}))?((?: [\w-]{1,64})*))?"
)
MOST_BYTES = 4096
Say = Callable[[str], None]


class Holder(msgspec.Struct, frozen=True):
    """Who trains or waits, as they wrote it down: `since` is UTC, `what` a suite/implementation.

    pid is 0 where nothing says who it is; older versions of mrbench write down less.
    """

    pid: int
    since: str = ""
    user: str = ""
    what: str = ""
    devices: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return it as people read it."""
        return self.told("trains")

    def told(self, verb: str) -> str:
        """Return who does something, since when; verb: trains, or waits to train."""
        if not self.pid:
            return f"another process {verb}"
        doing = f"{verb} {self.what}" if self.what else verb
        of = f" of {self.user}" if self.user else ""
        since = f" {_ago(self.since)}" if self.since else ""
        return f"process {self.pid}{of} {doing}{since}"


class Standing(msgspec.Struct, frozen=True):
    """Who trains on this machine, and who waits, the next one first."""

    training: list[Holder]
    waiting: list[Holder]


def look() -> Standing:
    """Return who trains on this machine's devices now, and who waits for them."""
    taken: dict[Holder, list[str]] = {}  # one run holds a lock for each of its devices
    for path in sorted(locks.folder().glob("mrbench.*.lock")):
        if (device := DEVICE.fullmatch(path.name)) and _is_held(path):
            taken.setdefault(_read(path) or Holder(0), []).append(device[1])
    training = [replace(holder, devices=tuple(names)) for holder, names in taken.items()]
    return Standing(training, [_read(path) or Holder(0) for path in _tickets()])


@contextlib.contextmanager
def _looked_at(path: Path) -> Iterator[int]:
    """Open a lock's file for reading."""
    file = os.open(path, locks.FLAGS | os.O_RDONLY)
    try:
        yield file
    finally:
        os.close(file)


def _is_held(path: Path) -> bool:
    """Tell whether somebody holds a lock file."""
    with contextlib.suppress(OSError), _looked_at(path) as file:
        return not locks.try_lock(file, shared=True)  # shared: as in _waits
    return False


@contextlib.contextmanager
def turn(
    devices: Sequence[str], what: str, waiting: Say, limit_s: float | None = None
) -> Iterator[tuple[int, ...]]:
    """Wait for these devices and hold them; yields the open lock files, for the training to hold.

    what: suite/implementation, for others to read. waiting: told at once who trains and how many
    wait before this run, and again each minute. BusyError after limit_s seconds of waiting;
    UnavailableError where a lock file cannot be used.
    """
    names, what = sorted(set(devices)), re.sub("[^!-~]", "?", what)[:200]
    with contextlib.ExitStack() as held:
        with _ticket(names, what) as earlier:
            before = list(earlier)
            began_s = time.monotonic()
            told_s = began_s - TELL_S
            while True:
                before = [path for path in before if _waits(path)]
                files = [] if before else _take_all(names, held)
                if files:
                    break
                now_s = time.monotonic()
                if limit_s is not None and now_s - began_s >= limit_s:
                    raise _busy(names, len(before), limit_s)
                if now_s - told_s >= TELL_S:
                    told_s = now_s
                    waiting(f"waiting for {_who(names, len(before))}")
                time.sleep(POLL_S)
        for file in files:
            locks.sign(file, what)
        yield tuple(files)


def refuse_busy(devices: Sequence[str]) -> None:
    """Raise BusyError where a run on these devices would have to wait now."""
    names = sorted(set(devices))
    waiting = sum(_wants(path, names) for path in _tickets())
    with contextlib.ExitStack() as held:
        if waiting or not _take_all(names, held):
            raise _busy(names, waiting, 0)


def _busy(names: Sequence[str], before: int, limit_s: float) -> BusyError:
    waited = f" after {limit_s:g} s" if limit_s else ""
    return BusyError(
        f"the machine is busy{waited}: {_who(names, before)}",
        "run again later, or leave out --no-wait and --wait",
    )


def _who(names: Sequence[str], before: int) -> str:
    """Return which device is taken, by whom, and how many wait before this run."""
    queue = f"{before or 'no'} other run{'s' * (before != 1)} before this one"
    for name in names:
        path = locks.path_of(name)
        if _is_held(path):
            return f"{name}: {_read(path) or Holder(0)}; {queue}"
    return f"{', '.join(names)}: nobody trains on it now; {queue}"


@contextlib.contextmanager
def _ticket(names: Sequence[str], what: str) -> Iterator[list[Path]]:
    """Hold a place in the queue; yields the tickets before it that want one of these devices.

    Where none can be made, the run has no place: it waits for those who are there.
    """
    name = f"mrbench.ticket.{time.monotonic_ns():020}.{os.urandom(6).hex()}"
    path = locks.folder() / name
    fresh = path.with_name(f"{name}.new")
    file = None
    with contextlib.suppress(OSError):
        file = os.open(fresh, locks.FLAGS | os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
        os.fchmod(file, 0o644)  # whatever the umask: other users shall see that it is locked
        locks.try_lock(file)
        locks.sign(file, f"{what} {' '.join(names)}")
        fresh.rename(path)  # nobody sees it before it is locked and signed
    try:
        earlier = [other for other in _tickets() if other.name < name]
        yield [other for other in earlier if _wants(other, names)]
    finally:
        if file is not None:
            path.unlink(missing_ok=True)
            os.close(file)


def _tickets() -> list[Path]:
    """Return the tickets of all who wait, in their order."""
    try:
        found = [path for path in locks.folder().iterdir() if TICKET.fullmatch(path.name)]
    except OSError:
        return []
    return [path for path in sorted(found) if _waits(path)]


def _waits(path: Path) -> bool:
    """Tell whether a ticket's process lives; remove the ticket if it doesn't."""
    with contextlib.suppress(OSError), _looked_at(path) as file:  # OSError: of another user
        if not locks.try_lock(file, shared=True):  # shared: two who look don't see one another
            return True
        path.unlink()
    return False


def _read(path: Path) -> Holder | None:
    """Return who holds a lock file or a ticket; None where it says nothing that mrbench wrote."""
    match = None
    with contextlib.suppress(OSError), _looked_at(path) as file:
        match = WORDS.fullmatch(os.pread(file, MOST_BYTES, 0).removesuffix(b"\n"))
    if match is None:
        return None
    pid, since, user, what, devices = ((part or b"").decode("ascii") for part in match.groups())
    return Holder(int(pid), since, user, what, tuple(devices.split()))


def _wants(path: Path, names: Sequence[str]) -> bool:
    """Tell whether a ticket names one of these devices."""
    holder = _read(path)
    return holder is not None and not set(names).isdisjoint(holder.devices)


def _take_all(names: Sequence[str], held: contextlib.ExitStack) -> list[int]:
    """Lock all of these devices without waiting, or none; returns the open files."""
    with contextlib.ExitStack() as taken:
        files = []
        for name in names:
            path = locks.path_of(name)
            try:
                file = locks.open_file(path, shared=True)
                taken.callback(os.close, file)
                if not (locks.try_lock(file) and locks.is_at(file, path)):
                    return []
            except OSError as exc:
                raise locks.no_lock(path, exc) from exc
            files.append(file)
        held.push(taken.pop_all())
        return files


def _ago(since: str) -> str:
    """Return `since 2024-05-01T10:02:11Z (12 min)`."""
    try:
        seconds = time.time() - calendar.timegm(time.strptime(since, "%Y-%m-%dT%H:%M:%SZ"))
    except ValueError:
        return f"since {since}"
    long = f"{seconds / 3600:.1f} h" if seconds >= 5400 else f"{max(0, seconds) // 60:.0f} min"  # noqa: PLR2004
    return f"since {since} ({long})"
