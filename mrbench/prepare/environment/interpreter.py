"""Find a Python interpreter of a wanted version: on PATH, by pyenv, by uv."""

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from mrbench.model.finding import Problem

_PROBE = "import sys; print(sys.executable); print('%d.%d' % sys.version_info[:2])"


@functools.cache
def find(version: str | None) -> Path | None:
    """Return an interpreter of `version` (as "3.7"); None asks for mrbench's own."""
    if version is None or version == f"{sys.version_info[0]}.{sys.version_info[1]}":
        return Path(sys.executable)
    for candidate in _candidates(version):
        found = _probe(candidate, version)
        if found:
            return found
    return None


def lacking(version: str) -> Problem:
    """Say that there is no such interpreter, and how to get it."""
    return Problem(
        f"no Python {version} on PATH, with pyenv or with uv",
        f"`uv python install {version}` or `pyenv install {version}` gets one",
    )


def _candidates(version: str) -> Iterator[Path]:
    named = shutil.which(f"python{version}")
    if named:
        yield Path(named)
    roots = [os.environ.get("PYENV_ROOT"), str(Path.home() / ".pyenv")]
    for base in roots:
        if base:
            yield from sorted(Path(base).glob(f"versions/{version}.*/bin/python"), reverse=True)
    from uv import find_uv_bin  # noqa: PLC0415 - only when the quick places had none

    command = [find_uv_bin(), "python", "find", "--no-python-downloads", version]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode == 0:
        yield Path(done.stdout.strip())


def _probe(candidate: Path, version: str) -> Path | None:
    """Ask the candidate itself: a pyenv shim answers for whatever version is selected."""
    try:
        done = subprocess.run(
            [candidate, "-I", "-c", _PROBE],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    answer = done.stdout.splitlines()
    return Path(answer[0]) if done.returncode == 0 and answer[1:] == [version] else None
