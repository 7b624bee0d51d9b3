"""What stands in an environment: written down when it is made, and compared before each launch.

A look at sizes and times takes some 5 us a file; a file whose time alone differs (after a copy of
the whole) is read.
"""

import base64
import csv
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from mrbench import files
from mrbench.errors import LaunchError
from mrbench.files import write_whole
from mrbench.text import first_few

LIST = "installed.json"
PARTS = ("venv", "src")  # the second where something is built
# Beside what was installed programs leave caches; files that Python would load are no caches.
LOADED = (".py", ".pth", ".so")
FEW = 3


class Installed(msgspec.Struct, frozen=True, kw_only=True):
    """installed.json: size in bytes, time in ns and SHA-256 (of a link: where it leads) of each."""

    files: dict[str, tuple[int, int, str]]


class Changed(NamedTuple):
    """A file that is not as it was made, and how it differs."""

    path: str
    how: str


def write_list(place: Path) -> None:
    """Write down all files."""
    listed = {
        path: (at.st_size, at.st_mtime_ns, _sha256(place / path)) for path, at in _files(place)
    }
    write_whole(place / LIST, msgspec.json.encode(Installed(files=listed)))


def changes(place: Path, *, deep: bool = False) -> list[Changed]:
    """Return what was changed since it was made. deep: each file is read, whatever its time says.

    Where there is no list, or a damaged one, that is the change.
    """
    made = files.cached(place / LIST, Installed)
    if made is None:
        return [Changed(LIST, "is missing or damaged")]
    found = dict(_files(place))
    changed = [Changed(path, "is missing") for path in made.files if path not in found]
    for path, at in found.items():
        size, time_ns, sha256 = made.files.get(path, (-1, -1, ""))
        if size < 0:
            if path.endswith(LOADED):
                changed.append(Changed(path, "was added"))
        elif (
            at.st_size != size
            or ((deep or at.st_mtime_ns != time_ns) and _sha256(place / path) != sha256)
        ):  # fmt: skip
            changed.append(Changed(path, "was changed"))
    return changed


def require_recorded(place: Path) -> None:
    """Hold each installed file against its package's RECORD: uv's cache shares files with all.

    LaunchError tells which package to fetch anew.
    """
    for record in place.glob("venv/lib/*/site-packages/*.dist-info/RECORD"):
        for row in csv.reader(record.read_text("utf-8", errors="replace").splitlines()):
            name, digest = (*row, "", "")[:2]
            file = record.parents[1] / name
            if not digest.startswith("sha256=") or not file.is_file():
                continue
            padded = digest.removeprefix("sha256=") + "=" * (-len(digest[7:]) % 4)
            if base64.urlsafe_b64decode(padded).hex() != _sha256(file):
                package = record.parent.name.partition("-")[0]
                text = f"{package}: {name} is not as its RECORD says: uv's cache was changed"
                raise LaunchError(text, f"`uv cache clean {package}`, and run again")


def require_unchanged(place: Path) -> None:
    """Refuse an environment that is not as it was made; LaunchError tells what to remove."""
    changed = changes(place)
    if changed:
        raise LaunchError(words(changed), f"remove {place}; the next run makes it again")


def words(changed: list[Changed]) -> str:
    """Name what was changed, in one line."""
    named = first_few([f"{c.path} {c.how}" for c in changed], FEW, "; ", "; and")
    return f"the environment was changed since it was made: {named}"


def _files(place: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Yield all files below the parts but Python's own caches, by their paths from `place`."""
    folders = [part for part in PARTS if (place / part).is_dir()]
    for folder in folders:  # grows meanwhile
        with os.scandir(place / folder) as entries:
            for entry in entries:
                path = f"{folder}/{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    if entry.name != "__pycache__":
                        folders.append(path)
                elif not path.endswith(".pyc"):
                    yield path, entry.stat(follow_symlinks=False)


def _sha256(path: Path) -> str:
    try:
        if path.is_symlink():
            return hashlib.sha256(os.fsencode(path.readlink())).hexdigest()
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return ""
