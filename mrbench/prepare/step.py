"""One step of making something: a command whose output is kept, and quoted when it fails."""

import os
import re
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from mrbench.errors import LaunchError

LIMIT_S = 3600
TAIL_BYTES = 65536
QUOTED = 400
ERROR = re.compile(r"(?:^|[\s:])(?:fatal )?error:|^\w+(?:Error|Exception)\b", re.IGNORECASE)
# What tells only that something else failed, as builds' and pip's own lines do.
ECHO = re.compile(r"^error: (?:command|subprocess-exited)\b", re.IGNORECASE)


def run_step(
    command: Sequence[str], *, directory: Path, log: Path, variables: Mapping[str, str], what: str
) -> None:
    """Run a command to its end, its output appended to `log`; LaunchError if it fails."""
    with log.open("ab") as out:
        out.write(f"$ {shlex.join(command)}\n".encode())
        out.flush()
        try:
            done = subprocess.run(
                command,
                cwd=directory,
                env={**os.environ, **variables},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                timeout=LIMIT_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as exc:
            raise LaunchError(f"{what}: {exc}", f"the output is in {log}") from exc
    if done.returncode:
        raise LaunchError(
            f"{what}: `{shlex.join(command)[:120]}` ended with {done.returncode}:"
            f" {_telling_lines(log)}",
            f"the whole output is in {log}",
        )


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


def activated(venv: Path) -> dict[str, str]:
    """Return the variables that put an environment first on PATH and keep others' modules out."""
    return {
        "PATH": f"{venv / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}",
        "VIRTUAL_ENV": str(venv),
        "PYTHONPATH": "",
        "PYTHONHOME": "",
        "UV_PYTHON_DOWNLOADS": "never",
    }
