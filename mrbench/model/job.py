"""The nouns of preparation: the job that an executor starts, and what was made for it; no I/O."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from mrbench.model.run import Status


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A command with nothing left to fill in but {port}, for an executor.

    image: the id of the container image that its argv belongs to; None: this machine. read_only and
    writable: the folders that it needs, which a container must be given.
    """

    argv: tuple[str, ...]
    directory: Path
    variables: Mapping[str, str]
    terminal: bool
    wall_clock_limit_s: float
    stall_limit_s: float
    gpus: int = 0
    image: str | None = None
    read_only: tuple[Path, ...] = ()
    writable: tuple[Path, ...] = ()


class Workspace(msgspec.Struct, frozen=True, kw_only=True):
    """A checkout with patches applied; tree and base_tree are its tree ids with and without them.

    fetched_bytes: by how much the object store grew for it.
    """

    path: Path
    commit: str
    tree: str
    base_tree: str
    fetched_bytes: int
    reused: bool


class UsableEnvironment(msgspec.Struct, frozen=True, kw_only=True):
    """An environment that was made: its interpreter, the source to run from, and its frozen list.

    image: the id of the container image that holds the interpreter; None: it is on this machine.
    """

    python: Path
    template: Path
    digest: str
    frozen: tuple[str, ...]
    reused: bool
    made_in_s: float | None = None
    size_bytes: int | None = None
    image: str | None = None


class UsedWeights(msgspec.Struct, frozen=True, kw_only=True):
    """What a run trained from; checked_by: the published digest that agreed, or `first seen`."""

    file: str
    path: str
    url: str
    size_bytes: int
    sha256: str
    checked_by: str


class PreparedRun(msgspec.Struct, frozen=True, kw_only=True):
    """All that exists before the launch; folder: the run's scratch folder."""

    workspace: Workspace
    environment: UsableEnvironment
    folder: Path
    job: Job
    weights: tuple[UsedWeights, ...]


class RunError(msgspec.Struct, frozen=True, kw_only=True):
    """Why a run has no number where no log of its training tells: before it, or beside it."""

    reason: str
    exit_code: int
    status: Status = "failed"
