"""`python -m mrbench.run.slurm.node FOLDER`: train what was prepared, on this node.

With `rank` behind the folder it is one of several nodes, and becomes the training's own process;
with `facts` it only writes down what the node is. The first node starts the training on all of
them, and each fills in its own rank.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NoReturn

import msgspec

from mrbench.console import make_reporter
from mrbench.errors import LaunchError, MrbenchError
from mrbench.launch.executors import local
from mrbench.launch.telemetry import beside
from mrbench.model.finding import Problem
from mrbench.model.job import Job
from mrbench.model.machine import Machine
from mrbench.model.plan import Plan
from mrbench.model.run import Exit
from mrbench.model.slurm import NodeReport
from mrbench.prepare import environment, inherited
from mrbench.prepare.job import filled, free_port
from mrbench.record import rundir
from mrbench.record.formats import read_plan
from mrbench.record.rundir import RunDir
from mrbench.run.ends import BUG, failure
from mrbench.run.slurm import client, handover
from mrbench.run.slurm.container import wrap
from mrbench.run.training import train

# Longer than a shared file system may show an old file: NFS keeps attributes for up to a minute.
LEASE_S = float(os.environ.get("MRBENCH_LEASE_S", "300"))
FACTS_S = 120.0
ADDRESS, PORT = "MRBENCH_MASTER_ADDRESS", "MRBENCH_MASTER_PORT"


class Lease:
    """The lease of a run that somebody waits for: not renewed for long, the run ends itself.

    ended: why it ended this process, if it did.
    """

    def __init__(self, path: Path) -> None:
        self.ended: Problem | None = None
        self._path = path

    def watch(self) -> None:
        """Interrupt this process where the lease is not renewed; without a lease nobody waits."""
        if self._path.exists():
            threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        last, renewed_s = b"", time.monotonic()
        while time.monotonic() - renewed_s < LEASE_S:
            try:
                number = self._path.read_bytes()
            except OSError:
                number = last
            if number and number != last:  # empty: being written
                last, renewed_s = number, time.monotonic()
            time.sleep(LEASE_S / 20)
        text = f"mrbench has not renewed {self._path} for {LEASE_S:g} s"
        self.ended = Problem(text, "run again")
        os.kill(os.getpid(), signal.SIGTERM)


class Reporting:
    """What is learnt on this node, for its report; see training.Knowing."""

    def __init__(self, report: NodeReport) -> None:
        self.report = report

    def add(self, **facts: object) -> None:
        """Set fields of the report."""
        self.report = msgspec.structs.replace(self.report, **facts)

    def began(self) -> None:
        """Have nothing to do: the folder is another machine's to care for."""

    def know_machine(self, machine: Machine, frozen: tuple[str, ...] | None) -> None:
        """Add the machine."""
        self.add(machine=machine, frozen=frozen)

    def lose(self, *what: str) -> None:
        """Add what could not be kept."""
        self.add(not_kept=(*self.report.not_kept, *what))


def main(words: list[str]) -> int:
    """Train, and leave node.json behind, whatever happens."""
    folder = RunDir(Path(words[0]))
    if words[1:] == ["rank"]:
        _become(folder)
    if words[1:] == ["facts"]:
        _tell(folder)
        return 0
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _interrupt)
    news, lease = Reporting(NodeReport(job=os.environ.get("SLURM_JOB_ID"))), Lease(folder.lease)
    code = BUG
    try:
        end = _train(folder, lease, news)
        news.add(exit=end)
        code = int(end.reason not in ("enough", "exited") or bool(end.code and end.code > 0))
    except (MrbenchError, OSError) as exc:
        news.add(error=failure(exc))
        code = failure(exc).exit_code
    except KeyboardInterrupt:
        news.add(interrupted=lease.ended or Problem("interrupted"))
        code = 130
    finally:
        handover.write(folder.node_report, news.report)
    return code


def _train(folder: RunDir, lease: Lease, news: Reporting) -> Exit:
    """Do what a local run does between the preparation and the verdict."""
    plan, order = read_plan(folder.plan), handover.order_of(folder)
    lease.watch()
    if order.container is None:
        environment.require_as_made(order.environment)
    _show_gpus(plan)
    job, container = order.job, order.container
    if plan.nodes > 1:
        job = _head_job(folder, plan, job)
    elif container:
        job = wrap(job, container, gpus=plan.accelerator == "gpu")
    order = msgspec.structs.replace(order, job=job)
    with make_reporter(quiet=True) as reporter:
        return train(plan, order, folder, local, reporter, news)


def _head_job(folder: RunDir, plan: Plan, job: Job) -> Job:
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


def _show_gpus(plan: Plan) -> None:
    """Hide the GPUs that the plan has no use for: an exclusive node comes with all of its own.

    Where it has no use for any, Slurm's word on them goes: a local run has none either.
    """
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if plan.accelerator != "gpu":
        os.environ.pop("CUDA_VISIBLE_DEVICES", None)
    elif given:
        own = given.split(",")[: plan.gpus // plan.nodes]
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(own)


def _tell(folder: RunDir) -> None:
    """Write down what this node is; the first one tells of itself in node.json."""
    from mrbench.launch import machine  # noqa: PLC0415 - a node of several only

    number = int(os.environ["SLURM_NODEID"])
    if number:
        facts = machine.facts(handover.order_of(folder).job)
        rundir.write(folder.rank(number), json.dumps(msgspec.to_builtins(facts), indent=1) + "\n")


def _become(folder: RunDir) -> NoReturn:
    """Replace this process by the training of its node; what the node is goes to a file before."""
    plan, order = read_plan(folder.plan), handover.order_of(folder)
    _show_gpus(plan)
    number = os.environ["SLURM_NODEID"]
    values = {
        "node_rank": number,
        "master_address": os.environ.pop(ADDRESS),
        "master_port": os.environ.pop(PORT),
    }
    _tell(folder)
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


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
