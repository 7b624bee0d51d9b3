"""Hand a prepared run to Slurm: its batch script, and what the nodes need to know."""

import contextlib
import hashlib
import json
import sys
import tempfile
import uuid
from collections.abc import Sequence
from pathlib import Path

import msgspec

from mrbench import __version__
from mrbench.errors import MrbenchError, RecipeError
from mrbench.files import home
from mrbench.model.job import PreparedRun
from mrbench.model.options import ExecutorOptions
from mrbench.model.plan import Plan
from mrbench.model.slurm import NodeOrder, Submission
from mrbench.prepare.run_copy import Scratch
from mrbench.record import rundir
from mrbench.record.rundir import RunDir
from mrbench.run.recorder import Run, now
from mrbench.run.slurm import client, handover, script
from mrbench.run.slurm.container import choose
from mrbench.run.slurm.watcher import Watcher


def check_submission(plans: Sequence[Plan], options: ExecutorOptions) -> None:
    """Ask Slurm whether it could run such jobs, before anything is made; MrbenchError if not."""
    if options.container is not None:
        for plan in plans:
            if plan.nodes > 1 and not plan.on_each_node:
                text = "starts once for all nodes, which cannot reach into containers"
                remedy = "leave out --container, or --nodes"
                raise RecipeError(f"{plan.implementation} {text}", remedy)
        choose(options.container, (), options.nodes)
    scripts = {render(plan, options, Path("/dev"), "mrbench-check") for plan in plans}
    with tempfile.TemporaryDirectory(prefix="mrbench-") as folder:
        for text in sorted(scripts):
            path = Path(folder) / "job.sh"
            path.write_text(text)
            client.dry_submit(path)


def submit(
    run: Run,
    prepared: PreparedRun,
    scratch: Scratch,
    options: ExecutorOptions,
    watcher: Watcher | None,
) -> str:
    """Submit the run's job and return its number; MrbenchError or OSError where it is not taken.

    The scratch folder belongs to the job from then on. watcher: None where nobody waits for it.
    """
    folder = run.folder
    order = NodeOrder(**msgspec.structs.asdict(prepared))
    if options.container is not None:
        mounts = _mounts(folder, prepared)
        container = choose(options.container, mounts, run.plan.nodes)
        order = msgspec.structs.replace(order, container=container)
        run.know(cluster_container=container)
    handover.write(folder.prepared, order)
    run.enter()  # here: a job may be cancelled, or its node lost, before it can tell anybody
    rundir.write(folder.draft, json.dumps(run.record.plain(), indent=1) + "\n")
    name = f"mrbench-{run.plan.implementation}-{uuid.uuid4().hex[:8]}"
    text = render(run.plan, options, folder.path, name)
    rundir.write(folder.script, text)
    scratch.hand_over(folder.path)
    if watcher:
        watcher.take(name, folder.path)  # before: mrbench may be killed while sbatch runs
    try:
        number, cluster = client.submit(folder.script)
        submission = Submission(
            job=number,
            cluster=cluster or None,
            name=name,
            submitted=now(),
            script_sha256=hashlib.sha256(text.encode()).hexdigest(),
            detached=watcher is None,
            scratch=str(scratch.path),
        )
        handover.write(folder.submission, submission)
    except BaseException as exc:  # no answer, or a Ctrl-C: the job may be there all the same
        if not isinstance(exc, client.Refused):
            with contextlib.suppress(MrbenchError):
                client.cancel_named(name)
        if watcher:
            watcher.drop(name)  # its lease ends it where it could not be cancelled
        raise
    return number


def render(plan: Plan, options: ExecutorOptions, folder: Path, name: str) -> str:
    """Return the batch script of a run in that folder; RecipeError for an odd option."""
    if options.time is not None:
        script.check_time(options.time)
    return script.render(
        script.Order(
            name=name,
            comment=f"{plan.suite}/{plan.implementation}, by mrbench {__version__}",
            output=str(RunDir(folder).output),
            command=(sys.executable, "-m", "mrbench.run.slurm.node", str(folder)),
            nodes=plan.nodes,
            gpus_per_node=plan.gpus // plan.nodes if plan.accelerator == "gpu" else 0,
            wall_clock_limit_s=plan.wall_clock_limit_s,
            options=options,
        )
    )


def _mounts(folder: RunDir, prepared: PreparedRun) -> list[Path]:
    """Return the folders that a training in a container must see."""
    base = prepared.environment.python.resolve().parent.parent
    # /usr is the image's: it has to have the same Python there
    own = [] if base == Path("/usr") else [base]
    return [folder.path, home(), *prepared.job.read_only, *own]
