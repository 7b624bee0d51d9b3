"""A training in a container on a cluster: by pyxis, NVIDIA's plugin of srun, or by apptainer."""

import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from mrbench.errors import RecipeError, UnavailableError
from mrbench.model.job import Job
from mrbench.model.slurm import Container, Tool
from mrbench.prepare import inherited
from mrbench.run.slurm import client
from mrbench.text import shown

# Upstream code that finds these behaves otherwise; a step of srun has them even in a container.
BATCH = ("JOB_ID", "JOBID", "STEP_ID", "PROCID", "LOCALID", "NODEID", "NTASKS", "NPROCS")

# What the tools themselves read; APPTAINERENV_ and its like, for the inside, stay outside.
RUNTIME = ("XDG_RUNTIME_DIR", "XDG_DATA_HOME")
OWN: Mapping[Tool, tuple[str, ...]] = {
    "pyxis": ("SLURM_*", "SRUN_*", "ENROOT_*", "PYXIS_*", *RUNTIME),
    "apptainer": ("APPTAINER_*", "SINGULARITY_*", *RUNTIME),
    "singularity": ("SINGULARITY_*", *RUNTIME),
}


def choose(image: str, mounts: Iterable[Path], nodes: int) -> Container:
    """Choose what the cluster has; UnavailableError where it has none."""
    paths = tuple(dict.fromkeys(str(path.resolve()) for path in mounts))
    odd = [path for path in paths if "," in path or ":" in path]
    if odd:
        text = f"{odd[0]}: a container cannot be given a path with ',' or ':'"
        raise RecipeError(text, "rename it")
    if nodes == 1 and client.has_pyxis():
        return Container(tool="pyxis", image=image, mounts=paths)
    tools: tuple[Tool, ...] = ("apptainer", "singularity")
    for tool in tools:
        if shutil.which(tool):
            return Container(tool=tool, image=image, mounts=paths)
    raise UnavailableError(
        "--container needs apptainer or singularity on PATH (`module load apptainer`), or srun with"
        " NVIDIA's plugin pyxis, which serves a single node",
        "load one, or leave it out",
    )


def wrap(job: Job, container: Container, *, gpus: bool) -> Job:
    """Return the job within its container; the same paths mean the same there."""
    if container.tool == "pyxis":
        mounts = ",".join(f"{path}:{path}" for path in container.mounts)
        words = [
            *("srun", "--nodes=1", "--ntasks=1", "--cpu-bind=none"),
            f"--container-image={container.image}",
            f"--container-mounts={mounts}",
            f"--container-workdir={job.directory}",
            *("--no-container-mount-home", "env"),
            *(word for name in BATCH for word in ("-u", f"SLURM_{name}")),
        ]
    else:
        words = [container.tool, "exec", *(["--nv"] if gpus else [])]
        words += [word for path in container.mounts for word in ("--bind", path)]
        words += ["--pwd", str(job.directory)]
        words += [container.image, "env"]
    # The image sets variables of its own, PATH above all; the recipe's go before them.
    # A secret, which others would read in the list of processes, comes in by the tool's own.
    own = {n: v for n, v in _own(job).items() if shown(n, v) == v}
    variables = [f"{name}={value}" for name, value in own.items()]
    tools = inherited.chosen(OWN[container.tool])
    return msgspec.structs.replace(
        job, argv=(*words, *variables, *job.argv), variables={**tools, **job.variables}
    )


def _own(job: Job) -> dict[str, str]:
    """Return the job's variables; of PATH only the environment's own folder, the rest is outside's.

    The shell's usual folders follow, as every image has them.
    """
    own = {"PYTHONUNBUFFERED": "1", **job.variables}
    if "PATH" in own:
        first = own["PATH"].partition(os.pathsep)[0]
        own["PATH"] = f"{first}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return own
