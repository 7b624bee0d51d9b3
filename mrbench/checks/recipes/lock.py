"""Lock files: made from these requirements, with every one of them and hashes for all."""

import re
from collections.abc import Iterator
from pathlib import Path

from mrbench.checks.recipes.base import Subject, shown
from mrbench.model.finding import Finding
from mrbench.recipe import lockfile

NAME = "lock"
PIN = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?\s*==\s*([^\s;\\]+)")
HASH = re.compile(r"--hash=(\S+)")
GOOD_HASH = re.compile(r"sha256:[0-9a-f]{64}")


def check_lock(subject: Subject) -> Iterator[Finding]:
    """Compare a lock with what the recipe asks for."""
    env = subject.file.recipe.environment
    if env.kind != "venv":
        yield subject.ok(NAME, f"none: the environment is of kind {env.kind}")
        return
    if subject.file.lock is None:
        text = "there is none, so that versions of packages can move"
        remedy = f"add `lock: {subject.file.name}.lock`, and run `mrbench lock`"
        yield subject.lacking(NAME, text, remedy, "environment")
        return
    lock = subject.file.lock
    problem = lockfile.problem(env, lock)
    if problem:
        text = f"{env.lock} {problem.text}"
        yield subject.finding(NAME, text, problem.remedy, "environment.lock")
        return
    yield _contents(subject, lock)


def _contents(subject: Subject, lock: bytes) -> Finding:
    env, text = subject.file.recipe.environment, lock.decode("utf-8", "replace")
    pinned = {(lockfile.normalized(name), _version(version)) for name, version in PIN.findall(text)}
    blocks = lockfile.blocks(lock)
    for requirement in (*env.requirements, *env.build_requirements):
        pin = PIN.match(requirement)
        exact = (lockfile.normalized(pin[1]), _version(pin[2])) if pin else None
        if exact not in pinned if exact else lockfile.normalized(requirement) not in blocks:
            lack = f"{env.lock} has no {requirement}, which the recipe asks for"
            return _wrong(subject, lack, _line(text, requirement))
    hashes = [(match[1], match.start()) for match in HASH.finditer(text)]
    bad = next((start for value, start in hashes if not GOOD_HASH.fullmatch(value)), None)
    if bad is not None:
        line = text.count("\n", 0, bad) + 1
        return _wrong(subject, f"{env.lock} has a hash that is no SHA-256", line)
    contents = f"{len(blocks)} packages, {len(hashes)} hashes, made from these requirements"
    return subject.ok(NAME, contents, packages=len(blocks), hashes=len(hashes))


def _wrong(subject: Subject, text: str, line: int) -> Finding:
    place = Path(subject.file.place.file).parent / str(subject.file.recipe.environment.lock)
    return Finding(
        topic=NAME,
        subject=subject.name,
        outcome="failed",
        text=text,
        remedy=lockfile.REMEDY,
        file=shown(place),
        line=line,
    )


def _line(text: str, requirement: str) -> int:
    """Return the line where the lock has that package, or the first."""
    for number, line in enumerate(text.splitlines(), start=1):
        if PIN.match(line) and lockfile.normalized(line) == lockfile.normalized(requirement):
            return number
    return 1


def _version(text: str) -> str:
    """Return a version as it compares: 1.0 and 1.0.0 are the same."""
    return re.sub(r"(?:\.0)+$", "", text.lower())
