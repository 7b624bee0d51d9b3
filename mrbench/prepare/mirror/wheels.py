"""The files that locked environments and packages as sources are made from: found by uv.

The lock is resolved once more for the environment's Python, without dependencies (see index.py).
That asks the indexes that the environment names, and those that the user's uv is set to.
"""

import hashlib
import json
import re
from collections.abc import Container, Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from mrbench.errors import MrbenchError, UnavailableError
from mrbench.model.inputs import OWN_PYTHON, Environment, Source
from mrbench.prepare import index
from mrbench.prepare.environment.install import options_for, variables_for
from mrbench.prepare.index import Candidates, File, Say, ask, find_file
from mrbench.prepare.mirror.base import WHEELS, wheels_folder
from mrbench.prepare.mirror.manifest import Missing
from mrbench.recipe import lockfile

EXACT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9.!+_-]+")
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def find(
    env: Environment, lock: bytes | None, mirror: str | None, leave_out: Sequence[str] = ()
) -> tuple[list[File], list[Missing]]:
    """Find the files of an environment: those of its lock, and what it names beside the lock.

    Beside it are `supplied`, and what a build step that says `install` names as NAME==VERSION:
    pip gets that by itself. leave_out: names of packages that are not wanted; a * stands for any
    text.
    """
    if env.kind == "current":
        return [], []
    if env.kind == "image":
        return [], [Missing("image", "a mirror holds no images; copy it with your image tool")]
    files: list[File] = []
    missing: list[Missing] = []
    if lock is None and (env.requirements or env.build_requirements):
        missing.append(Missing("packages", "the recipe has no lock; make one with `mrbench lock`"))
    locked = lockfile.blocks(lock or b"")
    locked = {n: block for n, block in locked.items() if not is_left_out(n, leave_out)}
    available, lacking = _find(env, list(locked.values()), mirror)
    missing += lacking
    beside = dict.fromkeys((*env.supplied, *named_in_steps(env)))
    for word in (w for w in beside if not is_left_out(lockfile.normalized(w), leave_out)):
        more, lacking = _find(env, [word], mirror)
        available |= {name: some for name, some in more.items() if name not in locked}
        supplied = "; set UV_FIND_LINKS to the folder that has it" if word in env.supplied else ""
        missing += [Missing(item.what, item.why + supplied) for item in lacking]
    for name, candidates in available.items():
        chosen = choose(candidates, set(HASH.findall(locked.get(name, ""))))
        files += chosen
        if not chosen:
            missing.append(Missing(name, "no file on the index has one of the lock's hashes"))
    return files, missing


def is_left_out(name: str, patterns: Iterable[str]) -> bool:
    """Tell whether a package, by its normalized name, is one that shall not be in a mirror."""
    return any(fnmatchcase(name, re.sub(r"[-_.]+", "-", each).lower()) for each in patterns)


def find_packages(
    sources: Iterable[Source], mirror: str | None
) -> tuple[list[File], list[Missing]]:
    """Find the files of the sources that are packages of an index."""
    found, missing = [], []
    for source in sources:
        if source.package:
            try:
                file = find_file(source.package, str(source.sha256), wheels_folder(mirror))
                found.append(file)
            except UnavailableError as exc:
                missing.append(Missing(source.package, exc.text))
    return found, missing


def not_among(held: Container[str], sources: Iterable[Source]) -> list[str]:
    """Return the packages of which no file has the pinned SHA-256."""
    return [s.package for s in sources if s.package and s.sha256 not in held]


def inputs_sha256(env: Environment, lock: bytes | None) -> str:
    """Name what the files of an environment follow from: where it differs, others are needed."""
    own = hashlib.sha256(lock or b"").hexdigest()
    inputs = [env.kind, env.python, own, env.supplied, list(named_in_steps(env))]
    if env.index or env.find_links:
        inputs += [env.index, env.find_links]
    return hashlib.sha256(json.dumps(inputs).encode()).hexdigest()


def named_in_steps(env: Environment) -> Iterable[str]:
    """Return the NAME==VERSION words of build steps that install."""
    for step in env.build:
        if "install" in step:
            yield from (word for word in step if EXACT.fullmatch(word))


def _find(
    env: Environment, requirements: list[str], mirror: str | None
) -> tuple[Candidates, list[Missing]]:
    """Ask uv for all at once; if that fails, ask for each alone to name the missing ones."""
    if not requirements:
        return {}, []
    try:
        return _ask(env, requirements, mirror), []
    except UnavailableError as exc:
        if len(requirements) == 1:
            what = re.split(r"[\s;\\]", requirements[0], maxsplit=1)[0]
            return {}, [Missing(what, str(exc))]
    available: Candidates = {}
    missing = []
    for requirement in requirements:
        some, lacking = _find(env, [requirement], mirror)
        available |= some
        missing += lacking
    return available, missing


def _ask(env: Environment, requirements: list[str], mirror: str | None) -> Candidates:
    wheels = wheels_folder(mirror)
    python = env.python or OWN_PYTHON
    return ask(requirements, python, options_for(wheels), variables_for(env, wheels))


def fetch(
    folder: Path, files: Iterable[tuple[str, File]], say: Say
) -> tuple[list[str], list[Missing]]:
    """Get files into a mirror, each announced by the words before it.

    Returns their paths in the mirror, and what could not be had.
    """
    paths, missing = [], []
    for words, item in files:
        say(f"{words}: {item.name}")
        try:
            index.fetch(item.url, item.sha256, folder / WHEELS / item.name)
            paths.append(f"{WHEELS}/{item.name}")
        except MrbenchError as exc:
            missing.append(Missing(item.name, str(exc)))
    return paths, missing


def choose(candidates: list[File], hashes: set[str]) -> list[File]:
    """Return the wheels, else the sdist, without doubles; only what has one of the hashes, if any.

    Mostly it is one wheel. Where there are more, the training machine's pip picks.
    """
    fit = {file.name: file for file in reversed(candidates) if not hashes or file.sha256 in hashes}
    wheels = [file for name, file in fit.items() if name.endswith(".whl")]
    return wheels or list(fit.values())[:1]
