"""The nouns of runs on a Slurm cluster: what the login node and the nodes tell one another; no I/O.

Each is a file of the run's folder.
"""

from typing import Annotated, Literal

import msgspec

from mrbench.model.doc import doc
from mrbench.model.finding import Problem
from mrbench.model.job import PreparedRun, RunError
from mrbench.model.machine import Machine
from mrbench.model.run import Exit

Tool = Literal["pyxis", "apptainer", "singularity"]


class Container(msgspec.Struct, frozen=True, kw_only=True):
    """The image, what starts it, and the folders that it sees at the same paths as outside."""

    tool: Annotated[Tool, doc("What starts it.")]
    image: Annotated[str, doc("The image, as the tool takes it.")]
    mounts: Annotated[tuple[str, ...], doc("Folders, at the same paths inside.")]


class NodeOrder(PreparedRun, frozen=True, kw_only=True):
    """prepared.json, for the nodes: what was prepared, and the container to train in, if any.

    The job's variables are as the training gets them, secrets too: for the owner's eyes alone.
    """

    container: Container | None = None


class Submission(msgspec.Struct, frozen=True, kw_only=True):
    """slurm.json: which job of which cluster a run is; scratch: the folder to remove after it.

    cluster: None where there is one only. detached: nobody waits for the run.
    """

    job: str
    name: str
    submitted: str
    script_sha256: str
    detached: bool
    scratch: str
    cluster: str | None = None


class NodeReport(msgspec.Struct, frozen=True, kw_only=True):
    """node.json, the last that the first node writes: what it is, and how the training ended there.

    One of exit, error and interrupted is set, unless mrbench itself failed. frozen: the packages
    of mrbench's own interpreter, where that trained.
    """

    job: str | None = None
    machine: Machine | None = None
    frozen: tuple[str, ...] | None = None
    exit: Exit | None = None
    error: RunError | None = None
    interrupted: Problem | None = None
    not_kept: tuple[str, ...] = ()
