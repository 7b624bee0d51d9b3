"""`python -m mrbench.run.slurm.node FOLDER`: train what was prepared, on this node.

With `rank` behind the folder it is one of several nodes, and becomes the training's own process;
with `facts` it only writes down what the node is.
"""

import os
import signal
import sys
import threading
import time
from pathlib import Path

import msgspec

from mrbench.console import make_reporter
from mrbench.errors import MrbenchError
from mrbench.launch.executors import local
from mrbench.model.finding import Problem
from mrbench.model.machine import Machine
from mrbench.model.run import Exit
from mrbench.model.slurm import NodeReport
from mrbench.prepare import environment
from mrbench.record.rundir import RunDir
from mrbench.run.ends import BUG, failure
from mrbench.run.slurm import handover, nodes
from mrbench.run.slurm.container import wrap
from mrbench.run.training import train

# Longer than a shared file system may show an old file: NFS keeps attributes for up to a minute.
LEASE_S = float(os.environ.get("MRBENCH_LEASE_S", "300"))


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
        nodes.become(folder)
    if words[1:] == ["facts"]:
        nodes.tell(folder)
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
    plan, order = handover.plan_of(folder), handover.order_of(folder)
    lease.watch()
    if order.container is None:
        environment.require_as_made(order.environment)
    nodes.show_gpus(plan)
    job, container = order.job, order.container
    if plan.nodes > 1:
        job = nodes.head_job(folder, plan, job)
    elif container:
        job = wrap(job, container, gpus=plan.accelerator == "gpu")
    order = msgspec.structs.replace(order, job=job)
    with make_reporter(quiet=True) as reporter:
        return train(plan, order, folder, local, reporter, news)


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
