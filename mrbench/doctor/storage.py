"""Room on the disks that a run writes to."""

import os
from pathlib import Path

from mrbench.doctor.base import Plans, names, size
from mrbench.doctor.inputs import environment_path, made
from mrbench.files import home
from mrbench.model.finding import Finding
from mrbench.model.places import Places
from mrbench.model.plan import Plan
from mrbench.prepare import weights
from mrbench.recipe import lockfile

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
