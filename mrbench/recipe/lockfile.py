"""Lock files: every package with its version and the hashes of its files, one per environment.

The text is what `uv pip compile --generate-hashes` writes: pip's requirements format.
"""

import hashlib
import json
import re

from mrbench.model.finding import Problem
from mrbench.model.inputs import Environment

HEADER = "# inputs:"
REMEDY = "make it anew with `mrbench lock`"


def inputs_digest(env: Environment) -> str:
    """Return the digest of a lock's inputs; a lock with another digest is out of date."""
    inputs = [env.python, env.requirements, env.build_requirements]
    return hashlib.sha256(json.dumps(inputs).encode()).hexdigest()[:16]


def problem(env: Environment, lock: bytes) -> Problem | None:
    """Return the problem of a lock, or None."""
    lines = lock.decode("utf-8", "replace").splitlines()
    named = next((line for line in lines if line.startswith(HEADER)), "")
    if named.removeprefix(HEADER).strip() != inputs_digest(env):
        return Problem("was not made from these requirements", REMEDY)
    bare = [name for name, block in blocks(lock).items() if "--hash=" not in block]
    if bare:
        return Problem(f"has no hash for {', '.join(bare)}", REMEDY)
    return None


def blocks(lock: bytes) -> dict[str, str]:
    """Split a lock: normalized package name -> its lines, in the file's order."""
    by_name: dict[str, str] = {}
    text = re.sub(r"^#.*\n?", "", lock.decode("utf-8", "replace"), flags=re.MULTILINE)
    for block in re.split(r"\n(?=\S)", text.strip()):
        if block:
            name = normalized(block)
            by_name[name] = f"{by_name[name]}\n{block}" if name in by_name else block
    return by_name


def versions(lock: bytes) -> dict[str, str]:
    """Return the version of each package, by its normalized name."""
    return {
        name: block.partition("==")[2].partition(" ")[0].partition(";")[0].strip()
        for name, block in blocks(lock).items()
    }


def same(one: str, other: str) -> bool:
    """Tell whether two versions compare as equal, as 1.0 and 1.0.0 do."""
    return _plain(one) == _plain(other)


def _plain(version: str) -> str:
    return re.sub(r"(?:\.0)+$", "", version.lower())


def subset(lock: bytes, requirements: tuple[str, ...]) -> str:
    """Return the lines of those requirements only."""
    names = {normalized(text) for text in requirements}
    return "".join(f"{block}\n" for name, block in blocks(lock).items() if name in names)


def normalized(requirement: str) -> str:
    """Return the name that a requirement begins with, as indexes spell it."""
    name = re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", requirement.strip())
    return re.sub(r"[-_.]+", "-", name.group() if name else requirement).lower()
