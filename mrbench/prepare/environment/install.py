"""Make a virtual environment with uv: locked packages, packages from git, build steps, a probe.

uv (0.13) serves Python 3.7 and installs without build isolation, which packages of 2019 need: their
setup.py import what their metadata do not name. Hence two passes: what building needs, then all.
"""

import hashlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import msgspec

from mrbench import files, locks
from mrbench.errors import LaunchError
from mrbench.files import home, mark_used, write_whole
from mrbench.model.inputs import Environment, Package, as_source
from mrbench.model.job import BuiltPackage, EnvironmentRequest, Workspace
from mrbench.prepare.environment.installed import require_recorded, write_list
from mrbench.prepare.environment.interpreter import base_python, describe, uv
from mrbench.prepare.environment.own import pins_of, versions
from mrbench.prepare.inherited import building, for_steps
from mrbench.prepare.step import activated, run_step
from mrbench.prepare.weights.digests import file_digest
from mrbench.recipe import lockfile
from mrbench.text import counted, fill_placeholders

Progress = Callable[[str], None]
Step = Callable[..., None]
BUILT = "built.json"  # of a wheel that was built from sources


def make(request: EnvironmentRequest, place: Path) -> tuple[list[str], list[BuiltPackage]]:
    """Make the environment in `place` (venv/, src/ if it builds).

    Returns the frozen list, and what was built from sources.
    """
    env, lock, progress = request.env, request.lock, request.progress
    place.mkdir(parents=True)
    venv = place / "venv"
    python = venv / "bin" / "python"
    sources = variables_for(env, request.wheels)

    def step(
        command: Sequence[str], directory: Path, own: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        log = place.with_suffix(".log")  # beside, so that it outlives a failed attempt
        variables = {**activated(venv), "PYTHONPATH": str(directory), **own, **sources}
        run_step(command, directory=directory, log=log, variables=variables, what="environment")

    progress("making the virtual environment")
    step([uv(), "venv", "--quiet", "--python", str(base_python(env)), str(venv)], place)
    sources |= configured(env, place)
    install = [uv(), "pip", "install", "--python", str(python), *options_for(request.wheels)]
    if lock is None:
        _install_listed(env, install, place, step, progress)
    else:
        _install_locked(env, lock, install, place, step, progress)
    packaged = _install_packages(request, python, place, step)
    require_recorded(place)
    source = request.checkout
    if env.build:
        source = place / "src"
        shutil.copytree(request.checkout, source, symlinks=True)
    for command in env.build:
        progress(f"building: {' '.join(command)}")
        values = {"python": str(python), "checkout": str(source)}
        step([fill_placeholders(word, values) for word in command], source)
    if env.probe:
        progress(f"probing: import {', '.join(env.probe)}")
        step([str(python), "-c", f"import {', '.join(env.probe)}"], source)
    frozen = _freeze(python, packaged)
    if lock is not None:
        _require_locked(env, lock, frozen)
    write_list(place)
    return frozen, [built for _, built in packaged]


def _require_locked(env: Environment, lock: bytes, frozen: Sequence[str]) -> None:
    """Refuse other versions than the lock's: a build step can install what it likes."""
    supplied = {lockfile.normalized(word) for word in env.supplied}
    installed = versions(frozen)
    for name, pinned in pins_of(env, lock).items():
        found = installed.get(name)
        if name not in supplied and found and not any(lockfile.same(found, v) for v in pinned):
            text = f"environment: {name} {found} is installed, the lock has {' or '.join(pinned)}"
            raise LaunchError(text, "correct the step of environment.build that installs it")


def options_for(wheels: Path | None) -> list[str]:
    """Return uv's options for installing from a folder and from nowhere else."""
    if wheels is None:
        return []
    return ["--offline", "--no-index", "--find-links", str(wheels.resolve())]


def variables_for(env: Environment, wheels: Path | None) -> dict[str, str]:
    """Return where pip and uv look for packages: in that folder only, or also where `env` says.

    What the user's own variables name is looked at after that.
    """
    if wheels is not None:
        folder = str(wheels.resolve())
        return {
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": folder,
            "UV_OFFLINE": "1",
            "UV_FIND_LINKS": folder,
        }
    named = (
        ("UV_INDEX", " ", env.index),
        ("PIP_EXTRA_INDEX_URL", " ", env.index),
        ("UV_FIND_LINKS", ",", ",".join(env.find_links)),
        ("PIP_FIND_LINKS", " ", " ".join(env.find_links)),
    )
    own = for_steps()
    return {
        name: between.join(filter(None, (value, own.get(name))))
        for name, between, value in named
        if value
    }


def configured(env: Environment, folder: Path) -> dict[str, str]:
    """Tell uv which requirements it takes without their dependencies, by a uv.toml in `folder`."""
    names = () if isinstance(env.no_deps, bool) else env.no_deps
    text = "".join(
        f"[[dependency-metadata]]\nname = {json.dumps(name)}\nrequires-dist = []\n"
        for name in names
    )
    if env.no_deps is True:
        text = "[pip]\nno-deps = true\n"
    if not text:
        return {}
    (folder / "uv.toml").write_text(text)
    return {"UV_CONFIG_FILE": str(folder / "uv.toml")}


def _install_listed(
    env: Environment, install: list[str], place: Path, step: Step, progress: Progress
) -> None:
    """Install what the recipe lists, and whatever the index gives today beneath it."""
    later = ["--no-build-isolation"] if env.build_requirements else []
    if env.build_requirements:
        progress(f"installing {counted(len(env.build_requirements), 'build requirement')}")
        step([*install, *env.build_requirements], place)
    if env.requirements or env.supplied:
        progress(f"installing {len(env.requirements)} requirements")
        step([*install, *later, *env.requirements, *env.supplied], place)


def _install_locked(  # noqa: PLR0917 - the parts of make, used once
    env: Environment, lock: bytes, install: list[str], place: Path, step: Step, progress: Progress
) -> None:
    """Install the lock and nothing else, each file checked against its hashes."""
    exactly = [*install, "--no-deps", "--require-hashes", "--no-build-isolation"]
    whole, first = place / "requirements.lock", place / "build-requirements.lock"
    whole.write_bytes(lock)
    first.write_text(lockfile.subset(lock, env.build_requirements))
    if env.build_requirements:
        progress(f"installing {counted(len(env.build_requirements), 'build requirement')}")
        step([*exactly, "--requirements", str(first)], place)
    progress(f"installing {counted(len(lockfile.blocks(lock)), 'locked package')}")
    step([*exactly, "--requirements", str(whole)], place)
    if env.supplied:
        progress(f"installing {', '.join(env.supplied)}, as supplied")
        step([*install, "--no-deps", *env.supplied], place)


def _install_packages(
    request: EnvironmentRequest, python: Path, place: Path, step: Step
) -> list[tuple[Path, BuiltPackage]]:
    """Install packages from their pinned sources; returns each one's wheel, and what it is of."""
    packaged: list[tuple[Path, BuiltPackage]] = []
    options = options_for(request.wheels)
    install = [uv(), "pip", "install", "--python", str(python), *options, "--no-deps"]
    for package, source in zip(request.env.packages, request.packages(), strict=True):
        installed = _freeze(python, packaged)
        made = _wheel(package, source, python, installed, options, place, step, request.progress)
        step([*install, str(made[0])], place)
        packaged.append(made)
    return packaged


def _wheel(  # noqa: PLR0917 - all that decides it
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

    It is kept under a name of all that decides it: the source's tree, the interpreter, what is
    installed when it is built, the variables, the machine. Compiling can take half an hour.
    installed: the packages that it is built with. options: where uv looks. place: the environment's
    folder, in which the source is copied to be built. LaunchError if it cannot be built.
    """
    origin = as_source(package)
    inputs = {
        "tree": source.tree,
        "folder": package.folder,
        "python": describe(python),
        "machine": os.uname().machine,
        "installed": sorted(installed),
        "variables": dict(package.variables),
        "compilers": building(),
    }
    digest = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()
    kept = home() / "built" / digest[:16]
    mark_used(kept)
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
        write_whole(making / BUILT, json.dumps(content, indent=1).encode())
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
    built = files.cached(kept / BUILT, BuiltPackage)
    if built is None or not (kept / built.wheel).is_file():
        return None
    return built if file_digest(kept / built.wheel, "sha256") == built.sha256 else None


def _origin_of(built: BuiltPackage) -> str:
    """Return where a built package came from, as `pip freeze` writes it."""
    if "://" in built.source:
        return f"git+{built.source}@{built.revision}"
    return f"{built.source}#sha256={built.revision}"


def _freeze(python: Path, packaged: Iterable[tuple[Path, BuiltPackage]]) -> list[str]:
    """List what is installed as `pip freeze` does; of a wheel that was built here, its source."""
    done = subprocess.run(
        [uv(), "pip", "freeze", "--python", str(python)],
        env=for_steps(),
        capture_output=True,
        text=True,
        check=True,
    )
    sources = {path.as_uri(): _origin_of(built) for path, built in packaged}
    return [_named(line, sources) for line in done.stdout.splitlines()]


def _named(line: str, sources: dict[str, str]) -> str:
    name, at, place = line.partition(" @ ")
    return f"{name} @ {sources.get(place.partition('#')[0], place)}" if at else line
