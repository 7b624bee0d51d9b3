"""mirror.json: what a mirror covers, its files with size and SHA-256, and what is missing."""

import json
import platform
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from mrbench import __version__, files
from mrbench.errors import UnavailableError
from mrbench.files import write_whole
from mrbench.model.plan import Sha256
from mrbench.prepare.mirror.base import FORMAT, MANIFEST, REMEDY, manifest_bytes
from mrbench.prepare.weights.digests import file_digest


class Missing(Struct, frozen=True):
    """What could not be had, and why."""

    what: str
    why: str


class Installable(Struct, frozen=True, kw_only=True):
    """What a mirror has of mrbench itself, for one version of Python: the paths of wheels."""

    files: tuple[str, ...]
    missing: tuple[Missing, ...] = ()


class Covered(Struct, frozen=True, kw_only=True):
    """What a mirror has for one recipe.

    python: the version its wheels are for; packages_sha256: what they follow from; repos: commits
    by the repository's path in the mirror; files: paths of wheels and weights. left_out: names of
    locked packages that were not wanted in it, with * for any text. without_weights: whether no
    weights were wanted.
    """

    python: str
    packages_sha256: Sha256
    repos: Mapping[str, tuple[str, ...]]
    files: tuple[str, ...]
    missing: tuple[Missing, ...]
    left_out: tuple[str, ...] = ()
    without_weights: bool = False


class Content(Struct, frozen=True):
    """A file's size and digest."""

    size_bytes: Annotated[int, Meta(ge=0)]
    sha256: Sha256


class Lacking(Struct, frozen=True):
    """What a mirror lacks, as one line, and which recipes need it."""

    recipes: tuple[str, ...]
    missing: str


class Manifest(Struct, frozen=True, kw_only=True):
    """The content of mirror.json.

    suites: those of which it covers every recipe. recipes: by suite/name; files: by their path in
    the mirror. itself: mrbench, by versions of Python.
    """

    format: int = FORMAT
    mrbench: str = __version__
    platform: str
    suites: tuple[str, ...]
    recipes: Mapping[str, Covered]
    missing: tuple[Lacking, ...] = ()
    files: Mapping[str, Content]
    itself: Mapping[str, Installable] = {}


def lacking(
    recipes: Mapping[str, Covered], itself: Mapping[str, Installable]
) -> tuple[Lacking, ...]:
    """Gather what recipes and mrbench itself lack, sorted by what it is."""
    needed: dict[str, list[str]] = {}
    for python, each in itself.items():
        for item in each.missing:
            needed.setdefault(f"{item.what}: {item.why}", []).append(f"mrbench, Python {python}")
    for name, covered in recipes.items():
        for item in covered.missing:
            needed.setdefault(f"{item.what}: {item.why}", []).append(name)
    return tuple(Lacking(tuple(names), text) for text, names in sorted(needed.items()))


def this_platform() -> str:
    """Name what binary wheels are for: system and machine. The C library's age uv compares."""
    return f"{platform.system()} {platform.machine()}"


def read_manifest(folder: Path) -> Manifest:
    """Read a mirror's manifest; UnavailableError if there is none, or none that can be used."""
    path = folder / MANIFEST
    try:
        raw = manifest_bytes(folder)
    except (FileNotFoundError, NotADirectoryError) as exc:
        raise UnavailableError(
            f"{folder} is not a mirror: it has no {MANIFEST}",
            f"`mrbench mirror create {folder}` makes one, and finishes one that was interrupted",
        ) from exc
    manifest = files.decode(raw, Manifest, path, error=UnavailableError, remedy=REMEDY)
    _check_paths("files", manifest.files, path)
    for python, each in manifest.itself.items():
        _check_paths(f"itself.{python}.files", each.files, path)
    for name, covered in manifest.recipes.items():
        _check_paths(f"recipes.{name}.repos", covered.repos, path)
        _check_paths(f"recipes.{name}.files", covered.files, path)
    return manifest


def _check_paths(key: str, names: Iterable[str], file: Path) -> None:
    """Refuse what leads out of the mirror."""
    for name in names:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or str(path) != name:
            raise UnavailableError(f"{name!r} is not a path within it", REMEDY, file=file, key=key)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write it, whole or not at all: a mirror is one from then on."""
    text = json.dumps(msgspec.to_builtins(manifest), indent=1) + "\n"
    write_whole(folder / MANIFEST, text.encode())


def describe(path: Path) -> Content:
    """Return a file's size and SHA-256."""
    return Content(path.stat().st_size, file_digest(path, "sha256"))
