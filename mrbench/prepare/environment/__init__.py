"""The interpreter and libraries of a plan: made once, proven, named by the digest of its inputs.

install.py finds a Python and makes one, with uv; lock.py makes lock files.
"""

import hashlib
import json
import os
import shutil
import sys
import time
from pathlib import Path

import msgspec

from mrbench import files, locks
from mrbench.errors import LaunchError
from mrbench.files import home, write_whole
from mrbench.model.finding import Problem
from mrbench.model.inputs import Environment
from mrbench.model.job import BuiltPackage, EnvironmentRequest, UsableEnvironment
from mrbench.model.later import as_ever
from mrbench.prepare.environment import interpreter
from mrbench.prepare.environment.install import make
from mrbench.prepare.environment.installed import require_unchanged
from mrbench.prepare.environment.own import prepare as prepare_own
from mrbench.prepare.inherited import INDEX, building

DONE = "complete.json"
# Says what a machine must have, not what is installed.
NO_INPUTS = ("system", "image", "lock")


class Complete(msgspec.Struct, frozen=True, kw_only=True):
    """complete.json, written last: what was installed, what it was made from, what it took."""

    frozen: tuple[str, ...]
    interpreter: str
    built_with: dict[str, str]
    inputs: Environment
    lock_sha256: str | None
    tree: str
    seconds: float
    size_bytes: int
    built: tuple[BuiltPackage, ...] = ()


def digest(
    env: Environment, tree: str, lock_sha256: str | None = None, python: str | None = None
) -> str:
    """Name the environment after all that decides it; the tree only if something is built.

    python: what interpreter it is made from, as interpreter.describe tells.
    """
    inputs = {
        **{name: value for name, value in as_ever(env).items() if name not in NO_INPUTS},
        "lock_sha256": lock_sha256,
        "own_python": python,
        "machine": os.uname().machine,
        "tree": tree if env.build else None,
    }
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def path(env: Environment, tree: str, lock_sha256: str | None = None) -> Path:
    """Return where that environment stands or will stand."""
    return folder(_name(env, tree, lock_sha256))


def folder(digest: str) -> Path:
    """Return where the environment of that digest stands or will stand."""
    return home() / "envs" / digest[:16]


def problem(env: Environment) -> Problem | None:
    """Say what this machine lacks for the environment, or None."""
    if env.kind == "image":
        return Problem("runs in an image only", "give --executor docker")
    if env.kind == "venv" and interpreter.find_interpreter(env.python) is None:
        return interpreter.no_interpreter(str(env.python))
    return None


def prepare(request: EnvironmentRequest) -> UsableEnvironment:
    """Make the environment, or find it made; the template is the checkout with what was built."""
    if request.own or request.python:
        return prepare_own(request)
    env, checkout, tree, lock = request.env, request.checkout, request.tree, request.lock
    lock_sha256 = None if lock is None else hashlib.sha256(lock).hexdigest()
    name = _name(env, tree, lock_sha256)
    if env.kind == "current":
        return UsableEnvironment(
            python=Path(sys.executable),
            template=checkout,
            digest=name,
            frozen=(),
            reused=True,
            interpreter=interpreter.mine(),
        )
    place = folder(name)
    files.mark_used(place)
    ready = _lookup(env, place, checkout, name)
    if ready:
        return ready
    place.parent.mkdir(parents=True, exist_ok=True)
    with locks.hold(place.with_suffix(".lock"), f"the environment {place.name}", request.progress):
        ready = _lookup(env, place, checkout, name)  # another process may have made it meanwhile
        if ready:
            return ready
        shutil.rmtree(place, ignore_errors=True)
        began = time.monotonic()
        frozen, built = make(request, place)
        complete = Complete(
            frozen=tuple(frozen),
            interpreter=str(interpreter.describe(place / "venv" / "bin" / "python")),
            built_with=_built_with(env),
            built=tuple(built),
            inputs=env,
            lock_sha256=lock_sha256,
            tree=tree,
            seconds=round(time.monotonic() - began, 1),
            size_bytes=_size_bytes(place),
        )
        write_whole(place / DONE, json.dumps(as_ever(complete), indent=1).encode())
    ready = _lookup(env, place, checkout, name)
    if ready is None:
        raise LaunchError("vanished while it was made", "run again", file=place)
    return msgspec.structs.replace(ready, reused=False)


def require_as_made(ready: UsableEnvironment) -> None:
    """Refuse an environment that was changed since it was made; LaunchError tells what to do.

    For where it was made on another machine of the same file system.
    """
    place = ready.python.parent.parent.parent
    if ready.image is None and (place / DONE).exists():
        found = interpreter.describe(ready.python)
        if found != ready.interpreter:
            text = f"{ready.python} is {found or 'no interpreter'} here, not {ready.interpreter}"
            raise LaunchError(text, "keep the interpreter where all nodes see it")
        require_unchanged(place)


def installed() -> list[str]:
    """Return what is installed beside mrbench itself: the frozen list of kind `current`.

    Without PYTHONPATH's packages, which the training does not see.
    """
    from importlib import metadata  # noqa: PLC0415 - looked at while the training runs

    named = {str(Path(p).absolute()) for p in os.environ.get("PYTHONPATH", "").split(os.pathsep)}
    seen = [path for path in sys.path if path not in named]
    packages = {f"{d.name}=={d.version}" for d in metadata.distributions(path=seen)}
    return sorted(packages, key=str.lower)


def _lookup(env: Environment, place: Path, checkout: Path, name: str) -> UsableEnvironment | None:
    complete = files.cached(place / DONE, Complete)
    python = place / "venv" / "bin" / "python"
    if complete is None or interpreter.describe(python) != complete.interpreter:
        return None  # its base interpreter was removed, or is another by now
    require_unchanged(place)
    return UsableEnvironment(
        python=python,
        template=place / "src" if env.build else checkout,
        digest=name,
        frozen=complete.frozen,
        reused=True,
        interpreter=complete.interpreter,
        built_with=complete.built_with or None,
        built=complete.built,
        made_in_s=complete.seconds,
        size_bytes=complete.size_bytes,
    )


def _name(env: Environment, tree: str, lock_sha256: str | None) -> str:
    """Return the digest of an environment of this machine.

    Without a lock the index decides, too, and where something is built, the compilers' variables.
    """
    mine = env.kind == "current"
    base = Path(sys.executable) if mine else interpreter.find_interpreter(env.python)
    words = [interpreter.describe(base) if base else None]
    if lock_sha256 is None and INDEX in os.environ:
        words.append(os.environ[INDEX])
    words += [f"{name}={value}" for name, value in _built_with(env).items()]
    return digest(env, tree, lock_sha256, "\n".join(map(str, words)))


def _built_with(env: Environment) -> dict[str, str]:
    return building() if env.build or env.packages else {}


def _size_bytes(place: Path) -> int:
    """Add up the files; those that uv links from its cache count too."""
    return sum(p.lstat().st_size for p in place.rglob("*") if not p.is_dir())
