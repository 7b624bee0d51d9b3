"""The job's processes: start the first, find and end all its descendants."""

import _signal as signal  # without the enums of signal.py, which take 5 ms to make
import ctypes
import errno
import os
import time

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h
WATCHED = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
libc = ctypes.CDLL(None)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends (prctl(2))."""
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise SystemExit("prctl(PR_SET_CHILD_SUBREAPER) failed: Linux is older than 3.4")


class Tree:
    """The job's processes: all descendants, since orphans among them become our children."""

    def __init__(self, main: int, began_s: float) -> None:
        self.main, self.began_s = main, began_s
        self.code: int | None = None
        self.ended_s = 0.0
        self.gone = False
        self.killed: set[int] = set()
        self.oom_kills = oom_kills(0)

    def reap(self) -> None:
        """Collect those that ended; no child left means no descendant left."""
        while not self.gone:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                self.gone = True
                return
            if not pid:
                return
            if pid == self.main:
                self.code, self.ended_s = os.waitstatus_to_exitcode(status), time.monotonic()

    def signal(self, number: int) -> None:
        """Send a signal to all that live."""
        for pid in descendants(os.getpid()):
            try:
                os.kill(pid, number)
            except OSError:  # it ended meanwhile, or belongs to somebody else
                continue
            if pid != self.main:
                self.killed.add(pid)


def descendants(ancestor: int) -> list[int]:
    """Return all processes below one, parents before their children, without zombies."""
    children: dict[int, list[int]] = {}
    zombies = set()
    for name in filter(str.isdigit, os.listdir("/proc")):  # noqa: PTH208 - pathlib costs time
        try:
            with open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123 - the same
                fields = file.read().rpartition(b")")[2].split()  # its name may hold anything
        except OSError:  # no process, or gone
            continue
        if fields:
            children.setdefault(int(fields[1]), []).append(int(name))
            if fields[0] in b"ZX":
                zombies.add(int(name))
    pids = [ancestor]
    for pid in pids:
        pids += children.get(pid, ())
    return [pid for pid in pids[1:] if pid not in zombies]


def oom_kills(before: int | None) -> int | None:
    """Return how many processes the kernel killed for lack of memory since it were `before`.

    On the whole machine, in containers, too; None where the kernel (before 4.13) does not count.
    """
    try:
        with open("/proc/vmstat", "rb") as file:  # noqa: PTH123 - as above
            _, separator, rest = file.read().partition(b"\noom_kill ")
    except OSError:
        return None
    return int(rest.split()[0]) - before if separator and before is not None else None


def start(argv: list[str], directory: str, variables: dict[str, str], sink: int) -> tuple[int, str]:
    """Start the command; return its process id, and what failed: "<step> <errno>" or ""."""
    read_end, write_end = os.pipe()
    shim = os.getpid()
    main = os.fork()
    if main == 0:
        step = "directory"
        try:
            signal.set_wakeup_fd(-1)
            for number in (*WATCHED, signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores these two
                signal.signal(number, signal.SIG_DFL)
            os.setsid()
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # should the shim be killed
            if os.getppid() == shim:
                os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
                os.dup2(sink, 1)
                os.dup2(sink, 2)
                os.chdir(directory)
                step = "command"
                os.execvpe(argv[0], argv, variables)  # noqa: S606 - a job is no shell command
        except OSError as exc:
            os.write(write_end, f"{step} {exc.errno}".encode())
        except ValueError:  # a NUL within an argument
            os.write(write_end, f"{step} {errno.EINVAL}".encode())
        finally:
            os._exit(127)
    os.close(sink)
    os.close(write_end)
    failure = os.read(read_end, 100).decode()  # exec closes the other end
    os.close(read_end)
    return main, failure
