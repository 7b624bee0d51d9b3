"""Train on this machine, in a process or a container: one run at a time, its devices locked."""

import contextlib
import functools
import os
from collections.abc import Iterator, Mapping, Sequence

from mrbench import locks
from mrbench.doctor import cooldown
from mrbench.launch.executors.base import Launcher
from mrbench.model.job import PreparedRun
from mrbench.model.options import CoolDown, ExecutorOptions
from mrbench.model.places import Places
from mrbench.model.plan import Plan
from mrbench.prepare.run_copy import Scratch
from mrbench.run.recorder import Recorder, Run
from mrbench.run.training import train


class OnThisMachine:
    """Starts trainings with a launcher of this machine; see executor.Executor."""

    trains_here = True

    def __init__(self, name: str, launcher: Launcher, options: ExecutorOptions) -> None:
        self.name = name
        self.surroundings = launcher.surroundings
        self.unavailable = launcher.unavailable
        self._launcher, self._cool_down = launcher, options.cool_down

    def check(self, plans: Sequence[Plan]) -> None:
        """Know of nothing to ask beyond what was looked at already."""

    def details(self, _plan: Plan, _places: Places) -> Mapping[str, str]:
        """Have nothing to show beyond what all runs have."""
        return {}

    @contextlib.contextmanager
    def session(self, recorder: Recorder) -> Iterator["InTurn"]:
        """Take the runs of one command."""
        yield InTurn(self._launcher, self._cool_down, recorder)


class InTurn:
    """Runs that train as they come; see executor.Session."""

    def __init__(self, launcher: Launcher, cool_down: CoolDown | None, recorder: Recorder) -> None:
        self._launcher, self._cool_down, self._recorder = launcher, cool_down, recorder

    def submit(self, run: Run, prepared: PreparedRun, _scratch: Scratch) -> None:
        """Wait for the devices, train to the end, and record it."""
        reporter, plan = self._recorder.reporter, run.plan
        stage = functools.partial(reporter.stage, plan.implementation)
        with locks.machine_wide(device_names(plan), stage) as held:
            if self._cool_down is not None:
                problem = functools.partial(reporter.note, problem=True)
                run.know(cooled_down=cooldown.wait(self._cool_down, plan, stage, problem))
            stage("starting the training")
            end = train(
                plan,
                prepared,
                run.folder,
                self._launcher,
                reporter,
                know_machine=run.know_machine,
                keep_open=held,
            )
        self._recorder.finish(run, end)

    def wait(self) -> None:
        """Have nothing to wait for: all were trained when they were submitted."""

    def cancel(self) -> None:
        """Have nothing to end: an interrupted training has ended already."""


def device_names(plan: Plan) -> tuple[str, ...]:
    """Return the locks of a run: two on the same devices would slow one another down.

    All runs on a CPU share one.
    """
    if plan.accelerator == "cpu":
        return ("cpu",)
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = visible.split(",") if visible else [str(i) for i in range(plan.gpus)]
    plain = ["".join(c for c in name if c.isalnum() or c == "-") for name in names]
    return tuple(f"gpu{name}" for name in plain[: plan.gpus])
