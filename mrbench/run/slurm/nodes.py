"""Training over several nodes: the first starts it on all of them, each fills in its own rank."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import msgspec

from mrbench.errors import LaunchError
from mrbench.launch.telemetry import beside
from mrbench.model.job import Job
from mrbench.model.plan import Plan
from mrbench.prepare import inherited
from mrbench.prepare.job import filled, free_port
from mrbench.record import rundir
from mrbench.record.rundir import RunDir
from mrbench.run.slurm import client, handover
from mrbench.run.slurm.container import wrap

FACTS_S = 120.0
ADDRESS, PORT = "MRBENCH_MASTER_ADDRESS", "MRBENCH_MASTER_PORT"


def head_job(folder: RunDir, plan: Plan, job: Job) -> Job:
    """Return the job as the first node starts it: on each node by srun, or once for all."""
    meeting = {
        "master_address": client.first_node(os.environ["SLURM_JOB_NODELIST"]),
        "master_port": free_port(),
    }
    each = (f"--nodes={plan.nodes}", f"--ntasks={plan.nodes}", "--ntasks-per-node=1")
    own = (sys.executable, "-m", "mrbench.run.slurm.node", str(folder.path))
    if not plan.on_each_node:
        subprocess.run(("srun", *each, *own, "facts"), timeout=FACTS_S, check=False)
        return filled(job, meeting)
    whole = ("--cpu-bind=none", "--kill-on-bad-exit=1")  # all of each node; one lost, all lost
    # srun's own, and what lets another Python find this mrbench; the ranks drop them
    starter = inherited.chosen(("SLURM_*", "SRUN_*", "PYTHONPATH"))
    variables = starter | {ADDRESS: meeting["master_address"], PORT: meeting["master_port"]}
    return msgspec.structs.replace(
        job, argv=("srun", *each, *whole, *own, "rank"), directory=Path.cwd(), variables=variables
    )


def show_gpus(plan: Plan) -> None:
    """Hide the GPUs that the plan has no use for: an exclusive node comes with all of its own.

    Where it has no use for any, Slurm's word on them goes: a local run has none either.
    """
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if plan.accelerator != "gpu":
        os.environ.pop("CUDA_VISIBLE_DEVICES", None)
    elif given:
        own = given.split(",")[: plan.gpus // plan.nodes]
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(own)


def tell(folder: RunDir) -> None:
    """Write down what this node is; the first one tells of itself in node.json."""
    from mrbench.launch import machine  # noqa: PLC0415 - a node of several only

    number = int(os.environ["SLURM_NODEID"])
    if number:
        facts = machine.facts(handover.order_of(folder).job)
        rundir.write(folder.rank(number), json.dumps(msgspec.to_builtins(facts), indent=1) + "\n")


def become(folder: RunDir) -> NoReturn:
    """Replace this process by the training of its node; what the node is goes to a file before."""
    plan, order = handover.plan_of(folder), handover.order_of(folder)
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
    job = filled(order.job, values)
    if order.container:
        job = wrap(job, order.container, gpus=plan.accelerator == "gpu")
    argv = job.argv
    try:
        os.chdir(job.directory)
        variables = {**inherited.of(job), "PYTHONUNBUFFERED": "1", **job.variables}
        os.execvpe(argv[0], argv, variables)  # noqa: S606 - a job is no shell command
    except OSError as exc:
        raise LaunchError(
            f"{argv[0]}: cannot be started in {job.directory} on {os.uname().nodename}"
            f" ({exc.strerror})",
            "keep it where all nodes see it",
        ) from exc
