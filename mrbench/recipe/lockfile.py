"""Lock files: every package with its version and the hashes of its files, one per environment.

The text is what `uv pip compile --generate-hashes` writes, of pip's requirements format no more
than names, versions and hashes: options, URLs and other files would be asked and opened by uv.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from typing import NamedTuple

from mrbench.model.inputs import Environment

HEADER = "# inputs:"
CONTENT = "content:"
REMEDY = "make it again with `mrbench lock`"
_NAME = r"([A-Za-z0-9][A-Za-z0-9._-]*)"
PIN = re.compile(_NAME + r"(?:\[[^\]]*\])?\s*==\s*([^\s;\\,]+)")
_HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}(?=\s|$)")
_LINE = re.compile(PIN.pattern + r"(?:\s*;[^#\\]*?)?(?:\s+--hash=sha256:[0-9a-f]{64})+\s*")


class Fault(NamedTuple):
    """What is wrong with a lock, and in which of its lines, from 1; None: with all of it."""

    text: str
    line: int | None = None
    remedy: str = REMEDY


class Pinned(NamedTuple):
    """A package of a lock: normalized name, version, the line where it stands, from 1."""

    name: str
    version: str
    line: int


def inputs_digest(env: Environment) -> str:
    """Return the digest of a lock's inputs; a lock with another digest is out of date."""
    inputs: list[object] = [env.python, env.requirements, env.build_requirements]
    if env.index or env.find_links:
        inputs += [env.index, env.find_links]
    if env.no_deps:
        inputs.append({"no_deps": env.no_deps})
    return hashlib.sha256(json.dumps(inputs).encode()).hexdigest()[:16]


def sealed(lock: bytes) -> bytes:
    """Return a lock with the digest of its packages in its header."""
    added = rb"\1 content: " + _content_digest(lock).encode()
    return re.sub(rb"^(# inputs:(?: \w+)+)$", added, lock, flags=re.MULTILINE)


def fault(env: Environment, lock: bytes) -> Fault | None:
    """Return what is wrong with a lock for this environment, or None.

    Whether a package in it is needed is known to an index alone; that somebody added it by hand is
    found where `mrbench lock` wrote a digest of the packages.
    """
    text = lock.decode("utf-8", "replace")
    header = next((line for line in text.splitlines() if line.startswith(HEADER)), "")
    inputs, seal, content = header.removeprefix(HEADER).partition(f" {CONTENT}")
    if inputs_digest(env) not in inputs.split():  # several recipes may share it
        return Fault("was not made from these requirements")
    for number, line in _logical(text):
        if not _LINE.fullmatch(line):
            return _bad(line, number, text)
    packages = list(pins(lock))
    for requirement in (*env.requirements, *env.build_requirements):
        alike = [p for p in packages if p.name == normalized(requirement)]
        exact = PIN.match(requirement)
        if not alike or (exact and not any(meets(p.version, exact[2]) for p in alike)):
            lack = f"has no {requirement}, which the recipe asks for"
            return Fault(lack, alike[0].line if alike else 1)
    if seal and content.strip() != _content_digest(lock):
        return Fault("was changed since `mrbench lock` wrote it")
    return None


def is_sealed(lock: bytes) -> bool:
    """Tell whether `mrbench lock` wrote a digest of the packages into it: it does since 0.3."""
    return re.search(rb"^# inputs:.* content:", lock, re.MULTILINE) is not None


def pins(lock: bytes) -> Iterator[Pinned]:
    """Yield the packages of a lock."""
    for number, line in _logical(lock.decode("utf-8", "replace")):
        match = PIN.match(line)
        if match:
            yield Pinned(normalized(match[1]), match[2], number)


def sound_lines(lock: bytes) -> str:
    """Return what a lock may hold, each package in one line."""
    lines = (line for _, line in _logical(lock.decode("utf-8", "replace")))
    return "".join(f"{line}\n" for line in lines if _LINE.fullmatch(line))


def blocks(lock: bytes) -> dict[str, str]:
    """Split a lock: normalized package name -> its lines, in the file's order."""
    by_name: dict[str, str] = {}
    text = re.sub(r"^#.*\n?", "", lock.decode("utf-8", "replace"), flags=re.MULTILINE)
    for block in re.split(r"\n(?=\S)", text.strip()):
        if block:
            name = normalized(block)
            by_name[name] = f"{by_name[name]}\n{block}" if name in by_name else block
    return by_name


def subset(lock: bytes, requirements: tuple[str, ...]) -> str:
    """Return the lines of those requirements only."""
    names = {normalized(text) for text in requirements}
    return "".join(f"{block}\n" for name, block in blocks(lock).items() if name in names)


def normalized(requirement: str) -> str:
    """Return the name that a requirement begins with, as indexes spell it."""
    name = re.match(_NAME, requirement.strip())
    return re.sub(r"[-_.]+", "-", name.group() if name else requirement).lower()


def same(one: str, other: str) -> bool:
    """Tell whether two versions compare as equal, as 1.0 and 1.0.0 do."""
    return _plain(one) == _plain(other)


def meets(version: str, pinned: str) -> bool:
    """Tell whether a version is the one that `==pinned` asks for: 2.4+cpu is 2.4 (PEP 440)."""
    return same(version if "+" in pinned else version.partition("+")[0], pinned)


def _plain(version: str) -> str:
    return re.sub(r"(?:\.0)+$", "", version.lower())


def _logical(text: str) -> Iterator[tuple[int, str]]:
    """Yield what stands in lines that are joined by backslashes, each with its first line's number.

    Comments are left out.
    """
    first, parts = 0, list[str]()
    for number, line in enumerate(text.splitlines(), start=1):
        if line.lstrip().startswith("#") or not (line.strip() or parts):
            continue
        first = first if parts else number
        parts.append(line.removesuffix("\\").rstrip())
        if not line.endswith("\\"):
            yield first, " ".join(parts)
            parts = []
    if parts:
        yield first, " ".join(parts)


def _bad(line: str, number: int, text: str) -> Fault:
    """Say what is wrong with a line that is no pinned package with hashes."""
    if PIN.match(line) and "@" not in line:
        if "--hash=" not in line:
            return Fault(f"has no hash for {normalized(line)}", number)
        for at, part in enumerate(text.splitlines()[number - 1 :], start=number):
            if "--hash=" in _HASH.sub("", part):
                return Fault("has a hash that is no SHA-256", at)
    word = line.partition(" --hash")[0][:80]
    return Fault(f"may hold nothing but NAME==VERSION with hashes, not {word!r}", number)


def _content_digest(lock: bytes) -> str:
    lines = [line for _, line in _logical(lock.decode("utf-8", "replace"))]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
