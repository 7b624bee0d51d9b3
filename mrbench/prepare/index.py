"""Files of Python package indexes: found by uv, with their hashes, and fetched.

uv resolves without dependencies, into a pylock.toml (PEP 751): each package with the wheels that
this machine and a Python accept, and the sdist. Nothing is built or run for that.
"""

import os
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from mrbench import files
from mrbench.errors import UnavailableError
from mrbench.files import in_place_of
from mrbench.model.inputs import Environment
from mrbench.prepare.environment.install import options_for, variables_for
from mrbench.prepare.environment.interpreter import uv
from mrbench.prepare.inherited import for_steps
from mrbench.prepare.weights.digests import file_digest
from mrbench.prepare.weights.download import download
from mrbench.recipe import lockfile
from mrbench.text import shorten, without_secrets

LIMIT_S = 600
ATTEMPTS = 3
MOST_BYTES = 20_000_000_000  # more than any wheel has
LONGEST_NAME = 200  # bytes; wheels' names are shorter, and file systems take 255
SUFFIXES = {".whl", ".gz", ".zip", ".bz2"}
ANY_PYTHON = "3.99"  # a source is unpacked, not run: of wheels only those for any platform are left
UNNAMED = Environment(kind="current")  # names no index: the user's settings decide


class NoSuchFileError(UnavailableError):
    """The index answered, and has no such file: asking again will not help."""


class File(NamedTuple):
    """A wheel or sdist: its name, where it is, and the hash that it must have."""

    name: str
    url: str
    sha256: str


class PylockFile(Struct, frozen=True):
    """A wheel or sdist in a pylock.toml."""

    url: str = ""
    path: str = ""  # of a folder of wheels
    hashes: Mapping[str, str] = {}


class PylockPackage(Struct, frozen=True):
    """A package in a pylock.toml."""

    name: str
    wheels: tuple[PylockFile, ...] = ()
    sdist: PylockFile | None = None


class Pylock(Struct, frozen=True):
    """What is read of a pylock.toml."""

    packages: tuple[PylockPackage, ...] = ()


Say = Callable[[str], None]
Candidates = dict[str, list[File]]  # package name -> its files, the sdist last


def ask(
    requirements: Sequence[str],
    python: str,
    options: Sequence[str],
    variables: Mapping[str, str],
    *,
    dependencies: bool = False,
) -> Candidates:
    """Ask uv for the files of these requirements; UnavailableError if it finds no solution.

    python: the version that wheels are for. options and variables: where uv looks. dependencies:
    whether those of the requirements are wanted, too.
    """
    done = subprocess.run(
        [
            *(uv(), "pip", "compile", "--format", "pylock.toml", "--quiet"),
            *(() if dependencies else ("--no-deps",)),
            *("--no-header", "--python-version", python, "-"),
            # asks about this machine only: the version need not be installed
            *("--python", sys.executable, "--no-python-downloads"),
            *options,
        ],
        input="\n".join(requirements),
        env={**for_steps(), **variables},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    if done.returncode:
        message = " ".join(done.stderr.split()).removeprefix("error: ").rstrip(".")
        raise UnavailableError(message[:300] or "uv failed and said nothing")
    remedy = "install another uv: this one's locks are not read"
    plain = tomllib.loads(done.stdout)
    lock = files.convert(plain, Pylock, "pylock.toml", error=UnavailableError, remedy=remedy)
    return dict(map(_candidates, lock.packages))


def find_file(package: str, sha256: str, wheels: Path | None) -> File:
    """Find the file of a package, NAME==VERSION, that has this hash.

    wheels: a folder to look in, and nowhere else. UnavailableError if there is none, or if nobody
    answers.
    """
    found = ask([package], ANY_PYTHON, options_for(wheels), variables_for(UNNAMED, wheels))
    for item in (file for some in found.values() for file in some):
        if item.sha256 == sha256:
            return item
    where = f"{wheels} has" if wheels else "the package index has"
    text = f"{where} no sdist, and no wheel for any platform, of {package} with SHA-256 {sha256}"
    raise NoSuchFileError(text, "give the SHA-256 of one of them")


def _candidates(package: PylockPackage) -> tuple[str, list[File]]:
    found = []
    for item in (*package.wheels, *filter(None, (package.sdist,))):
        url = item.url or Path(item.path).absolute().as_uri()
        name = unquote(urlsplit(url).path.rpartition("/")[2])
        sha256 = item.hashes.get("sha256")
        if sha256 and PurePosixPath(name).suffix in SUFFIXES:
            found.append(File(name, url, sha256))
    return lockfile.normalized(package.name), found


def fetch(url: str, sha256: str, target: Path) -> None:
    """Download a file unless it exists; UnavailableError if that fails or the digest differs."""
    size = len(os.fsencode(target.name))
    if size > LONGEST_NAME:
        text = f"{shorten(target.name)}: the index gives this file a name of {size} bytes"
        raise UnavailableError(text, "this is no ordinary package")
    scheme = urlsplit(url).scheme
    if scheme not in {"https", "file"}:
        text = f"{without_secrets(url)}: the package index gives its files by {scheme or 'nothing'}"
        raise UnavailableError(text, "name an index by https, as in MRBENCH_INDEX")
    if target.is_file() and file_digest(target, "sha256") == sha256:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with in_place_of(target) as out:
        actual = _patiently(url, out)
        if actual != sha256:
            text = f"{url}: sha256 is {actual}, the index says {sha256}"
            raise UnavailableError(text, "find out who changed it")


def _patiently(url: str, out: IO[bytes]) -> str:
    """Download, again if that fails: the biggest are some hundred megabytes."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return download(url, out, None, MOST_BYTES, lambda _done, _total: None).sha256
        except UnavailableError:
            if attempt == ATTEMPTS:
                raise
    raise AssertionError
