"""The Dockerfile's targets: which one an environment needs, its text alone, and its base image."""

import re
from pathlib import Path

from mrbench.model.inputs import OWN_PYTHON, Environment

GENERIC = "environment"
# The target for a locked requirement; each brings what its stack needs of Debian.
TARGETS = {
    "torch==1.3.0": "pytorch1.3",
    "tensorflow-gpu==1.15.0": "tensorflow1.15",
    "intel-tensorflow==1.15.2": "tensorflow1.15",
    "tensorflow-cpu==1.15.0": "tensorflow1.15",
    "mxnet-mkl==1.6.0": "mxnet1.6",
}
# The wheel of PyTorch 1.3 is Caffe2's, too: what a recipe imports of it tells them apart.
WITHIN = {("pytorch1.3", "caffe2.python.workspace"): "caffe2"}


def dockerfile() -> Path:
    """Return where the Dockerfile is: in the package, or at the top of the checkout."""
    package = Path(__file__).resolve().parents[3]
    inside = package / "Dockerfile"
    return inside if inside.is_file() else package.parent / "Dockerfile"


def target_of(env: Environment) -> str:
    """Return the Dockerfile's target for an environment."""
    stack = next((TARGETS[r] for r in env.requirements if r in TARGETS), GENERIC)
    return next((WITHIN[stack, m] for m in env.probe if (stack, m) in WITHIN), stack)


def base_of(env: Environment) -> str:
    """Return the image to build an environment's upon: its recipe's own, else Python alone.

    Recipes for GPUs of 2019 name an image that has CUDA in it; the others need none.
    """
    name = f"python:{env.python or OWN_PYTHON}-slim-bookworm"
    pinned = argument("CPU_BASE")
    return env.image or (pinned if pinned.startswith(f"{name}@") else name)


def only(target: str) -> str:
    """Return the Dockerfile with one target; the engine's own builder builds all above, too."""
    head, *stages = re.split(r"^(?=FROM )", dockerfile().read_text(), flags=re.MULTILINE)
    stage = next(s for s in stages if s.splitlines()[0].endswith(f" AS {target}"))
    return head + stage


def argument(name: str) -> str:
    """Return what the Dockerfile says an argument is, if nothing else is said."""
    (value,) = re.findall(rf"^ARG {name}=(\S+)", dockerfile().read_text(), flags=re.MULTILINE)
    return argument(value[2:-1]) if value.startswith("${") else str(value)
