"""`python -m mrbench.run.slurm.node FOLDER`: train what was prepared, on this node.

With `rank` behind the folder it is one of several nodes, and becomes the training's own process;
with `facts` it only writes down what the node is.
"""

import dataclasses
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import msgspec

from mrbench.console import make_reporter
from mrbench.errors import MrbenchError
from mrbench.launch.executors import local
from mrbench.model.places import free_port
from mrbench.model.run import Exit
from mrbench.record import rundir
from mrbench.record.rundir import RunDir
from mrbench.run.slurm import handover, lease, nodes
from mrbench.run.slurm.container import wrap
from mrbench.run.training import keep, launch
from mrbench.text import fill

BUG = 70


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
    told: dict[str, Any] = {"job": os.environ.get("SLURM_JOB_ID"), "environment": {}}
    code = BUG
    try:
        end = train(folder, told)
        told["exit"] = msgspec.to_builtins(end)
        code = int(end.reason not in ("enough", "exited") or bool(end.code and end.code > 0))
    except MrbenchError as exc:
        told["error"] = {"reason": str(exc), "exit_code": exc.exit_code}
        code = exc.exit_code
    except KeyboardInterrupt:
        told["interrupted"] = lease.why() or "interrupted"
        code = 130
    finally:
        rundir.write(folder.told, json.dumps(told, indent=1, default=str) + "\n")
    return code


def train(folder: RunDir, told: dict[str, Any]) -> Exit:
    """Do what a local run does between the preparation and the verdict."""
    plan, ready = handover.read(folder)
    lease.watch(folder)
    nodes.show_gpus(plan)
    port = {"port": free_port()}
    argv = tuple(fill(word, port) for word in ready.job.argv)
    variables = {name: fill(text, port) for name, text in ready.job.variables.items()}
    job = dataclasses.replace(ready.job, argv=argv, variables=variables)
    container = handover.container(folder)
    if plan.nodes > 1:
        job = nodes.head_job(folder, plan, job, container)
    elif container:
        job = wrap(job, container, gpus=plan.accelerator == "gpu")
    if plan.nodes == 1 and not (container and container.tool == "pyxis"):
        # Upstream code behaves otherwise where it finds a batch system; this is a run like any.
        for name in [n for n in os.environ if n.startswith("SLURM_")]:
            del os.environ[name]
    ready = dataclasses.replace(ready, job=job)
    with make_reporter(quiet=True) as reporter:
        # launch() is also where what watches the training of a node is started and stopped.
        end = launch(plan, ready, folder, (), reporter, told, local)
    keep(plan, ready, folder)
    return end


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
