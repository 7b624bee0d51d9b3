"""A run's own copy of the source, with links to data and weights where upstream looks for them."""

import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from mrbench.errors import UnavailableError, WorkspaceError
from mrbench.model.finding import Problem


def arrange(template: Path, folder: Path, links: Iterable[tuple[str, Path]]) -> Path:
    """Copy `template` (a patched, built checkout) to `folder` and add the links.

    Each run gets a copy, so that two runs at once, or one that writes into its source, cannot
    disturb another, and the cached checkout stays as it was verified.
    """
    shutil.rmtree(folder, ignore_errors=True)
    try:
        shutil.copytree(template, folder, symlinks=True)
        for name, target in links:
            _link(folder, name, target)
    except (OSError, shutil.Error) as exc:
        shutil.rmtree(folder, ignore_errors=True)
        raise WorkspaceError(
            f"cannot copy the checkout ({exc})", "make room there, or set MRBENCH_HOME", file=folder
        ) from exc
    return folder


def data_links(links: Mapping[str, str], data: Path) -> list[tuple[str, Path]]:
    """Turn a recipe's links (path in the checkout: path under the data folder) into targets."""
    return [(name, data / target) for name, target in links.items()]


def _link(folder: Path, name: str, target: Path) -> None:
    place = folder / name
    place.parent.mkdir(parents=True, exist_ok=True)
    if not place.parent.resolve().is_relative_to(folder.resolve()):
        raise WorkspaceError(f"link {name} would leave the checkout", "correct the recipe")
    if place.is_symlink():
        place.unlink()
    elif place.is_dir() and not any(place.iterdir()):
        place.rmdir()
    elif place.exists():
        raise WorkspaceError(f"link {name}: the checkout has a file there", "correct the recipe")
    place.symlink_to(target.resolve())


def missing_data(needs: Iterable[str], data: Path | None) -> Problem | None:
    """Say what of `needs` is not under the data folder, or None."""
    wanted = tuple(needs)
    if not wanted:
        return None
    if data is None:
        return Problem(f"needs data ({', '.join(wanted)})", "name the folder with --data DIR")
    absent = [n for n in wanted if not os.access(data / n, os.R_OK)]
    if absent:
        return Problem(
            f"{data} lacks {', '.join(absent)}", "put it there or name another with --data DIR"
        )
    return None


def require_folder(path: Path | None, option: str) -> None:
    """Refuse a folder that was named but is not there."""
    if path is not None and not path.is_dir():
        raise UnavailableError(f"{option} {path}: no such folder", "check the path")
