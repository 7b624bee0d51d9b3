"""One step of making something: a command whose output is kept, and quoted when it fails."""

import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from mrbench.errors import LaunchError

LIMIT_S = 3600


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
            raise LaunchError(f"{what}: {exc}; the output is in {log}") from exc
    if done.returncode:
        raise LaunchError(
            f"{what}: `{shlex.join(command)[:120]}` ended with {done.returncode}:"
            f" {_last_line(log)}; the whole output is in {log}"
        )


def _last_line(log: Path) -> str:
    with log.open("rb") as stream:
        stream.seek(max(0, log.stat().st_size - 4096))
        lines = stream.read().decode("utf-8", "replace").splitlines()
    return next((line.strip()[:300] for line in reversed(lines) if line.strip()), "no output")


def activated(venv: Path) -> dict[str, str]:
    """Return the variables that put an environment first on PATH and keep others' modules out."""
    return {
        "PATH": f"{venv / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}",
        "VIRTUAL_ENV": str(venv),
        "PYTHONPATH": "",
        "PYTHONHOME": "",
        "UV_PYTHON_DOWNLOADS": "never",
    }
