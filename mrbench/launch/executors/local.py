"""Run a job on this machine, through a shim process that outlives mrbench just long enough."""

import contextlib
import errno
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, NoReturn

from mrbench import files
from mrbench.errors import LaunchError
from mrbench.launch.executors.base import EXIT, LOG, STAMPS
from mrbench.measure.log.blocks import follow_blocks
from mrbench.model.finding import Problem
from mrbench.model.job import Job
from mrbench.prepare import inherited, shim_process
from mrbench.prepare.contained import Contained, Start
from mrbench.prepare.surroundings import HERE

REMEDIES = {
    errno.ENOENT: "install it, or correct launch.command",
    errno.EACCES: "make it executable (chmod +x), or name its interpreter before it",
    errno.ENOEXEC: "name its interpreter before it in launch.command",
    errno.E2BIG: "shorten launch.command and launch.variables",
}


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
        "appends": False,
        "log": str(folder.absolute() / LOG),
        "stamps": str(folder.absolute() / STAMPS),
        "exit": str(folder.absolute() / EXIT),
    }
    shim = shim_process.take()
    run = LocalRun(shim, shim.hand_over(keep_open), folder / LOG)
    with run.carrying_out(order, grace_s) as report:
        if report.failed:
            _refuse(report, job, variables, folder)
        yield run


class LocalRun(Contained):
    """A job under a shim; see base.Running."""

    def __init__(self, shim: shim_process.Shim, orders: IO[bytes], log: Path) -> None:
        super().__init__(shim, orders)
        self._log = log

    def blocks(
        self, tick: Callable[[], None], poll_s: float = 0.05, *, log: Path | None = None
    ) -> Iterator[tuple[int, bytes]]:
        """Follow the log; see base.Running."""
        return follow_blocks(log or self._log, self.ended, tick, poll_s)


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
