"""What the recipes themselves ask for: interpreter, environment, data, weights, repositories."""

import functools
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mrbench.doctor.base import Plans, lacking, names, of_plan
from mrbench.errors import WorkspaceError
from mrbench.files import home, real_path
from mrbench.launch.executors import local
from mrbench.model.finding import Finding, Problem
from mrbench.model.inputs import OWN_PYTHON, PACKAGE
from mrbench.model.places import Places
from mrbench.model.plan import Plan
from mrbench.prepare import environment, weights
from mrbench.prepare.data import drawn
from mrbench.prepare.environment import own
from mrbench.prepare.environment.interpreter import find_interpreter
from mrbench.prepare.mirror import base as mirrored
from mrbench.prepare.mirror.manifest import read_manifest
from mrbench.prepare.source import address
from mrbench.recipe import lockfile
from mrbench.text import shorten, size_text, without_secrets


def executor(plans: Plans, _places: Places) -> Iterator[Finding]:
    """Refuse a system on which nothing can be started."""
    problem = local.unavailable()
    yield from (lacking("system", problem, plan) for plan in plans if problem)


def installed(plan: Plan) -> bool:
    """Return whether the plan's environment is installed already."""
    env = plan.environment
    if env.kind == "current":
        return True
    if env.kind != "venv" or (env.build and plan.source.tree is None):
        return False
    return (environment_path(plan) / environment.DONE).is_file()


def environment_path(plan: Plan) -> Path:
    """Return where the plan's environment stands or will stand."""
    return environment.path(plan.environment, plan.source.tree or "", plan.lock_sha256)


def environments(plans: Plans, places: Places) -> Iterator[Finding]:
    """Check the interpreters and whether the environments are installed."""
    for plan in plans:
        env = plan.environment
        if plan.own_environment or places.python:
            yield _own_environment(plan, places)
            continue
        topic = f"Python {env.python or OWN_PYTHON}"
        problem = environment.problem(env)
        if problem:
            yield lacking(topic, problem, plan)
        elif env.kind == "current":
            text = f"{sys.executable}, with what is installed there"
            yield of_plan(plan, topic, "ok", text)
        else:
            yield of_plan(plan, topic, "ok", str(find_interpreter(env.python)))
            to_make = "to be made, by the first run or `mrbench prepare`"
            yield of_plan(plan, "environment", "ok", "made" if installed(plan) else to_make)


def _own_environment(plan: Plan, places: Places) -> Finding:
    """Look for the recipe's modules in the interpreter that --environment names."""
    problem = own.problem(plan.environment, places.python, mirrored.wheels_folder(places.mirror))
    if problem:
        return lacking("environment", problem, plan)
    text = f"{places.python or sys.executable}, with what is installed there, not the lock"
    return of_plan(plan, "environment", "ok", text)


def without_modules(plans: Plans, places: Places) -> dict[str, Finding]:
    """Return what the interpreter of --environment lacks for these, by implementation."""
    own_ones = [plan for plan in plans if plan.own_environment]
    findings = {plan.implementation: _own_environment(plan, places) for plan in own_ones}
    return {name: found for name, found in findings.items() if found.outcome == "failed"}


def supplied(plans: Plans, places: Places) -> Iterator[Finding]:
    """Look in local folders for the wheels that no index has."""
    for plan in plans:
        if installed(plan) or mirrored.complete_folder(places.mirror):
            continue
        for requirement in plan.environment.supplied:
            if not any(_wheels(requirement, plan.environment.find_links)):
                text = f"no wheel of {requirement} in a folder that UV_FIND_LINKS names"
                remedy = "`environment.system` of the recipe says how to get it; set UV_FIND_LINKS"
                yield of_plan(plan, "wheels", "note", text, remedy)


def data(plans: Plans, places: Places) -> Iterator[Finding]:
    """Check that the files exist that recipes link to; `mrbench data check` reads them."""
    changed = functools.cache(drawn.changed)  # many recipes share a dataset of thousands of files
    for plan in plans:
        if plan.data is None:
            continue
        drawing = plan.data.synthetic
        if drawing:
            text = f"{drawing.images} images {drawing.kind}, drawn by mrbench"
            if altered := changed(drawing):
                which = f"{shorten(altered[0])} and {len(altered) - 1:,} others"
                text += f"; changed since: {which if altered[1:] else shorten(altered[0])}"
                remedy = "the next run, or `mrbench prepare`, draws them anew"
                yield of_plan(plan, "data", "note", text, remedy)
            else:
                yield of_plan(plan, "data", "ok", text)
        elif problem := missing_data(plan.data.needs, places.data):
            yield lacking("data", problem, plan)
        else:
            yield of_plan(plan, "data", "ok", f"{places.data} has what the recipe links to")


def missing_data(needs: tuple[str, ...], data: Path | None) -> Problem | None:
    """Return which of `needs` the data folder lacks, or None."""
    if needs and data is None:
        return Problem(f"needs data ({', '.join(needs)})", "name the folder with --data DIR")
    absent = [name for name in needs if data and not os.access(data / name, os.R_OK)]
    if absent:
        text = f"{data} lacks {', '.join(absent)}"
        return Problem(text, "put it there or name another with --data DIR")
    return None


def pretrained(plans: Plans, places: Places) -> Iterator[Finding]:
    """Check the weights."""
    for plan in plans:
        if not plan.weights:
            yield of_plan(plan, "weights", "ok", plan.starts_from or "none needed")
        for item in plan.weights:
            problem = weights.problem(item, places.weights)
            path = weights.folder(places.weights) / item.file
            if problem:
                yield lacking("weights", problem, plan)
            elif path.is_file():
                yield of_plan(plan, "weights", "ok", str(path))
            else:
                text = f"{item.file}, to be fetched from {urlsplit(item.url).hostname}"
                yield of_plan(plan, "weights", "ok", text)


def mirror(plans: Plans, places: Places) -> Iterator[Finding]:
    """Check that the mirror exists and holds the repositories."""
    if not places.mirror:
        yield Finding("mirror", "ok", "none; all comes from its own host")
        return
    named = without_secrets(places.mirror)
    folder = Path(places.mirror.removeprefix("file://"))
    if "://" in places.mirror and not places.mirror.startswith("file://"):
        yield Finding("mirror", "ok", f"{named} (not asked now)")
    elif not folder.is_dir():
        text, remedy = f"--mirror {named}: no such folder", "check the path"
        yield Finding("mirror", "failed", text, remedy, names(plans))
    else:
        complete = mirrored.complete_folder(places.mirror)
        lacks = list(_without_repositories(plans, mirrored.git_base(places.mirror)))
        lacks += _without_packages(plans, complete) if complete else ()
        how = "made by mrbench, nothing else is used" if complete else "a base"
        yield from lacks or [Finding("mirror", "ok", f"{named}: {how}, has all repositories")]


def _without_repositories(plans: Plans, base: str | None) -> Iterator[Finding]:
    for plan in plans:
        for url in (plan.source.url, *(p.url for p in plan.environment.packages)):
            if url and not url.startswith(PACKAGE):
                try:
                    address.candidates(url, base)
                except WorkspaceError as exc:
                    yield of_plan(plan, "mirror", "note", without_secrets(exc.text), exc.remedy)


def _without_packages(plans: Plans, folder: Path) -> Iterator[Finding]:
    """Yield which environments cannot be made, as the mirror was made without their packages."""
    covered = read_manifest(folder).recipes
    for plan in plans:
        entry = covered.get(f"{plan.suite}/{plan.implementation}")
        if plan.environment.kind == "venv" and entry and entry.left_out and not installed(plan):
            text = f"the mirror was made without packages ({', '.join(entry.left_out)})"
            remedy = "take those of this machine with --environment current, or PATH of a Python"
            yield lacking("mirror", Problem(text, remedy), plan)


def _wheels(requirement: str, links: Iterable[str]) -> Iterator[Path]:
    name = lockfile.normalized(requirement)
    folders = [unquote(urlsplit(url).path) for url in links if url.startswith("file:")]
    for word in (*folders, *os.environ.get("UV_FIND_LINKS", "").replace(",", " ").split()):
        for path in Path(word).glob("*.whl"):
            if lockfile.normalized(path.name.partition("-")[0]) == name:
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
SHARE = "set MRBENCH_HOME to a folder of your own, which is never shared between users"
RECORD_BYTES = 10e6  # a run's folder: log, stamps and record are far smaller


def space(plans: Plans, places: Places) -> list[Finding]:
    """Compare the free space for MRBENCH_HOME and the runs with what will be written."""
    return [
        _room("MRBENCH_HOME", home(), needed_bytes(plans, places), plans, "set MRBENCH_HOME"),
        _room("runs", real_path(places.runs), RECORD_BYTES * len(plans), plans, "name --runs DIR"),
    ]


def needed_bytes(plans: Plans, places: Places) -> float:
    """Add up what the plans will add to MRBENCH_HOME."""
    to_make = {environment_path(p): _environment_bytes(p) for p in plans if not installed(p)}
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


def _owner(path: Path) -> str:
    try:
        return path.owner()
    except KeyError:  # in containers, and where a network's list of users is out of reach
        return f"user {path.stat().st_uid}"


def _room(topic: str, folder: Path, needed: float, plans: Plans, remedy: str) -> Finding:
    existing = folder
    while not os.path.lexists(existing):  # which asks no permission to look there
        existing = existing.parent
    if not os.path.isdir(existing):  # noqa: PTH112 - Path's raises where one may not look
        what = "link that leads nowhere" if existing.is_symlink() else "file"
        text = f"{existing} is a {what}, and no folder"
        return Finding(topic, "failed", text, remedy, names(plans))
    if not os.access(existing, os.W_OK):
        text = f"{existing} cannot be written to"
        return Finding(topic, "failed", text, f"change its owner, or {remedy}", names(plans))
    for path in [existing, *sorted(existing.iterdir())] if existing == home() else []:
        if path.is_dir() and not os.access(path, os.W_OK | os.X_OK):
            text = f"{path} is {_owner(path)}'s, and not yours to write to"
            return Finding(topic, "failed", text, SHARE, names(plans))
    disk = os.statvfs(existing)
    free = disk.f_bavail * disk.f_frsize
    text = f"{size_text(free)} free at {folder}, about {size_text(needed)} needed"
    if free < needed:
        return Finding(topic, "failed", text, f"make room there, or {remedy}", names(plans))
    return Finding(topic, "ok", text)
