"""Lock files: made from these requirements, with every one of them and hashes for all."""

from collections.abc import Iterator
from pathlib import Path

from mrbench.checks.recipes.base import Subject
from mrbench.model.finding import Finding
from mrbench.recipe import load, lockfile

NAME = "lock"


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
    fault = lockfile.fault(env, lock)
    if fault is None:
        packages, hashes = len(list(lockfile.pins(lock))), lock.count(b"--hash=")
        contents = f"{packages} packages, {hashes} hashes, with all that the recipe asks for"
        if env.no_deps:
            whose = "all" if env.no_deps is True else ", ".join(env.no_deps or ())
            contents += f"; without the dependencies of {whose}"
        if not lockfile.is_sealed(lock) and subject.base != load.root():
            contents += "; it has no digest of its own: `mrbench lock` finds what was added to it"
        yield subject.ok(NAME, contents, packages=packages, hashes=hashes)
    elif fault.line is None:
        text = f"{env.lock} {fault.text}"
        yield subject.finding(NAME, text, fault.remedy, "environment.lock")
    else:
        path = Path(subject.file.place.file).parent / str(env.lock)
        text = f"{env.lock} {fault.text}"
        yield subject.in_file(NAME, text, fault.remedy, path, fault.line)
