"""What `mrbench run --dry-run` tells: everything that would happen; touches nothing."""

import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from mrbench.launch.executors import Wishes
from mrbench.model.places import Places
from mrbench.model.plan import Plan
from mrbench.prepare import environment, scratch
from mrbench.prepare import source as workspace
from mrbench.prepare.job import Patches, links_of, make_job, path_values

HERE = Wishes()


def describe(
    plan: Plan, patches: Patches, places: Places, wishes: Wishes = HERE
) -> dict[str, object]:
    """Return all that a run of the plan would do on this machine."""
    tree = plan.source.tree or "(unknown until checked out)"
    env = environment.path(plan.environment, tree, plan.lock_sha256)
    source = scratch.folder(plan.suite, plan.implementation, "RUN") / "src"
    image = _image(plan, wishes)
    python = _interpreter(plan, env, image)
    job = make_job(plan, places, python, source, port=False, image=image)
    values = path_values(plan, places, python, source)
    checkout = workspace.checkout_path(plan.source, tuple(raw for _, raw in patches))
    return {
        "implementation": plan.implementation,
        "suite": plan.suite,
        "plan_digest": plan.digest,
        "source": {"url": plan.source.url, "commit": plan.source.commit, "tree": tree},
        "pinned": plan.pinned,
        "patches": plan.patch_sha256,
        "substitutions": msgspec.to_builtins(plan.source.substitutions),
        "checkout": str(checkout),
        "executor": wishes.executor,
        "image": image,
        "environment": _environment(plan, None if image else env),
        "data": values["data"] if plan.data else None,
        "weights": [f"{values['weights']}/{item.file}" for item in plan.weights],
        "links": {str(source / name): str(target) for name, target in links_of(plan, places)},
        "prepare_data": [shlex.join(step) for step in plan.data.prepare] if plan.data else [],
        "directory": str(job.directory),
        "variables": _variables(job.variables),
        "command": shlex.join(job.argv),
        "accelerator": plan.accelerator,
        "gpus": plan.gpus,
        "images_per_iteration": plan.images_per_iteration,
        "window": str(plan.window),
        "stop": plan.stop,
        "wall_clock_limit_s": plan.wall_clock_limit_s,
        "stall_limit_s": plan.stall_limit_s,
    }


def _image(plan: Plan, wishes: Wishes) -> str | None:
    """Return the image's name, or what would be built; None for a run on this machine."""
    if wishes.executor != "docker":
        return None
    from mrbench.launch.executors.docker import containerfile  # noqa: PLC0415 - for containers only
    from mrbench.launch.executors.docker import image as docker_image  # noqa: PLC0415 - the same

    named = plan.environment.image if plan.environment.kind == "image" else None
    if wishes.image or named:
        return wishes.image or named
    lacking = docker_image.unbuildable(plan.environment)
    if lacking:
        return f"none: {lacking}"
    target = containerfile.target_of(plan.environment)
    base = wishes.base_image or containerfile.base_of(plan.environment)
    return f"{target} of the Dockerfile, on {base}"


def _environment(plan: Plan, env: Path | None) -> dict[str, object]:
    return {
        "kind": plan.environment.kind,
        "python": plan.environment.python or f"{sys.version_info[0]}.{sys.version_info[1]}",
        "folder": None if env is None or plan.environment.kind == "current" else str(env),
        "requirements": list(plan.environment.requirements),
        "build_requirements": list(plan.environment.build_requirements),
        "lock": plan.environment.lock,
        "lock_sha256": plan.lock_sha256,
        "packages": [f"{p.url}@{p.commit}" for p in plan.environment.packages],
        "supplied": list(plan.environment.supplied),
        "build": [shlex.join(step) for step in plan.environment.build],
        "needs_on_the_machine": list(plan.environment.system),
    }


def _interpreter(plan: Plan, env: Path, image: str | None) -> Path:
    if image:
        built = " of the Dockerfile, on " in image
        return Path("/opt/mrbench/venv/bin/python") if built else Path("python")
    if plan.environment.kind == "current":
        return Path(sys.executable)
    return env / "venv" / "bin" / "python"


def _variables(variables: Mapping[str, str]) -> dict[str, str]:
    """Return what the run sets, on top of what it inherits."""
    shown = {"PYTHONUNBUFFERED": "1", **variables}
    inherited = os.environ.get("PATH", "")
    return {n: v.replace(inherited, "$PATH") if n == "PATH" else v for n, v in shown.items()}


def as_text(described: dict[str, object]) -> str:
    """Lay out one description, a line each, without what is empty."""
    lines = [f"{described['implementation']}:"]
    for key, value in described.items():
        if key != "implementation" and value not in (None, [], {}):
            lines.append(_line(key, value, "  "))
    return "\n".join(lines) + "\n"


def _line(key: str, value: object, indent: str) -> str:
    if isinstance(value, dict):
        rows = [_line(k, v, f"{indent}  ") for k, v in value.items() if v not in (None, [], {})]
        return "\n".join([f"{indent}{key}:", *rows])
    if isinstance(value, list):
        return f"{indent}{key}: {', '.join(map(str, value))}"
    return f"{indent}{key}: {value}"
