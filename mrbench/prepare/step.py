"""One step of making something: a command whose output is kept, and quoted when it fails."""

import contextlib
import errno
import os
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from mrbench.errors import LaunchError, UnavailableError
from mrbench.prepare import shim_process
from mrbench.prepare.contained import WAKE_S, Contained
from mrbench.prepare.inherited import for_steps

LIMIT_S = 3600
GRACE_S = 3.0
TAIL_BYTES = 65536
QUOTED = 400
ERROR = re.compile(r"(?:^|[\s:])(?:fatal )?error:|^\w+(?:Error|Exception)\b", re.IGNORECASE)
# What uv, pip, git, curl and apt-get print where a server does not answer.
SILENT = re.compile(
    r"error sending request|dns error|failed to lookup address|tcp connect error|"
    r"could not resolve host|temporary failure in name resolution|network is unreachable|"
    r"failed to establish a new connection|connection timed out|temporary failure resolving",
    re.IGNORECASE,
)
FULL = re.compile(r"no space left on device|disk quota exceeded", re.IGNORECASE)
# What tells only that something else failed, as builds' and pip's own lines do.
ECHO = re.compile(r"^error: (?:command|subprocess-exited)\b", re.IGNORECASE)


_listeners: list[Callable[[str], None]] = []


@contextlib.contextmanager
def told(say: Callable[[str], None]) -> Iterator[None]:
    """Have each command, and the file with its output, said before it runs."""
    _listeners.append(say)
    try:
        yield
    finally:
        _listeners.remove(say)


def run_step(
    command: Sequence[str], *, directory: Path, log: Path, variables: Mapping[str, str], what: str
) -> None:
    """Run a command to its end, its output appended to `log`.

    LaunchError if it fails; UnavailableError if a server does not answer, or the disk is full.
    """
    for say in _listeners:
        say(f"$ {shlex.join(command)}  (its output: {log})")
    with log.open("ab") as out:
        out.write(f"$ {shlex.join(command)}\n".encode())
    try:
        code = _run(command, directory, log, variables)
    except OSError as exc:
        raise LaunchError(f"{what}: {exc}", f"the output is in {log}") from exc
    if code:
        told = _telling_lines(log)
        text = f"{what}: `{shlex.join(command)[:120]}` ended with {code}: {told}"
        if SILENT.search(told):
            raise UnavailableError(text, f"check the network; the whole output is in {log}")
        if FULL.search(told):
            raise UnavailableError(text, f"make room on the disk; the whole output is in {log}")
        raise LaunchError(text, f"the whole output is in {log}")


def _run(command: Sequence[str], directory: Path, log: Path, variables: Mapping[str, str]) -> int:
    """Return the exit code; ended or cut short, it leaves nothing behind that the command started.

    In a session of its own, and ended with mrbench, as trainings are.
    """
    order = {
        "argv": tuple(map(str, command)),
        "directory": str(directory.absolute()),
        "variables": {**for_steps(), **variables},
        "terminal": False,
        "wall_clock_limit_s": LIMIT_S,
        "stall_limit_s": LIMIT_S,
        "grace_s": GRACE_S,
        "appends": True,
        "log": str(log.absolute()),
        "stamps": os.devnull,
        "exit": "",
    }
    shim = shim_process.Shim()
    run = Contained(shim, shim.hand_over(()))
    with run.carrying_out(order, GRACE_S) as start:
        if start.failed:
            at = directory if start.failed == "directory" else command[0]
            raise OSError(start.errno, os.strerror(start.errno), str(at))
        while not run.ended(WAKE_S):
            pass
    end = run.exit()
    if end.reason == "timed_out":
        raise OSError(errno.ETIME, f"not done within {LIMIT_S} s", command[0])
    if end.code is None or end.message:
        raise OSError(errno.EIO, end.message or "ended from outside", command[0])
    return end.code


def _telling_lines(log: Path) -> str:
    """Return the output's first line that tells the cause and what follows, else its last line."""
    with log.open("rb") as stream:
        stream.seek(max(0, log.stat().st_size - TAIL_BYTES))
        text = stream.read().decode("utf-8", "replace").rpartition("\n$ ")[2]
    lines = [line.strip() for line in text.splitlines()[1:] if line.strip()]
    errors = [i for i, line in enumerate(lines) if ERROR.search(line)]
    causes = [i for i in errors if not ECHO.match(lines[i])]
    fatal = [i for i in causes if "fatal error:" in lines[i]]  # a compiler's, which then ends
    first = next(iter(fatal or causes or errors), len(lines) - 1)
    return "; ".join(lines[max(first, 0) :])[:QUOTED] or "no output"


def beside(python: Path) -> dict[str, str]:
    """Return the variables with which an interpreter's own programs are found first."""
    if (python.parent.parent / "pyvenv.cfg").is_file():
        return activated(python.parent.parent)
    path = os.environ.get("PATH", "")
    known = str(python.parent) in path.split(os.pathsep)
    return {} if known else {"PATH": f"{python.parent}{os.pathsep}{path}"}


def activated(venv: Path) -> dict[str, str]:
    """Return the variables that put an environment first on PATH and keep others' modules out."""
    return {
        "PATH": f"{venv / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}",
        "VIRTUAL_ENV": str(venv),
        "PYTHONPATH": "",
        "PYTHONHOME": "",
        "UV_PYTHON_DOWNLOADS": "never",
    }
