"""mirror.json: what a mirror covers, every file in it with size and SHA-256, and what is missing.

suites: those of which it covers every recipe. recipes: "suite/name" -> {python, packages_sha256,
repos: {place: [commit]}, files: [path], missing: [{what, why}]}. files: path in the mirror ->
{size_bytes, sha256}.
"""

import dataclasses
import hashlib
import json
import platform
from pathlib import Path, PurePosixPath
from typing import Any

from mrbench import __version__
from mrbench.errors import UnavailableError
from mrbench.files import write_whole
from mrbench.prepare.mirror.base import MANIFEST

FORMAT = 1
Entry = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Manifest:
    """The content of mirror.json; what each part holds stands in the module's docstring."""

    suites: tuple[str, ...]
    recipes: dict[str, Entry]
    files: dict[str, Entry]
    platform: str
    mrbench: str = __version__

    @property
    def missing(self) -> dict[str, list[str]]:
        """Return what is not there, each as one line, with the recipes that want it."""
        found: dict[str, list[str]] = {}
        for name, entry in self.recipes.items():
            for item in entry["missing"]:
                found.setdefault(f"{item['what']}: {item['why']}", []).append(name)
        return found


def this_platform() -> str:
    """Name what binary wheels are for: system and machine. The C library's age uv compares."""
    return f"{platform.system()} {platform.machine()}"


def read(folder: Path) -> Manifest:
    """Read a mirror's manifest; UnavailableError if there is none, or none that can be used."""
    path = folder / MANIFEST
    try:
        found = json.loads(path.read_bytes())
        if found["format"] != FORMAT:
            raise UnavailableError(
                f"format {found['format']}, this mrbench ({__version__}) knows {FORMAT}",
                "use the mrbench that made it, or make it anew",
                file=path,
            )
        made = Manifest(
            tuple(found["suites"]),
            *(found[key] for key in ("recipes", "files", "platform", "mrbench")),
        )
        _check(made)
    except (FileNotFoundError, NotADirectoryError) as exc:
        raise UnavailableError(
            f"{folder} is no mirror, it has no {MANIFEST}",
            f"`mrbench mirror create {folder}` makes one, and finishes one that was interrupted",
        ) from exc
    except OSError as exc:
        raise UnavailableError(
            f"cannot be read ({exc.strerror})",
            "ask for the permission, or check the path",
            file=path,
        ) from exc
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise UnavailableError(
            f"{path} is damaged ({type(exc).__name__}: {exc})", "copy the mirror again"
        ) from exc
    return made


def _check(made: Manifest) -> None:
    """Refuse what would mislead or lead out of the folder; ValueError and its like."""
    for name, entry in made.files.items():
        _check_path(name)
        int(entry["size_bytes"]), bytes.fromhex(entry["sha256"])
    for entry in made.recipes.values():
        lists = (entry["files"], entry["missing"], *entry["repos"].values())
        if not all(isinstance(found, list) for found in lists):
            raise TypeError("files, missing and repos must be lists")
        for place in entry["repos"]:
            _check_path(place)
        for item in entry["missing"]:
            str(item["what"] + item["why"])
        str(entry["python"] + entry["packages_sha256"])


def _check_path(name: str) -> None:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or str(path) != name:
        raise ValueError(f"{name!r} is no path within it")


def write(folder: Path, made: Manifest) -> None:
    """Write it, whole or not at all: a mirror is one from then on."""
    content = {
        "format": FORMAT,
        "mrbench": made.mrbench,
        "platform": made.platform,
        "suites": sorted(made.suites),
        "recipes": dict(sorted(made.recipes.items())),
        "missing": [
            {"recipes": names, "missing": text} for text, names in sorted(made.missing.items())
        ],
        "files": dict(sorted(made.files.items())),
    }
    write_whole(folder / MANIFEST, (json.dumps(content, indent=1) + "\n").encode())


def describe(path: Path) -> Entry:
    """Return a file's size and SHA-256."""
    with path.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    return {"size_bytes": path.stat().st_size, "sha256": sha256}
