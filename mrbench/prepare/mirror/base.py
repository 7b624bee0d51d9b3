"""The value of --mirror: a folder of `mrbench mirror create`, or a base URL instead of GitHub."""

import functools
from pathlib import Path
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from mrbench import files
from mrbench.errors import UnavailableError

MANIFEST = "mirror.json"
FORMAT = 1
REMEDY = "copy the mirror again"
REPOS, WHEELS, WEIGHTS = "repos", "wheels", "weights"


class ManifestHead(Struct):
    """What any mirror.json has."""

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
    check_manifest(folder.resolve() / MANIFEST)
    return folder.resolve()


@functools.cache
def check_manifest(path: Path) -> None:
    """Refuse a manifest of a newer mrbench; UnavailableError, also for what is none."""
    try:
        raw = files.read_regular(path, files.MOST_BYTES)
    except OSError as exc:
        text = f"cannot be read ({exc.strerror})"
        raise UnavailableError(text, "ask for the permission", file=path) from exc
    head = files.decode(raw, ManifestHead, path, error=UnavailableError, remedy=REMEDY)
    known = range(FORMAT, FORMAT + 1)
    files.check_format(head.format, "mirror", known, path, error=UnavailableError)


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
