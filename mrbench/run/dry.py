"""What `mrbench run --dry-run` tells: everything that would happen; touches nothing."""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path

import msgspec

from mrbench.files import home
from mrbench.model.inputs import OWN_PYTHON, Patches, Source, as_source
from mrbench.model.places import Places
from mrbench.model.plan import Plan
from mrbench.prepare import environment, inherited, run_copy
from mrbench.prepare import source as workspace
from mrbench.prepare.job import filled, links_of, make_job, path_values
from mrbench.run.executor import Executor

# Of a description as JSON: text has them elsewhere.
NOT_LAID_OUT = ("implementation", "label", "script", "runs", "estimate")


def describe(plan: Plan, patches: Patches, places: Places, executor: Executor) -> dict[str, object]:
    """Return all that a run of the plan would do on this machine."""
    tree = plan.source.tree or "(unknown until checked out)"
    env = environment.path(plan.environment, tree, plan.lock_sha256)
    source = run_copy.folder(plan.suite, plan.implementation, "RUN") / "src"
    image, python = executor.surroundings.preview(plan.environment, env, places.python)
    values = path_values(plan, places, python, source)
    made_at = {"converted": str(home() / "converted" / "DIGEST")}  # of data not looked at here
    job = filled(make_job(plan, places, python, source, image=image), made_at)
    checkout = workspace.checkout_path(plan.source, patches)
    converted = plan.data.converted if plan.data else None
    return {
        "implementation": plan.implementation,
        "label": plan.label,
        "suite": plan.suite,
        "plan_digest": plan.digest,
        "source": _origin(plan.source) | {"tree": tree},
        "pinned": plan.pinned,
        "parameters": {name: parameter.value for name, parameter in plan.parameters.items()},
        "patches": plan.patch_sha256,
        "substitutions": list(msgspec.to_builtins(plan.source.substitutions)),
        "checkout": str(checkout),
        "executor": executor.name,
        "image": image,
        "environment": _environment(plan, None if image else env),
        "data": _data(plan, values["data"]),
        "weights": [f"{values['weights']}/{item.file}" for item in plan.weights],
        "links": {str(source / name): str(target) for name, target in links_of(plan, places)},
        "prepare_data": [shlex.join(step) for step in plan.data.prepare] if plan.data else [],
        "convert_data": [shlex.join(step) for step in converted.steps] if converted else [],
        "directory": str(job.directory),
        "variables": _variables(job.variables),
        "inherits": sorted(n for n in inherited.of(job) if n not in job.variables),
        "does_not_inherit": []
        if job.image
        else list(inherited.left_out(job.inherit, job.variables)),
        "command": shlex.join(job.argv),
        "accelerator": plan.accelerator,
        "gpus": plan.gpus,
        "work_per_iteration": plan.work_per_iteration,
        "flops_per_unit": plan.flops.per_unit if plan.flops else None,
        "window": str(plan.window),
        "stop": plan.stop,
        "wall_clock_limit_s": plan.wall_clock_limit_s,
        "stall_limit_s": plan.stall_limit_s,
        **executor.details(plan, places),
    }


def _origin(source: Source) -> dict[str, str]:
    if source.package:
        return {"package": source.package, "sha256": source.revision}
    return {"url": source.url, "commit": source.commit}


def _data(plan: Plan, folder: str) -> str | None:
    if plan.data is None:
        return None
    return "(the folder that --data names)" if folder == "{data}" else folder


def _environment(plan: Plan, env: Path | None) -> dict[str, object]:
    return {
        "kind": plan.environment.kind,
        "python": plan.environment.python or OWN_PYTHON,
        "folder": None if env is None or plan.environment.kind == "current" else str(env),
        "requirements": list(plan.environment.requirements),
        "build_requirements": list(plan.environment.build_requirements),
        "no_deps": plan.environment.no_deps is True or list(plan.environment.no_deps or ()),
        "lock": plan.environment.lock,
        "lock_sha256": plan.lock_sha256,
        "index": plan.environment.index,
        "find_links": list(plan.environment.find_links),
        "packages": [
            f"{source.upstream}{'#sha256=' if source.package else '@'}{source.revision}"
            for source in map(as_source, plan.environment.packages)
        ],
        "supplied": list(plan.environment.supplied),
        "build": [shlex.join(step) for step in plan.environment.build],
        "needs_on_the_machine": list(plan.environment.system),
    }


def _variables(variables: Mapping[str, str]) -> dict[str, str]:
    """Return what the run sets, on top of what it inherits."""
    shown = {"PYTHONUNBUFFERED": "1", **variables}
    path = os.environ.get("PATH", "")
    return {n: v.replace(path, "$PATH") if n == "PATH" else v for n, v in shown.items()}


def as_text(described: dict[str, object]) -> str:
    """Lay out one description, a line each, without what is empty."""
    lines = [f"{described['label']}:"]
    for key, value in described.items():
        if key not in NOT_LAID_OUT and value not in (None, [], {}):
            lines.append(_line(key, value, "  "))
    return "\n".join(lines) + f"\n\n{described.get('script', '')}"


def _line(key: str, value: object, indent: str) -> str:
    if isinstance(value, dict):
        rows = [_line(k, v, f"{indent}  ") for k, v in value.items() if v not in (None, [], {})]
        return "\n".join([f"{indent}{key}:", *rows])
    if isinstance(value, list):
        return f"{indent}{key}: {', '.join(map(str, value))}"
    return f"{indent}{key}: {value}"
