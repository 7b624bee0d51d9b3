"""What this machine lacks for a plan, found before anything is cloned, all at once."""

import os
import shutil
from collections.abc import Iterable

from mrbench import environment, layout, weights
from mrbench.errors import UnavailableError
from mrbench.executors import EXECUTORS
from mrbench.places import Places
from mrbench.plan import Plan

_TOOL_REMEDY = {
    "mpirun": "install Open MPI (on Debian: apt-get install openmpi-bin)",
    "git": "install git (on Debian: apt-get install git)",
}


def check(plans: Iterable[Plan], places: Places) -> None:
    """Raise one UnavailableError that lists all that is missing, each with its remedy."""
    found: dict[str, list[str]] = {}
    for plan in plans:
        for problem in problems(plan, places):
            found.setdefault(problem, []).append(plan.implementation)
    if found:
        lines = [f"  {', '.join(dict.fromkeys(names))}: {text}" for text, names in found.items()]
        raise UnavailableError("nothing was started; this machine lacks:\n" + "\n".join(lines))


def problems(plan: Plan, places: Places) -> list[str]:
    """List what one plan lacks here; empty if it can run."""
    found: list[str | None] = [
        _gpus(plan),
        EXECUTORS["local"].unavailable(),
        environment.problem(plan.environment),
        _data(plan, places),
        *(weights.problem(item, places.weights) for item in plan.weights),
        _tool("git"),
        _tool(plan.command[0]),
    ]
    return [text for text in found if text]


def _gpus(plan: Plan) -> str | None:
    if plan.accelerator != "gpu":
        return None
    from mrbench import machine  # noqa: PLC0415 - for GPUs only

    usable, why = machine.usable_gpu_count()
    if usable >= plan.gpus:
        return None
    return (
        f"{plan.gpus} GPUs wanted, {usable} usable ({why}); run it on such a machine,"
        " choose another count with --gpus, or look at the plan with --dry-run"
    )


def _data(plan: Plan, places: Places) -> str | None:
    if plan.data is None or plan.data.synthetic is not None:
        return None
    return layout.missing_data(plan.data.needs, places.data)


def _tool(word: str) -> str | None:
    if "{" in word or os.sep in word or shutil.which(word):
        return None
    return f"`{word}` is not on PATH; {_TOOL_REMEDY.get(word, 'install it')}"
