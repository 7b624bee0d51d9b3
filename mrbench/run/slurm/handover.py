"""What the login node and the nodes of a cluster tell one another, as files of the run's folder."""

import json
from pathlib import Path
from typing import TypeVar

import msgspec

from mrbench import files
from mrbench.model.slurm import NodeOrder, NodeReport, Submission
from mrbench.record import rundir
from mrbench.record.rundir import RunDir

T = TypeVar("T")


def order_of(folder: RunDir) -> NodeOrder:
    """Return what the nodes are to do; MrbenchError if the file is damaged."""
    return read(folder.prepared, NodeOrder)


def submission_of(folder: RunDir) -> Submission:
    """Return which job the run is; MrbenchError if the file is damaged."""
    return read(folder.submission, Submission)


def report_of(folder: RunDir) -> NodeReport | None:
    """Return the first node's last word, once it is there; MrbenchError if the file is damaged."""
    return read(folder.node_report, NodeReport) if folder.node_report.exists() else None


def write(path: Path, value: msgspec.Struct) -> None:
    """Write one of these files whole or not at all.

    An order has the variables as they are, secrets too: it is for its owner alone.
    """
    text = json.dumps(msgspec.to_builtins(value, enc_hook=str), indent=1) + "\n"
    rundir.write(path, text, private=isinstance(value, NodeOrder))


def read(path: Path, cls: type[T]) -> T:
    """Read one of these files; MrbenchError says what is wrong with it."""
    with files.refusal("read", path, "run again"):
        return files.decode(path.read_bytes(), cls, str(path))
