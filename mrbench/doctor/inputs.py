"""What the recipes themselves ask for: interpreter, environment, data, weights, repositories."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from mrbench.doctor.base import Plans, lacking, names, size
from mrbench.errors import WorkspaceError
from mrbench.files import home
from mrbench.launch.executors import local
from mrbench.model.finding import Finding
from mrbench.model.places import Places
from mrbench.model.plan import Plan
from mrbench.prepare import environment, run_copy, weights
from mrbench.prepare.environment import interpreter
from mrbench.prepare.mirror import base as mirrored
from mrbench.prepare.source import address
from mrbench.recipe import lockfile


def executor(plans: Plans, _places: Places) -> list[Finding]:
    """Refuse what cannot be started on this system at all."""
    told = local.unavailable()
    return [lacking("system", told, plan) for plan in plans] if told else []


def made(plan: Plan) -> bool:
    """Tell whether the plan's environment is there already."""
    env = plan.environment
    if env.kind == "current":
        return True
    if env.kind != "venv" or (env.build and plan.source.tree is None):
        return False
    return (environment_path(plan) / environment.DONE).is_file()


def environment_path(plan: Plan) -> Path:
    """Return where the plan's environment stands or will stand."""
    return environment.path(plan.environment, plan.source.tree or "", plan.lock_sha256)


def environments(plans: Plans, _places: Places) -> list[Finding]:
    """Look for the interpreters, and for environments that are made."""
    found = []
    for plan in plans:
        env = plan.environment
        wanted = f"Python {env.python or f'{sys.version_info[0]}.{sys.version_info[1]}'}"
        told = environment.problem(env)
        if told:
            found.append(lacking(wanted, told, plan))
        elif env.kind == "current":
            text = f"{sys.executable}, with what is installed there"
            found.append(Finding(wanted, "ok", text, "", names([plan])))
        else:
            base = interpreter.find(env.python)
            found.append(Finding(wanted, "ok", str(base), "", names([plan])))
            state = "made" if made(plan) else "to be made, by the first run or `mrbench prepare`"
            found.append(Finding("environment", "ok", state, "", names([plan])))
    return found


def supplied(plans: Plans, _places: Places) -> list[Finding]:
    """Look for the wheels that are on no index, where that can be done without asking anybody."""
    found = []
    for plan in plans:
        if made(plan) or mirrored.made_folder(_places.mirror):
            continue
        for requirement in plan.environment.supplied:
            if not any(_wheels(requirement)):
                text = f"no wheel of {requirement} in a folder that UV_FIND_LINKS names"
                remedy = "build it as environment.system tells, and set UV_FIND_LINKS"
                found.append(Finding("wheels", "note", text, remedy, names([plan])))
    return found


def data(plans: Plans, places: Places) -> list[Finding]:
    """Look for the files that the recipes link to; `mrbench data check` looks into them."""
    found = []
    for plan in plans:
        if plan.data is None:
            continue
        drawn = plan.data.synthetic
        if drawn:
            text = f"{drawn.images} images of {drawn.width}x{drawn.height}, drawn by mrbench"
            found.append(Finding("data", "ok", text, "", names([plan])))
            continue
        told = run_copy.missing_data(plan.data.needs, places.data)
        if told:
            found.append(lacking("data", told, plan))
        else:
            text = f"{places.data} has what the recipe links to"
            found.append(Finding("data", "ok", text, "", names([plan])))
    return found


def pretrained(plans: Plans, places: Places) -> list[Finding]:
    """Look for the weights."""
    found = []
    for plan in plans:
        if not plan.weights:
            text = plan.starts_from or "none needed"
            found.append(Finding("weights", "ok", text, "", names([plan])))
        for item in plan.weights:
            told = weights.problem(item, places.weights)
            there = weights.folder(places.weights) / item.file
            if told:
                found.append(lacking("weights", told, plan))
            elif there.is_file():
                found.append(Finding("weights", "ok", str(there), "", names([plan])))
            else:
                text = f"{item.file}, to be fetched from {urlsplit(item.url).hostname}"
                found.append(Finding("weights", "ok", text, "", names([plan])))
    return found


def mirror(plans: Plans, places: Places) -> list[Finding]:
    """Look whether the mirror is there and holds the repositories."""
    if not places.mirror:
        return [Finding("mirror", "ok", "none; all comes from its own host")]
    local = places.mirror.startswith("file://") or "://" not in places.mirror
    if not local:
        return [Finding("mirror", "ok", f"{places.mirror} (not asked now)")]
    base = mirrored.git_base(places.mirror)
    folder = Path(places.mirror.removeprefix("file://"))
    if not folder.is_dir():
        text, remedy = f"--mirror {places.mirror}: no such folder", "check the path"
        return [Finding("mirror", "failed", text, remedy, names(plans))]
    found = []
    for plan in plans:
        for url in (plan.source.url, *(p.url for p in plan.environment.packages)):
            try:
                address.candidates(url, base)
            except WorkspaceError as exc:
                found.append(Finding("mirror", "note", exc.text, exc.remedy, names([plan])))
    how = (
        "made by mrbench, nothing else is used" if mirrored.made_folder(places.mirror) else "a base"
    )
    return found or [Finding("mirror", "ok", f"{places.mirror}: {how}, has all repositories")]


def _wheels(requirement: str) -> Iterator[Path]:
    wanted = lockfile.normalized(requirement)
    for word in os.environ.get("UV_FIND_LINKS", "").replace(",", " ").split():
        for path in Path(word).glob("*.whl"):
            if lockfile.normalized(path.name.partition("-")[0]) == wanted:
                yield path


# An environment's size, by the largest package in it, measured with du once it was made.
ENVIRONMENT_BYTES = {
    "torch": 1.7e9,  # 1.3.0 for CUDA 10.1, with all that an implementation needs: 1.5 to 1.8 GB
    "tensorflow-gpu": 1.7e9,  # 1.15.0
    "tensorflow": 1.9e9,  # 1.15.0 with Keras
    "jax": 0.6e9,  # 0.10.2
}
OTHER_ENVIRONMENT_BYTES = 0.2e9
# Checkout, object store, drawn data, and a run's own copy and output: up to 0.19 GB in `smoke`.
RUN_BYTES = 0.2e9
RECORD_BYTES = 10e6  # a run's folder: log, stamps and record are far smaller


def space(plans: Plans, places: Places) -> list[Finding]:
    """Compare what is free at MRBENCH_HOME and at the folder of runs with what will be written."""
    return [
        _room("MRBENCH_HOME", home(), needed_bytes(plans, places), plans, "set MRBENCH_HOME"),
        _room("runs", places.runs.resolve(), RECORD_BYTES * len(plans), plans, "name --runs DIR"),
    ]


def needed_bytes(plans: Plans, places: Places) -> float:
    """Add up what the plans will put into MRBENCH_HOME, less what is there already."""
    to_make = {environment_path(p): _environment_bytes(p) for p in plans if not made(p)}
    lacking = {
        item.file: item.size_bytes or 0.0
        for plan in plans
        for item in plan.weights
        if not (weights.folder(None) / item.file).is_file()
    }
    fetched = 0.0 if places.weights else sum(lacking.values())
    return sum(to_make.values()) + fetched + RUN_BYTES * len(plans)


def _environment_bytes(plan: Plan) -> float:
    env = plan.environment
    if env.kind == "image":
        return 0
    packages = {lockfile.normalized(requirement) for requirement in env.requirements}
    known = [size_bytes for name, size_bytes in ENVIRONMENT_BYTES.items() if name in packages]
    return max(known, default=OTHER_ENVIRONMENT_BYTES)


def _room(topic: str, folder: Path, needed: float, plans: Plans, remedy: str) -> Finding:
    there = folder
    while not there.exists():
        there = there.parent
    if not there.is_dir():
        text = f"{there} is a file, and no folder"
        return Finding(topic, "failed", text, remedy, names(plans))
    if not os.access(there, os.W_OK):
        text = f"{there} cannot be written to"
        return Finding(topic, "failed", text, f"change its owner, or {remedy}", names(plans))
    found = os.statvfs(there)
    free = found.f_bavail * found.f_frsize
    text = f"{size(free)} free at {folder}, about {size(needed)} needed"
    if free < needed:
        return Finding(topic, "failed", text, f"make room there, or {remedy}", names(plans))
    return Finding(topic, "ok", text)
