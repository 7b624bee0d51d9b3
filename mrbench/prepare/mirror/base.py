"""The value of --mirror: a folder of `mrbench mirror create`, or a base URL instead of GitHub."""

import functools
from pathlib import Path
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from mrbench import files
from mrbench.errors import UnavailableError
from mrbench.files import real_path

MANIFEST = "mirror.json"
FORMAT = 1
REMEDY = "copy the mirror again"
REPOS, WHEELS, WEIGHTS = "repos", "wheels", "weights"


class _Head(Struct):
    format: int


def complete_folder(mirror: str | None) -> Path | None:
    """Return the folder of a mirror with a manifest: it is complete, and nothing else is used."""
    if not mirror:
        return None
    if mirror.startswith("file://"):
        mirror = unquote(urlsplit(mirror).path)
    elif "://" in mirror:
        return None
    folder = Path(mirror)
    if not (folder / MANIFEST).is_file():
        return None
    _check_manifest(real_path(folder))
    return real_path(folder)


@functools.cache
def _check_manifest(folder: Path) -> None:
    manifest_bytes(folder)  # once: each step of a preparation asks for the folder


def manifest_bytes(folder: Path) -> bytes:
    """Return the text of a mirror's manifest, of a format that this mrbench knows.

    UnavailableError where it is another or cannot be read, FileNotFoundError or NotADirectoryError
    where there is none.
    """
    path = folder / MANIFEST
    try:
        raw = files.read_regular(path, files.MOST_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        raise
    except OSError as exc:
        remedy = "ask for the permission, or check the path"
        raise UnavailableError(f"cannot be read ({exc.strerror})", remedy, file=path) from exc
    head = files.decode(raw, _Head, path, error=UnavailableError, remedy=REMEDY)
    known = range(FORMAT, FORMAT + 1)
    files.check_format(head.format, "mirror", known, path, error=UnavailableError)
    return raw


def git_base(mirror: str | None) -> str | None:
    """Return the base of the repositories, laid out owner/name[.git]; None asks their own hosts."""
    folder = complete_folder(mirror)
    return str(folder / REPOS) if folder else mirror


def serves_all(base: str) -> bool:
    """Return whether a base is a complete mirror's, which replaces every host, not only GitHub."""
    folder = Path(base)
    return "://" not in base and folder.name == REPOS and (folder.parent / MANIFEST).is_file()


def wheels_folder(mirror: str | None) -> Path | None:
    """Return the folder that holds every locked file; None means that indexes may be asked."""
    folder = complete_folder(mirror)
    return folder / WHEELS if folder else None


def weights_folder(mirror: str | None) -> Path | None:
    """Return the folder that holds the weights; None means that they may be fetched."""
    folder = complete_folder(mirror)
    return folder / WEIGHTS if folder else None
