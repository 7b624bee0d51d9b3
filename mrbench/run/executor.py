"""What an executor offers to the life of a run: this machine, containers on it, or a cluster."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from mrbench.launch.executors.base import Site
from mrbench.model.job import PreparedRun
from mrbench.model.places import Places
from mrbench.model.plan import Plan
from mrbench.model.record import RunRecord
from mrbench.prepare.run_copy import Scratch
from mrbench.run.recorder import Recorder, Run


class Session(Protocol):
    """The runs of one command that were given to an executor; it has the end of each recorded."""

    def submit(self, run: Run, prepared: PreparedRun, scratch: Scratch) -> None:
        """Have a prepared run trained; comes back once the next one may be prepared.

        MrbenchError or OSError where that cannot be; nothing is recorded then.
        """

    def wait(self) -> None:
        """Wait until each run has its record, or is left to the cluster."""

    def stay_with(self, record: RunRecord) -> None:
        """Train further runs on the machine of this one, where there are several."""

    def cancel(self) -> None:
        """End the runs that are waited for, and wait until each has its record."""


class Executor(Site, Protocol):
    """Where and how runs train."""

    @property
    def name(self) -> str:
        """What the command line calls it."""

    def check(self, plans: Sequence[Plan]) -> None:
        """Raise MrbenchError if runs of these plans would be refused; nothing is made before."""

    def details(self, plan: Plan, places: Places) -> Mapping[str, str]:
        """Return what `--dry-run` shows of a run beyond what all runs have; touches nothing."""

    def session(self, recorder: Recorder) -> AbstractContextManager[Session]:
        """Take the runs of one command."""
