"""Train on the nodes of a Slurm cluster: all runs are submitted, then followed to their ends."""

import contextlib
import hashlib
import json
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from msgspec.structs import asdict, replace

from mrbench.errors import MrbenchError, RecipeError
from mrbench.files import home, real_path
from mrbench.model.job import PreparedRun
from mrbench.model.options import ExecutorOptions
from mrbench.model.places import Places
from mrbench.model.plan import Plan
from mrbench.model.record import RunRecord
from mrbench.model.slurm import NodeOrder, Submission
from mrbench.prepare.run_copy import Scratch
from mrbench.prepare.surroundings import HERE
from mrbench.recipe.plan import run_folder_name
from mrbench.record import rundir
from mrbench.run.recorder import Recorder, Run, now
from mrbench.run.slurm import client, handover
from mrbench.run.slurm.container import choose
from mrbench.run.slurm.follow import Following
from mrbench.run.slurm.script import render
from mrbench.run.slurm.watcher import Watcher


class Slurm:
    """The cluster that sbatch submits to; see run.executor.Executor."""

    name = "slurm"
    surroundings = HERE  # which the nodes share
    trains_here = False
    unavailable = staticmethod(client.unavailable)

    def __init__(self, options: ExecutorOptions) -> None:
        self._options = options

    def check(self, plans: Sequence[Plan]) -> None:
        """Ask Slurm whether it could run such jobs; makes nothing. MrbenchError if not."""
        options = self._options
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

    def details(self, plan: Plan, places: Places) -> Mapping[str, str]:
        """Return the container and the script of a run of the plan."""
        folder = real_path(places.runs) / run_folder_name(plan, "TIME")
        name = f"mrbench-{plan.implementation}-RUN"
        container = {"container": self._options.container} if self._options.container else {}
        return {**container, "script": render(plan, self._options, folder, name)}

    @contextlib.contextmanager
    def session(self, recorder: Recorder) -> Iterator["Submitted"]:
        """Take the runs of one command."""
        if self._options.detach:
            yield Submitted(self._options, recorder, None)
            return
        with contextlib.closing(Watcher()) as watcher:
            yield Submitted(self._options, recorder, watcher)


class Submitted:
    """Jobs of the cluster; see run.executor.Session. watcher: None where nobody waits for them."""

    def __init__(
        self, options: ExecutorOptions, recorder: Recorder, watcher: Watcher | None
    ) -> None:
        self._options, self._recorder, self._watcher = options, recorder, watcher
        self._following = Following(recorder, watcher.drop) if watcher else Following(recorder)
        self._detached: list[str] = []

    def submit(self, run: Run, prepared: PreparedRun, scratch: Scratch) -> None:
        """Submit the run's job; MrbenchError or OSError where it is not taken.

        The scratch folder belongs to the job from then on.
        """
        self._recorder.reporter.stage(run.plan.label, "submitting the job")
        folder = run.folder
        order = NodeOrder(**asdict(prepared))
        if self._options.container is not None:
            mounts = _mounts(folder, prepared)
            container = choose(self._options.container, mounts, run.plan.nodes)
            order = replace(order, container=container)
            run.know(cluster_container=container)
        handover.write(folder.prepared, order)
        run.enter()  # here: a job may be cancelled, or its node lost, before it can tell anybody
        rundir.write(folder.draft, json.dumps(run.record.plain(), indent=1) + "\n")
        name = f"mrbench-{run.plan.implementation}-{uuid.uuid4().hex[:8]}"
        script = render(run.plan, self._options, folder.path, name)
        rundir.write(folder.script, script)
        scratch.hand_over(folder.path)
        if self._watcher:
            self._watcher.take(name, folder.path)  # before: mrbench may be killed while sbatch runs
        try:
            number, cluster = client.submit(folder.script)
            submission = Submission(
                job=number,
                cluster=cluster or None,
                name=name,
                submitted=now(),
                script_sha256=hashlib.sha256(script.encode()).hexdigest(),
                detached=self._watcher is None,
                scratch=str(scratch.path),
            )
            handover.write(folder.submission, submission)
        except BaseException as exc:  # no answer, or a Ctrl-C: the job may be there all the same
            if not isinstance(exc, client.Refused):
                with contextlib.suppress(MrbenchError):
                    client.cancel_named(name)
            if self._watcher:
                self._watcher.drop(name)  # its lease ends it where it could not be cancelled
            raise
        run.close()  # hundreds may wait; slurm.json tells that it is with the cluster
        if self._watcher:
            self._following.add(number, run)
        else:
            self._detached.append(f"job {number}: {folder.path}")

    def wait(self) -> None:
        """Follow the jobs to their ends; say which ones are left to the cluster."""
        self._following.to_the_end()
        for line in self._detached:
            self._recorder.reporter.note(line)

    def stay_with(self, record: RunRecord) -> None:
        """Ask for the same nodes from now on."""
        if record.slurm is not None and record.slurm.nodes:
            self._options = replace(self._options, nodelist=record.slurm.nodes)

    def cancel(self) -> None:
        """Cancel the jobs that are waited for, until they are gone."""
        self._following.cancel()


def _mounts(folder: rundir.RunDir, prepared: PreparedRun) -> list[Path]:
    """Return the folders that a training in a container must see."""
    base = prepared.environment.python.resolve().parent.parent
    # /usr is the image's: it has to have the same Python there
    own = [] if base == Path("/usr") else [base]
    return [folder.path, home(), *prepared.job.read_only, *own]
