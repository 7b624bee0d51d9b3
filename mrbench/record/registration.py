"""Registrations on disk."""

from pathlib import Path

from mrbench import files
from mrbench.errors import CheckFailed
from mrbench.model.registration import FORMAT, Registration
from mrbench.record import rundir


def read(path: Path) -> Registration:
    """Read a registration; MrbenchError if it is none, or not as its own digest says."""
    raw = rundir.read_bytes(path)
    found = files.decode(
        raw, Registration, path, remedy="give a file that `mrbench register` wrote"
    )
    files.check_format(found.format, "registration", range(1, FORMAT + 1), path)
    if files.digest_of(files.loads(raw, path)) != found.digest:
        text = "is not as its own digest says: it was edited after it was registered"
        raise CheckFailed(text, "restore it, or register anew", file=path)
    return found
