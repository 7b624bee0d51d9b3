"""What --mirror names: a folder made by `mrbench mirror create`, or a base instead of GitHub's."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

MANIFEST = "mirror.json"
REPOS, WHEELS, WEIGHTS = "repos", "wheels", "weights"


def complete_folder(mirror: str | None) -> Path | None:
    """Return the folder of a mirror that has a manifest: it holds all, and nothing else is used."""
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
    """Tell whether a base is that of a made mirror: it stands for every host, not for GitHub's."""
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
