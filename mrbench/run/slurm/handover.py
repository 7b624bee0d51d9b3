"""What a login node hands to the nodes that train, and what they hand back, as files."""

import dataclasses
import json
from pathlib import Path
from typing import Any

from mrbench.errors import MrbenchError
from mrbench.model.plan import Plan
from mrbench.model.run import Job
from mrbench.prepare.environment import Ready
from mrbench.prepare.job import Prepared
from mrbench.prepare.source import Workspace
from mrbench.prepare.weights import Used
from mrbench.record import rundir
from mrbench.record.formats import read_plan
from mrbench.record.rundir import RunDir
from mrbench.run.slurm.container import Container


def write(folder: RunDir, ready: Prepared, container: Container | None = None) -> None:
    """Write down what was prepared; no secrets: the job's variables are the recipe's."""
    within = None if container is None else dataclasses.asdict(container)
    content = {**dataclasses.asdict(ready), "container": within}
    rundir.write(folder.prepared, json.dumps(content, indent=1, default=str) + "\n")


def read(folder: RunDir) -> tuple[Plan, Prepared]:
    """Return the plan and what was prepared for it."""
    plan = read_plan(folder.plan)
    content = load(folder.prepared)
    work, env, job = content["workspace"], content["environment"], content["job"]
    return plan, Prepared(
        workspace=Workspace(**{**work, "path": Path(work["path"])}),
        environment=Ready(
            **{
                **env,
                "python": Path(env["python"]),
                "template": Path(env["template"]),
                "frozen": tuple(env["frozen"]),
            }
        ),
        folder=Path(content["folder"]),
        job=Job(
            **{
                **job,
                "argv": tuple(job["argv"]),
                "directory": Path(job["directory"]),
                "read_only": tuple(map(Path, job["read_only"])),
                "writable": tuple(map(Path, job["writable"])),
            }
        ),
        weights=tuple(Used(**used) for used in content["weights"]),
    )


def container(folder: RunDir) -> Container | None:
    """Return the container that the training belongs into, if any."""
    within = load(folder.prepared)["container"]
    return Container(**{**within, "mounts": tuple(within["mounts"])}) if within else None


def load(path: Path) -> dict[str, Any]:
    """Read one of the JSON files; MrbenchError says what is wrong with it."""
    try:
        content: dict[str, Any] = json.loads(path.read_bytes())
    except OSError as exc:
        raise MrbenchError(f"cannot be read ({exc.strerror})", "run again", file=path) from exc
    except ValueError as exc:
        raise MrbenchError(f"was cut short ({exc})", "run again", file=path) from exc
    return content
