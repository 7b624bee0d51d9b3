"""Train on the nodes of a Slurm cluster: all runs are submitted, then followed to their ends."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence

from msgspec.structs import replace

from mrbench.files import real_path
from mrbench.model.job import PreparedRun
from mrbench.model.options import ExecutorOptions
from mrbench.model.places import Places
from mrbench.model.plan import Plan
from mrbench.model.record import RunRecord
from mrbench.prepare.run_copy import Scratch
from mrbench.prepare.surroundings import HERE
from mrbench.recipe.plan import run_folder_name
from mrbench.run.recorder import Recorder, Run
from mrbench.run.slurm import client, submit
from mrbench.run.slurm.follow import Following
from mrbench.run.slurm.watcher import Watcher, watching


class Slurm:
    """The cluster that sbatch submits to; see run.executor.Executor."""

    name = "slurm"
    surroundings = HERE  # which the nodes share
    trains_here = False
    unavailable = staticmethod(client.unavailable)

    def __init__(self, options: ExecutorOptions) -> None:
        self._options = options

    def check(self, plans: Sequence[Plan]) -> None:
        """Ask Slurm whether it could run such jobs."""
        submit.check_submission(plans, self._options)

    def details(self, plan: Plan, places: Places) -> Mapping[str, str]:
        """Return the container and the script of a run of the plan."""
        folder = real_path(places.runs) / run_folder_name(plan, "TIME")
        name = f"mrbench-{plan.implementation}-RUN"
        container = {"container": self._options.container} if self._options.container else {}
        return {**container, "script": submit.render(plan, self._options, folder, name)}

    @contextlib.contextmanager
    def session(self, recorder: Recorder) -> Iterator["Submitted"]:
        """Take the runs of one command."""
        with contextlib.nullcontext() if self._options.detach else watching() as watcher:
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
        """Submit the run's job."""
        self._recorder.reporter.stage(run.plan.label, "submitting the job")
        number = submit.submit(run, prepared, scratch, self._options, self._watcher)
        run.close()  # hundreds may wait; slurm.json tells that it is with the cluster
        if self._watcher:
            self._following.add(number, run)
        else:
            self._detached.append(f"job {number}: {run.folder.path}")

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
