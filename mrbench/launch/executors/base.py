"""What every executor offers, and the names of the files that it leaves in a run's folder."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Literal, Protocol

from msgspec import Struct

from mrbench.model.finding import Problem
from mrbench.model.recipe import Environment
from mrbench.model.run import Exit, Job
from mrbench.prepare.environment import Ready

LOG = "train.log"  # what the job printed, byte for byte
STAMPS = "train.stamps"  # when each part of it arrived; mrbench.stamps reads it
EXIT = "exit.json"  # how the job ended; written last, by rename
CONTAINER = "container.json"  # what a container was made of and how it ended


class Wishes(Struct, frozen=True, kw_only=True):
    """What the command line asks of an executor; each takes what concerns it.

    image: run in this one as it is; base_image: build the recipe's environment upon this one. shm:
    size of /dev/shm as Docker writes it (16g), or `host` for this machine's own. memory: limit of a
    container, as 64g.
    """

    executor: str = "local"
    image: str | None = None
    base_image: str | None = None
    shm: str | None = None
    memory: str | None = None
    nodes: int = 1
    partition: str | None = None
    time_limit: str | None = None
    account: str | None = None
    constraint: str | None = None
    container: str | None = None
    detach: bool = False


class Surroundings(Protocol):
    """Where a job's interpreter, libraries and programs are: on this machine, or in an image."""

    @property
    def in_image(self) -> bool:
        """Tell whether what is installed on this machine does not matter."""
        ...

    def problem(self, env: Environment, gpus: int, /) -> Problem | None:
        """Say what is lacking for this environment, or None; makes nothing."""
        ...

    def prepare(
        self,
        env: Environment,
        checkout: Path,
        tree: str,
        progress: Callable[[str], None],
        *,
        lock: bytes | None = None,
        packages: Callable[[], Sequence[Path]] = list,
        wheels: Path | None = None,
    ) -> Ready:
        """Make the environment, or find it made; see environment.prepare."""
        ...

    def step(self, job: Job, log: Path, what: str) -> None:
        """Run a command to its end, its output appended to `log`; LaunchError if it fails."""
        ...


class Running(Protocol):
    """A job that was started."""

    def blocks(self, tick: Callable[[], None], poll_s: float = 0.05) -> Iterator[tuple[int, bytes]]:
        r"""Follow the log until the job has ended: (offset of the block's first byte, block).

        A block ends behind a \n or \r, which may part \r\n, except the last one and where more
        than 4 MiB came without either. `tick` is called at least every `poll_s`, as far as the
        caller comes back for the next block.
        """
        ...

    def root(self) -> int | None:
        """Return the process below which all of the job runs; None where it is elsewhere."""
        ...

    def stop(self, reason: Literal["enough", "interrupted"]) -> None:
        """Ask for the job's end; does not wait for it."""
        ...

    def exit(self) -> Exit:
        """Tell how the job ended; only once it has, as it has when the block was left.

        A message stands for a failure that no reason has a name for, such as a full disk.
        """
        ...


class Executor(Protocol):
    """A place to run a job."""

    @property
    def surroundings(self) -> Surroundings:
        """What the jobs find there."""
        ...

    def unavailable(self) -> Problem | None:
        """Say what this machine lacks to run jobs here, or None."""
        ...

    def start(
        self, job: Job, folder: Path, *, keep_open: tuple[int, ...] = (), grace_s: float = 5.0
    ) -> AbstractContextManager[Running]:
        """Start the job, its log and stamps in `folder`; leaving the block ends all of it.

        The job's variables are added to mrbench's own on this machine, in a container to the
        image's. `keep_open`: file descriptors (of locks) that live as long as the job, even where
        mrbench is killed. `grace_s`: time between SIGTERM and SIGKILL. LaunchError: the command
        cannot be started.
        """
        ...
