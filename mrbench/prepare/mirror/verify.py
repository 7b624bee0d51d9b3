"""`mrbench mirror verify`: whether a mirror is unchanged and serves today's recipes."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from mrbench.model.finding import Problem
from mrbench.model.inputs import OWN_PYTHON
from mrbench.prepare.mirror import repos, wheels
from mrbench.prepare.mirror.base import MANIFEST, REMEDY, WEIGHTS
from mrbench.prepare.mirror.manifest import Manifest, describe, this_platform
from mrbench.recipe.load import RecipeFile

ADD = "run `mrbench mirror create` on it again, on a connected machine"


def problems(folder: Path, manifest: Manifest, files: Sequence[RecipeFile]) -> Iterator[Problem]:
    """Yield each problem.

    files: the recipes as they are now; all that they ask for must be in the mirror.
    """
    yield from _differing(folder, manifest)
    yield from _extra(folder, manifest)
    if manifest.platform != this_platform():
        text = f"{MANIFEST}: made for {manifest.platform}, this is {this_platform()}"
        yield Problem(text, "make another here")
    handle = os.open(folder, os.O_RDONLY)  # what git holds while it reads
    try:
        for place in sorted({p for entry in manifest.recipes.values() for p in entry.repos}):
            damage = repos.damage(folder / place, handle)
            if damage:
                yield Problem(f"{place}: {damage}", REMEDY)
        for file in files:
            yield from _unserved(folder, manifest, file, handle)
    finally:
        os.close(handle)


def _differing(folder: Path, manifest: Manifest) -> Iterator[Problem]:
    for name, entry in sorted(manifest.files.items()):
        path = folder / name
        if path.is_symlink() or not path.is_file():
            yield Problem(f"{name}: missing", REMEDY)
        elif path.stat().st_size != entry.size_bytes:
            yield Problem(
                f"{name}: {path.stat().st_size} bytes instead of {entry.size_bytes}", REMEDY
            )
        elif (actual := describe(path).sha256) != entry.sha256:
            yield Problem(f"{name}: sha256 is {actual}, {MANIFEST} says {entry.sha256}", REMEDY)


def _extra(folder: Path, manifest: Manifest) -> Iterator[Problem]:
    known = {*manifest.files, MANIFEST}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if name not in known and (path.is_symlink() or not path.is_dir()):
            yield Problem(f"{name}: not in {MANIFEST}", "remove it")


def _unserved(folder: Path, manifest: Manifest, file: RecipeFile, handle: int) -> Iterator[Problem]:
    """Yield what a recipe needs and the mirror lacks."""
    name = f"{file.suite_name}/{file.name}"
    entry = manifest.recipes.get(name)
    if entry is None:
        yield Problem(f"{name}: not covered", ADD)
        return
    missing = {item.what for item in entry.missing}
    for item in entry.missing:
        yield Problem(f"{name}: lacks {item.what} since it was made", ADD)
    for source in repos.sources(file):
        problem = repos.problem(folder, source, handle)
        if problem and repos.title(source) not in missing:
            yield Problem(f"{name}: {repos.place(source)} {problem}", ADD)
    held = {manifest.files[path].sha256 for path in entry.files if path in manifest.files}
    lacking = set(wheels.not_among(held, repos.all_sources(file))) - missing
    yield from (Problem(f"{name}: {package} is not in it", ADD) for package in sorted(lacking))
    version = file.recipe.environment.python or OWN_PYTHON
    if entry.python != version:
        yield Problem(
            f"{name}: has wheels for Python {entry.python}, here it runs on {version}", ADD
        )
    if entry.packages_sha256 != wheels.inputs_sha256(file.recipe.environment, file.lock):
        yield Problem(f"{name}: its environment or lock has changed since", ADD)
    for weights in () if entry.without_weights else file.recipe.weights:
        path, title = f"{WEIGHTS}/{weights.file}", f"weights {weights.file}"
        if path not in entry.files and title not in missing:
            yield Problem(f"{name}: {title} are not in it", ADD)
