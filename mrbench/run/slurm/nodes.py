"""Training over several nodes: the first starts it on all of them, each fills in its own rank."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

from mrbench.errors import LaunchError
from mrbench.launch.telemetry import beside
from mrbench.model.places import free_port
from mrbench.model.plan import Plan
from mrbench.model.run import Job
from mrbench.record import rundir
from mrbench.record.rundir import RunDir
from mrbench.run.slurm import client, handover
from mrbench.run.slurm.container import Container, wrap
from mrbench.text import fill

FACTS_S = 120.0
ADDRESS, PORT = "MRBENCH_MASTER_ADDRESS", "MRBENCH_MASTER_PORT"


def head_job(folder: RunDir, plan: Plan, job: Job, container: Container | None) -> Job:
    """Return the job as the first node starts it: on each node by srun, or once for all."""
    meeting = {
        "master_address": client.first_node(os.environ["SLURM_JOB_NODELIST"]),
        "master_port": free_port(),
    }
    if not plan.on_each_node and container:
        raise LaunchError(
            f"{plan.implementation} starts once for all nodes, which cannot reach into containers",
            "leave out --container, or --nodes",
        )
    each = (f"--nodes={plan.nodes}", f"--ntasks={plan.nodes}", "--ntasks-per-node=1")
    own = (sys.executable, "-m", "mrbench.run.slurm.node", str(folder.path))
    if not plan.on_each_node:
        argv = tuple(fill(word, meeting) for word in job.argv)
        subprocess.run(("srun", *each, *own, "facts"), timeout=FACTS_S, check=False)
        return dataclasses.replace(job, argv=argv)
    whole = ("--cpu-bind=none", "--kill-on-bad-exit=1")  # all of each node; one lost, all lost
    variables = {ADDRESS: meeting["master_address"], PORT: meeting["master_port"]}
    return dataclasses.replace(
        job, argv=("srun", *each, *whole, *own, "rank"), directory=Path.cwd(), variables=variables
    )


def show_gpus(plan: Plan) -> None:
    """Hide the GPUs that the plan has no use for: an exclusive node comes with all of its own."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given and plan.accelerator == "gpu":
        own = given.split(",")[: plan.gpus // plan.nodes]
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(own)


def tell(folder: RunDir) -> None:
    """Write down what this node is; the first one tells of itself in node.json."""
    from mrbench.launch import machine  # noqa: PLC0415 - a node of several only

    number = int(os.environ["SLURM_NODEID"])
    if number:
        rundir.write(folder.rank(number), json.dumps(machine.facts(), indent=1) + "\n")


def become(folder: RunDir) -> NoReturn:
    """Replace this process by the training of its node; what the node is goes to a file before."""
    plan, ready = handover.read(folder)
    show_gpus(plan)
    number = os.environ["SLURM_NODEID"]
    values = {
        "node_rank": number,
        "master_address": os.environ.pop(ADDRESS),
        "master_port": os.environ.pop(PORT),
    }
    tell(folder)
    beside.start_apart(
        folder.telemetry if number == "0" else folder.telemetry_of(f"node-{number}"),
        gpus=plan.accelerator == "gpu",
    )
    job = dataclasses.replace(
        ready.job,
        argv=tuple(fill(word, values) for word in ready.job.argv),
        variables={name: fill(text, values) for name, text in ready.job.variables.items()},
    )
    container = handover.container(folder)
    if container:
        job = wrap(job, container, gpus=plan.accelerator == "gpu")
    argv = job.argv
    kept = {n: v for n, v in os.environ.items() if not n.startswith("SLURM_")}
    try:
        os.chdir(job.directory)
        os.execvpe(argv[0], argv, {**kept, "PYTHONUNBUFFERED": "1", **job.variables})  # noqa: S606 - a job is no shell command
    except OSError as exc:
        raise LaunchError(
            f"{argv[0]}: cannot be started in {job.directory} on {os.uname().nodename}"
            f" ({exc.strerror})",
            "keep it where all nodes see it",
        ) from exc
