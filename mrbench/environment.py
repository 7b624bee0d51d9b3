"""The interpreter and libraries of a plan: made once, proven, named by the digest of its inputs."""

import contextlib
import dataclasses
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from mrbench import interpreter
from mrbench.errors import LaunchError, UnavailableError
from mrbench.home import home, write_whole
from mrbench.model import Environment
from mrbench.steps import activated, run_step
from mrbench.wording import fill

DONE = "complete.json"


@dataclasses.dataclass(frozen=True)
class Ready:
    """A usable environment: its interpreter, the source to run from, and its frozen list."""

    python: Path
    template: Path
    digest: str
    frozen: tuple[str, ...]
    reused: bool


def digest(env: Environment, tree: str) -> str:
    """Name the environment after all that decides it; the tree only if something is built."""
    inputs = {
        **dataclasses.asdict(env),
        "own_python": None if env.python else sys.version,
        "machine": os.uname().machine,
        "tree": tree if env.build else None,
    }
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def path(env: Environment, tree: str) -> Path:
    """Return where that environment stands or will stand."""
    return home() / "envs" / digest(env, tree)[:16]


def problem(env: Environment) -> str | None:
    """Say what this machine lacks for the environment, or None."""
    if env.kind == "image":
        return "runs in an image only; this mrbench has no executor for images yet"
    if env.kind == "venv" and interpreter.find(env.python) is None:
        return interpreter.remedy(str(env.python))
    return None


def prepare(env: Environment, checkout: Path, tree: str, progress: Callable[[str], None]) -> Ready:
    """Make the environment, or find it made; the template is the checkout with what was built."""
    if env.kind == "current":
        return Ready(Path(sys.executable), checkout, digest(env, tree), (), reused=True)
    place = path(env, tree)
    ready = _lookup(env, place, checkout, tree)
    if ready:
        return ready
    with _locked(place):
        ready = _lookup(env, place, checkout, tree)  # another process may have made it meanwhile
        if ready:
            return ready
        shutil.rmtree(place, ignore_errors=True)
        frozen = _make(env, place, checkout, progress)
        made = {"frozen": frozen, "inputs": dataclasses.asdict(env), "tree": tree}
        write_whole(place / DONE, json.dumps(made, indent=1).encode())
    ready = _lookup(env, place, checkout, tree)
    if ready is None:
        raise LaunchError(f"{place}: vanished while it was made; run again")
    return dataclasses.replace(ready, reused=False)


def _lookup(env: Environment, place: Path, checkout: Path, tree: str) -> Ready | None:
    try:
        made: dict[str, Any] = json.loads((place / DONE).read_bytes())
    except (OSError, ValueError):
        return None
    python = place / "venv" / "bin" / "python"
    if not python.exists():  # its base interpreter was removed
        return None
    template = place / "src" if env.build else checkout
    return Ready(python, template, digest(env, tree), tuple(made["frozen"]), reused=True)


def _make(
    env: Environment, place: Path, checkout: Path, progress: Callable[[str], None]
) -> list[str]:
    from uv import find_uv_bin  # noqa: PLC0415 - only when something is to be made

    base = interpreter.find(env.python)
    if base is None:
        raise UnavailableError(interpreter.remedy(str(env.python)))
    place.mkdir(parents=True)
    venv = place / "venv"
    python = venv / "bin" / "python"
    uv = find_uv_bin()

    def step(command: list[str], directory: Path) -> None:
        log = place.with_suffix(".log")  # beside, so that it outlives a failed attempt
        variables = {**activated(venv), "PYTHONPATH": str(directory)}
        run_step(command, directory=directory, log=log, variables=variables, what="environment")

    progress("making the virtual environment")
    step([uv, "venv", "--quiet", "--python", str(base), str(venv)], place)
    install = [uv, "pip", "install", "--python", str(python)]
    if env.build_requirements:
        progress(f"installing {len(env.build_requirements)} build requirements")
        step([*install, *env.build_requirements], place)
        install.append("--no-build-isolation")
    if env.requirements:
        progress(f"installing {len(env.requirements)} requirements")
        step([*install, *env.requirements], place)
    source = checkout
    if env.build:
        source = place / "src"
        shutil.copytree(checkout, source, symlinks=True)
    for command in env.build:
        progress(f"building: {' '.join(command)}")
        values = {"python": str(python), "checkout": str(source)}
        step([fill(word, values) for word in command], source)
    if env.probe:
        progress(f"probing: import {', '.join(env.probe)}")
        step([str(python), "-c", f"import {', '.join(env.probe)}"], source)
    freeze = subprocess.run(
        [uv, "pip", "freeze", "--python", str(python)], capture_output=True, text=True, check=True
    )
    return freeze.stdout.splitlines()


@contextlib.contextmanager
def _locked(place: Path) -> Iterator[None]:
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.with_suffix(".lock").open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
