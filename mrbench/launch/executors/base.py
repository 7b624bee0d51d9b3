"""What starts a job, and the names of the files that it leaves in a run's folder."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Literal, Protocol

from mrbench.model.finding import Problem
from mrbench.model.job import Job
from mrbench.model.run import Exit
from mrbench.prepare.surroundings import Surroundings

LOG = "train.log"  # what the job printed, byte for byte
STAMPS = "train.stamps"  # when each part of it arrived; mrbench.measure.log.blocks reads it
EXIT = "exit.json"  # how the job ended; written last, by rename
CONTAINER = "container.json"  # what a container was made of and how it ended


class Running(Protocol):
    """A job that was started."""

    def blocks(
        self, tick: Callable[[], None], poll_s: float = 0.05, *, log: Path | None = None
    ) -> Iterator[tuple[int, bytes]]:
        r"""Follow the log until the job has ended: (offset of the block's first byte, block).

        log: another file to follow.

        A block ends behind a \n or \r, which may part \r\n, except the last one and where more
        than 4 MiB came without either. `tick` is called at least every `poll_s`, as far as the
        caller comes back for the next block.
        """

    def root(self) -> int | None:
        """Return the process below which all of the job runs; None where it is elsewhere."""

    def stop(self, reason: Literal["enough", "interrupted"]) -> None:
        """Ask for the job's end; does not wait for it."""

    def exit(self) -> Exit:
        """Tell how the job ended; only once it has, as it has when the block was left.

        A message stands for a failure that no reason has a name for, such as a full disk.
        """


class Site(Protocol):
    """Where runs train, as far as the checks before their start need to know."""

    @property
    def surroundings(self) -> Surroundings:
        """What the jobs find there."""

    @property
    def trains_here(self) -> bool:
        """Tell whether it is this machine that trains, with its GPUs."""

    def unavailable(self) -> Problem | None:
        """Say what this machine lacks to have runs trained there, or None."""


class Launcher(Site, Protocol):
    """Starts jobs on this machine, as processes or in containers."""

    def start(
        self, job: Job, folder: Path, *, keep_open: tuple[int, ...] = (), grace_s: float = 5.0
    ) -> AbstractContextManager[Running]:
        """Start the job, its log and stamps in `folder`; leaving the block ends all of it.

        The job's variables are added to mrbench's own on this machine, in a container to the
        image's. `keep_open`: file descriptors (of locks) that live as long as the job, even where
        mrbench is killed. `grace_s`: time between SIGTERM and SIGKILL. LaunchError: the command
        cannot be started.
        """
