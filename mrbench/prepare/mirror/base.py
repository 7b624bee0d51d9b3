"""The value of --mirror: a folder of `mrbench mirror create`, or a base URL instead of GitHub."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

MANIFEST = "mirror.json"
REPOS, WHEELS, WEIGHTS = "repos", "wheels", "weights"


def complete_folder(mirror: str | None) -> Path | None:
    """Return the folder of a mirror with a manifest: it is complete, and nothing else is used."""
    if not mirror:
        return None
    if mirror.startswith("file://"):
        mirror = unquote(urlsplit(mirror).path)
    elif "://" in mirror:
        return None
    folder = Path(mirror)
    return folder.resolve() if (folder / MANIFEST).is_file() else None


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
