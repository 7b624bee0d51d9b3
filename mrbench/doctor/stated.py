"""What `environment.system` states, as far as its words can be held against a machine.

It is prose for people; these patterns know the phrases that the recipes carried by mrbench use.
An item that says `no`, `not` or `without` asks for nothing.
"""

import re
from collections.abc import Container, Iterator, Sequence

from mrbench.model.inputs import Environment

PROGRAMS = ("gcc", "g++", "make", "cmake", "nvcc", "mpirun", "mpicxx")
# Debian's package -> the library that it brings
LIBRARIES = {
    "libgl1": "libGL.so.1",
    "libglib2.0-0": "libglib-2.0.so.0",
    "libsm6": "libSM.so.6",
    "libxext6": "libXext.so.6",
    "libxrender1": "libXrender.so.1",
}
_WORD = re.compile(r"[A-Za-z][\w.+-]*")
_NOT = re.compile(r"\b(no|not|without)\b", re.IGNORECASE)
_NUMBER = r"(\d+(?:\.\d+)*)"


def programs(env: Environment) -> Sequence[str]:
    """Return the programs that must be there to make it."""
    return _named(env, PROGRAMS)


def libraries(env: Environment) -> Sequence[str]:
    """Return the packages of shared libraries."""
    return _named(env, LIBRARIES)


def driver(env: Environment) -> str | None:
    """Return the oldest NVIDIA driver that will do, as "418.39"."""
    return next((m[1] for m in _search(env, rf"NVIDIA driver {_NUMBER} or later")), None)


def capabilities(env: Environment) -> tuple[str, str] | None:
    """Return the lowest and the highest compute capability that it serves."""
    pattern = rf"compute capability {_NUMBER} to {_NUMBER}"
    return next(((m[1], m[2]) for m in _search(env, pattern)), None)


def compilers(env: Environment) -> tuple[str, str] | None:
    """Return the oldest and the newest g++ that will do."""
    return next(((m[1], m[2]) for m in _search(env, rf"g\+\+ {_NUMBER} to {_NUMBER}")), None)


def toolkit(env: Environment) -> str | None:
    """Return the CUDA toolkit's version that nvcc must have, as "10.1"."""
    return next((m[1] for m in _search(env, rf"CUDA toolkit {_NUMBER} with nvcc")), None)


def open_files(env: Environment) -> int | None:
    """Return the least number of open files that the hard limit must allow."""
    matches = _search(env, r"hard limit of at least (\d+) open files")
    return next((int(m[1]) for m in matches), None)


def version(text: str) -> tuple[int, ...]:
    """Return "418.39" as comparable numbers; anything after them is ignored."""
    match = re.match(r"\d+(?:\.\d+)*", text)
    return tuple(int(part) for part in match[0].split(".")) if match else ()


def within(text: str, lowest: str, highest: str) -> bool:
    """Return whether a version lies in a range; "8" as the highest includes 8.4."""
    end = version(highest)
    return version(lowest) <= version(text) and version(text)[: len(end)] <= end


def _named(env: Environment, known: Container[str]) -> Sequence[str]:
    words = (word for item in _items(env) for word in _WORD.findall(item) if word in known)
    return tuple(dict.fromkeys(words))


def _search(env: Environment, pattern: str) -> Iterator[re.Match[str]]:
    return filter(None, (re.search(pattern, item) for item in _items(env)))


def _items(env: Environment) -> Iterator[str]:
    return (item for item in env.system if not _NOT.search(item))
