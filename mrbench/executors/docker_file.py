"""The Dockerfile's targets: which one an environment needs, its text alone, and its base image."""

import re
from pathlib import Path

from mrbench.model import Environment

GENERIC = "environment"
# The target for a locked requirement; each brings what its stack needs of Debian, and its base.
TARGETS = {
    "torch==1.3.0": "pytorch1.3",
    "tensorflow-gpu==1.15.0": "tensorflow1.15",
    "intel-tensorflow==1.15.2": "tensorflow1.15",
    "tensorflow-cpu==1.15.0": "tensorflow1.15",
    "mxnet-mkl==1.6.0": "mxnet1.6",
}


def dockerfile() -> Path:
    """Return where the Dockerfile is: in the package, or at the top of the checkout."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "Dockerfile"
    return inside if inside.is_file() else package.parent / "Dockerfile"


def target_of(env: Environment) -> str:
    """Return the Dockerfile's target for an environment."""
    return next((TARGETS[r] for r in env.requirements if r in TARGETS), GENERIC)


def only(target: str) -> str:
    """Return the Dockerfile with one target; the engine's own builder builds all above, too."""
    head, *stages = re.split(r"^(?=FROM )", dockerfile().read_text(), flags=re.MULTILINE)
    stage = next(s for s in stages if s.splitlines()[0].endswith(f" AS {target}"))
    return head + stage


def default_base(target: str) -> str:
    """Return the base image that the Dockerfile names for a target."""
    text = only(target)
    (name,) = re.findall(r"^FROM \$\{(\w+)\}", text, flags=re.MULTILINE)
    (base,) = re.findall(rf"^ARG {name}=(\S+)", text, flags=re.MULTILINE)
    return str(base)
