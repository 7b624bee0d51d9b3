"""Packages that are built from sources: each a wheel that is made once and kept in the cache.

A wheel is named by all that decides it: the source's tree, the interpreter, what is installed when
it is built, the variables, the machine. Compiling can take half an hour; installing takes a second.
"""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from mrbench import files, locks
from mrbench.errors import LaunchError
from mrbench.files import home, write_whole
from mrbench.model.inputs import Package, as_source
from mrbench.model.job import BuiltPackage, Workspace
from mrbench.prepare.environment import interpreter
from mrbench.prepare.environment.interpreter import uv
from mrbench.prepare.inherited import building
from mrbench.prepare.weights.digests import file_digest

Progress = Callable[[str], None]
Step = Callable[..., None]
DONE = "built.json"


def wheel(  # noqa: PLR0917 - all that decides it
    package: Package,
    source: Workspace,
    python: Path,
    installed: Sequence[str],
    options: Sequence[str],
    place: Path,
    step: Step,
    progress: Progress,
) -> tuple[Path, BuiltPackage]:
    """Build the package's wheel, or find it built; return its path and what it was built from.

    installed: the packages that it is built with. options: where uv looks. place: the environment's
    folder, in which the source is copied to be built. LaunchError if it cannot be built.
    """
    origin = as_source(package)
    inputs = {
        "tree": source.tree,
        "folder": package.folder,
        "python": interpreter.describe(python),
        "machine": os.uname().machine,
        "installed": sorted(installed),
        "variables": dict(package.variables),
        "compilers": building(),
    }
    digest = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()
    kept = home() / "built" / digest[:16]
    files.mark_used(kept)
    kept.parent.mkdir(parents=True, exist_ok=True)
    with locks.hold(kept.with_suffix(".lock"), f"the build of {origin.upstream}", progress):
        built = _lookup(kept)
        if built:
            progress(f"installing {origin.upstream}, as it was built before")
            return kept / built.wheel, msgspec.structs.replace(built, reused=True)
        progress(f"building {origin.upstream} at {origin.revision[:12]}")
        began = time.monotonic()
        making = place / "built"  # what a killed build left goes with the environment
        shutil.rmtree(kept, ignore_errors=True)
        _build(package, source, python, options, place, making, step)
        made = sorted(making.glob("*.whl"))
        if len(made) != 1:
            raise LaunchError(f"{origin.upstream} built {len(made)} wheels", f"see {place}.log")
        built = BuiltPackage(
            source=origin.upstream,
            revision=origin.revision,
            tree=source.tree,
            wheel=made[0].name,
            sha256=file_digest(made[0], "sha256"),
            variables=package.variables,
            built_in_s=round(time.monotonic() - began, 1),
        )
        content = {**msgspec.to_builtins(built), "inputs": inputs}
        write_whole(making / DONE, json.dumps(content, indent=1).encode())
        making.rename(kept)
    return kept / built.wheel, built


def _build(  # noqa: PLR0917 - one step of the above
    package: Package,
    source: Workspace,
    python: Path,
    options: Sequence[str],
    place: Path,
    making: Path,
    step: Step,
) -> None:
    own = place / "packages" / source.path.name  # building writes into the source
    shutil.copytree(source.path, own, symlinks=True)
    folder = own / package.folder
    if not folder.resolve().is_relative_to(own.resolve()) or not folder.is_dir():
        text = f"{as_source(package).upstream} has no folder {package.folder}"
        raise LaunchError(text, "correct environment.packages")
    command = [uv(), "build", "--quiet", "--wheel", "--no-build-isolation", *options]
    command += ["--python", str(python), "--out-dir", str(making), str(folder)]
    step(command, place, package.variables)
    shutil.rmtree(own)


def _lookup(kept: Path) -> BuiltPackage | None:
    """Return what was built there, if its wheel is as it was made."""
    built = files.cached(kept / DONE, BuiltPackage)
    if built is None or not (kept / built.wheel).is_file():
        return None
    return built if file_digest(kept / built.wheel, "sha256") == built.sha256 else None


def origin_of(built: BuiltPackage) -> str:
    """Return where a built package came from, as `pip freeze` writes it."""
    if "://" in built.source:
        return f"git+{built.source}@{built.revision}"
    return f"{built.source}#sha256={built.revision}"
