"""Run a job on this machine, through a shim process that outlives mrbench just long enough."""

import contextlib
import errno
import marshal
import os
import select
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Literal, NoReturn

import msgspec

from mrbench import files
from mrbench.errors import LaunchError
from mrbench.launch import shim_process
from mrbench.launch.executors.base import EXIT, LOG, STAMPS
from mrbench.measure.log.blocks import follow_blocks
from mrbench.model.finding import Problem
from mrbench.model.job import Job
from mrbench.model.run import Exit
from mrbench.prepare import inherited
from mrbench.prepare.surroundings import HERE

SHORT_OF_MEMORY = "look for a lack of memory"
REMEDIES = {
    errno.ENOENT: "install it, or correct launch.command",
    errno.EACCES: "make it executable (chmod +x), or name its interpreter before it",
    errno.ENOEXEC: "name its interpreter before it in launch.command",
    errno.E2BIG: "shorten launch.command and launch.variables",
}


WAKE_S = 0.5
PATIENCE_S = 45.0  # beyond the grace period: the shim itself gives up after 30 s

surroundings = HERE
trains_here = True


def unavailable() -> Problem | None:
    """Say what this machine lacks, or None."""
    if sys.platform == "linux" and Path("/proc/self/stat").exists():
        return None
    return Problem("running on this machine needs Linux with /proc mounted", "use such a machine")


@contextlib.contextmanager
def start(
    job: Job, folder: Path, *, keep_open: tuple[int, ...] = (), grace_s: float = 5.0
) -> Iterator["LocalRun"]:
    """Start the job, its log and stamps in `folder`; leaving the block ends all of it.

    Left by an exception, a signal's among them, it counts as interrupted; otherwise as enough.
    """
    # Python would keep what a program prints until 8 KiB are full: no arrival times.
    variables = {**inherited.of(job), "PYTHONUNBUFFERED": "1", **job.variables}
    order = {
        "argv": job.argv,
        "directory": str(job.directory.absolute()),
        "variables": variables,
        "terminal": job.terminal,
        "wall_clock_limit_s": job.wall_clock_limit_s,
        "stall_limit_s": job.stall_limit_s,
        "grace_s": grace_s,
        "log": str(folder.absolute() / LOG),
        "stamps": str(folder.absolute() / STAMPS),
        "exit": str(folder.absolute() / EXIT),
    }
    shim = shim_process.take()
    run = LocalRun(shim, shim.hand_over(keep_open), folder / LOG)
    try:
        # Not by argv: variables may hold secrets, and everybody can read argv.
        words = marshal.dumps(order)
        run.send(len(words).to_bytes(4, "big") + words)
        report = run.hear_start()
        if report.failed:
            _refuse(report, job, variables, folder)
        yield run
    except BaseException:
        run.stop("interrupted")
        raise
    finally:
        run.stop("enough")
        run.finish(grace_s)


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """The shim's first report: the job's first process, or which step failed, by which errno."""

    pid: int | None = None
    failed: str = ""
    errno: int = 0


class LocalRun:
    """A job under a shim; see base.Running."""

    def __init__(self, shim: shim_process.Shim, orders: IO[bytes], log: Path) -> None:
        self._shim, self._orders, self._reports = shim.process, orders, shim.reports
        self._log = log
        self._main: int | None = None
        self._began_s = time.monotonic()
        self._heard = b""
        self._end: Exit | None = None

    def blocks(
        self, tick: Callable[[], None], poll_s: float = 0.05, *, log: Path | None = None
    ) -> Iterator[tuple[int, bytes]]:
        """Follow the log; see base.Running."""
        return follow_blocks(log or self._log, self.ended, tick, poll_s)

    def root(self) -> int | None:
        """Return the shim's process id."""
        return self._shim.pid

    def stop(self, reason: Literal["enough", "interrupted"]) -> None:
        """Ask for the job's end; only the first reason counts."""
        self.send(reason.encode())
        self._orders.close()

    def exit(self) -> Exit:
        """Tell how the job ended; only once it has."""
        if not self.ended(0) or self._end is None:
            raise RuntimeError("exit() was asked before the job's end")
        return self._end

    def send(self, words: bytes) -> None:
        """Write to the shim, unless it has gone or was told to stop."""
        with contextlib.suppress(ConnectionError):
            while words and not self._orders.closed:
                words = words[self._orders.write(words) or 0 :]

    def hear_start(self) -> Start:
        """Wait until the command was started or has failed to."""
        while not self._hears(WAKE_S):
            pass
        line = self._reports.readline()
        start = msgspec.json.decode(line, type=Start) if line else Start(failed="shim")
        self._main = start.pid
        return start

    def finish(self, grace_s: float) -> None:
        """Wait until nothing of the job is left.

        A shim that does not end one in time, as it can, is killed; the kernel ends the job then.
        """
        until_s = time.monotonic() + grace_s + PATIENCE_S
        try:
            while not self.ended(WAKE_S):
                if time.monotonic() > until_s:
                    self._shim.kill()
            self._shim.wait()
        finally:
            self._reports.close()

    def ended(self, wait_s: float) -> bool:
        """Wait at most so long for the end; tell whether it has come."""
        if self._end is None and self._hears(wait_s):
            words = os.read(self._reports.fileno(), 1 << 16)
            self._heard += words
            # The start is said first, if an interrupt came before that was heard.
            last = self._heard.rpartition(b"\n")[0].rpartition(b"\n")[2]
            try:
                self._end = msgspec.json.decode(last, type=Exit)
            except msgspec.DecodeError:
                if not words:
                    self._end = self._lost()  # the end is the last thing that the shim says
        return self._end is not None

    def _hears(self, wait_s: float) -> bool:
        """Wait at most so long for a word of the shim's; tell whether it has come."""
        if wait_s:  # the job may have stopped the shim (SIGSTOP), which then sees no limit
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(self._shim.pid, signal.SIGCONT)
        poller = select.poll()
        poller.register(self._reports, select.POLLIN)
        return bool(poller.poll(wait_s * 1000))

    def _lost(self) -> Exit:
        """Return the end of a job whose shim was killed; the kernel may have ended the job, too."""
        if self._main is not None:  # the kernel has killed it already, but not its children
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._main, signal.SIGKILL)
        message, remedy = "the process that watched the training was killed", SHORT_OF_MEMORY
        seconds = time.monotonic() - self._began_s
        return Exit(reason="exited", code=None, seconds=seconds, message=message, remedy=remedy)


def _refuse(start: Start, job: Job, variables: dict[str, str], folder: Path) -> NoReturn:
    program, number = job.argv[0], start.errno
    why = os.strerror(number)
    match start.failed:
        case "shim":
            text = f"{shim_process.SHIM} ended at once"
            remedy = "reinstall mrbench, with the same Python"
        case "log":
            text = f"{folder}: {LOG} and {STAMPS} cannot be made ({why})"
            remedy = "take another with --runs"
        case "limit":
            text = f"the training cannot be started ({why})"
            remedy = files.REMEDIES.get(number, "free some of it")
        case "directory":
            text = f"{job.directory}: cannot be entered ({why})"
            remedy = "correct launch.directory"
        case _ if number == errno.ENOENT and _exists(program, job.directory, variables):
            text = f"{program}: the interpreter that its first line names is missing"
            remedy = "install it"
        case _:
            remedy = REMEDIES.get(number, "correct launch.command")
            text = f"{program}: cannot be started in {job.directory} ({why})"
    raise LaunchError(text, remedy)


def _exists(program: str, directory: Path, variables: dict[str, str]) -> bool:
    if "/" in program:
        return (directory / program).exists()
    return shutil.which(program, path=variables.get("PATH")) is not None
