"""Small jobs for the tests of the executor, and a search for whatever they left running."""

import sys
import uuid
from collections.abc import Mapping
from pathlib import Path

from mrbench.launch.executors.base import LOG
from mrbench.launch.executors.local import start
from mrbench.model.job import Job
from mrbench.model.run import Exit
from waiting import SAFETY_S, wait_for

MARK = "MRBENCH_TEST_TREE"


def make_job(
    *argv: str,
    directory: Path = Path("/"),
    variables: Mapping[str, str] | None = None,
    terminal: bool = False,
    wall_clock_limit_s: float = SAFETY_S,
    stall_limit_s: float = SAFETY_S,
) -> Job:
    return Job(
        argv=argv,
        directory=directory,
        variables={MARK: uuid.uuid4().hex, **(variables or {})},
        terminal=terminal,
        wall_clock_limit_s=wall_clock_limit_s,
        stall_limit_s=stall_limit_s,
    )


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-I", "-S", "-c", code)


def run(job: Job, folder: Path, grace_s: float = 5.0) -> tuple[bytes, Exit]:
    """Follow a job to its end; return what it printed."""
    with start(job, folder, grace_s=grace_s) as running:
        output = b"".join(block for _, block in running.blocks(tick=lambda: None))
    assert output == (folder / LOG).read_bytes()
    return output, running.exit()


def survivors(job: Job) -> list[int]:
    return marked(f"{MARK}={job.variables[MARK]}")


def marked(mark: str) -> list[int]:
    """Return the living processes that have this in their environment."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            state = (path / "stat").read_bytes().rpartition(b")")[2].split()[0]
            environment = (path / "environ").read_bytes()
        except OSError:
            continue
        if mark.encode() in environment and state not in b"ZX":
            found.append(int(path.name))
    return found


def mentioned(text: str) -> list[str]:
    """Return the processes that have this in their arguments."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode(errors="replace")
        except OSError:
            continue
        if text in words:
            found.append(words)
    return found


def wait_until_none(mark: str) -> None:
    """Wait until no living process has the mark."""
    wait_for(lambda: not marked(mark), lambda: marked(mark))


def wait_for_file(path: Path) -> None:
    """Wait until a program has made this file."""
    wait_for(path.exists, str(path))


# bash that ignores SIGTERM, with children that do, too: one in a session of its own, one under
# nohup, and last one whose parent has gone (double fork), which says that all are there.
STUBBORN = """
trap '' TERM HUP INT
setsid sleep 1000 &
nohup sleep 1001 > /dev/null 2>&1 &
(setsid bash -c 'sleep 1002 & touch "$READY"; echo ready; sleep 1003' & )
while :; do sleep 1; done
"""
