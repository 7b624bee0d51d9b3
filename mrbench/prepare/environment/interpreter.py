"""Interpreters to make environments from: where one of a version is, and what exactly it is."""

import contextlib
import functools
import os
import platform
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from mrbench.errors import UnavailableError
from mrbench.model.finding import Problem
from mrbench.model.inputs import OWN_PYTHON, Environment
from mrbench.prepare.inherited import for_steps

LIMIT_S = 60
MOST_BYTES = 1 << 16  # of an answer
_ASK = (
    "import sys, platform; print(sys.executable); print('%d.%d' % sys.version_info[:2]);"
    "print(' '.join((platform.python_implementation() + ' ' + sys.version).split()))"
)


def uv() -> str:
    """Return the path of the uv program that comes with mrbench."""
    from uv import find_uv_bin  # noqa: PLC0415 - 1 ms, and most runs make nothing

    return find_uv_bin()


def base_python(env: Environment) -> Path:
    """Return the interpreter to make it from; UnavailableError tells how to get one."""
    base = find_interpreter(env.python)
    if base is None:
        lacking = no_interpreter(str(env.python))
        raise UnavailableError(lacking.text, lacking.remedy)
    return base


def no_interpreter(version: str) -> Problem:
    """Say that there is no such interpreter, and how to get it."""
    return Problem(
        f"no Python {version} on PATH, with pyenv or with uv",
        f"`uv python install {version}` or `pyenv install {version}` gets one",
    )


@functools.cache
def find_interpreter(version: str | None) -> Path | None:
    """Return an interpreter of `version` (as "3.7"); None asks for mrbench's own."""
    if version in (None, OWN_PYTHON):
        return Path(sys.executable)
    for candidate in _candidates(version):
        with contextlib.suppress(UnavailableError):
            answer = _ask(candidate)
            if answer and answer[1] == version:
                return Path(answer[0])
    return None


def describe(python: Path) -> str | None:
    """Return implementation, version and build of an interpreter; None where it does not run.

    UnavailableError where it runs without an end.
    """
    try:
        own = python.resolve() == Path(sys.executable).resolve()
    except OSError:
        return None
    if own:
        return mine()
    answer = _ask(python)
    return answer[2] if answer else None


def mine() -> str:
    """Return the same of the interpreter that runs mrbench."""
    return " ".join(f"{platform.python_implementation()} {sys.version}".split())


def _candidates(version: str) -> Iterator[Path]:
    named = shutil.which(f"python{version}")
    if named:
        yield Path(named)
    roots = [os.environ.get("PYENV_ROOT"), str(Path.home() / ".pyenv")]
    for base in roots:
        if base:
            yield from sorted(Path(base).glob(f"versions/{version}.*/bin/python"), reverse=True)
    command = [uv(), "python", "find", "--no-python-downloads", version]
    done = subprocess.run(
        command, env=for_steps(), capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    if done.returncode == 0:
        yield Path(done.stdout.strip())


@functools.cache
def _ask(python: Path) -> tuple[str, str, str] | None:
    """Ask the interpreter itself: a pyenv shim answers for whatever version is selected.

    None: it is none. UnavailableError where it does not end. Whatever it may be, it is waited for
    and not what it started, which is ended; and it can fill no disk.
    """
    with tempfile.TemporaryFile() as out:
        try:
            process = subprocess.Popen(
                [python, "-I", "-c", _ASK],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError:
            return None
        try:
            with contextlib.suppress(OSError):  # it has ended already
                resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (MOST_BYTES, MOST_BYTES))
            code = process.wait(LIMIT_S)
        except subprocess.TimeoutExpired as exc:
            text = f"{python} does not say within {LIMIT_S} s which Python it is"
            raise UnavailableError(text, "name the interpreter itself, no script") from exc
        finally:
            with contextlib.suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        out.seek(0)
        answer = out.read(MOST_BYTES).decode("utf-8", "replace").splitlines()
    path, version, whole = answer if code == 0 and len(answer) == 3 else ("", "", "")  # noqa: PLR2004 - the lines of _ASK
    return (path, version, whole) if path else None
