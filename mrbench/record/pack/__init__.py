"""`mrbench pack`: one archive of a run, without secrets, host names and user names.

choice.py: what to hide; copy.py: the folder without it; write.py: the archive.
"""

import re
import tempfile
from pathlib import Path

from mrbench.errors import CheckFailed, MrbenchError
from mrbench.record import rundir, verify
from mrbench.record.archive import Opened
from mrbench.record.pack.choice import choose
from mrbench.record.pack.copy import Packed, masked_copy
from mrbench.record.pack.write import write
from mrbench.record.rundir import RunDir

__all__ = ["Packed", "pack"]
ID = re.compile(r"(\w[\w.-]*/){2}\w[\w.-]*")


def pack(run: Opened, out: Path) -> Packed:
    """Write the archive of a run that is as recorded; MrbenchError or CheckFailed if it cannot be.

    Every masked text keeps its length in bytes, so that the arrival times still fit the log and
    the number can be computed again; that is tried before anything is written.
    """
    if out.exists():
        raise MrbenchError("exists already", "choose another name, or remove it", file=out)
    if run.is_archive:
        raise MrbenchError(f"{run.called}: is an archive already", "give a run's folder")
    record = rundir.read_record(run.folder.record)
    # Digests are made anew: what was edited before would look untouched afterwards.
    edited = _mismatch(run)
    if edited or not ID.fullmatch(record["id"]):
        raise CheckFailed(
            f"{run.called}: is not as recorded ({edited or 'its id'}); `mrbench verify` tells all",
            "restore the run",
        )
    secrets, names, left = choose(run, record)
    with tempfile.TemporaryDirectory(prefix="mrbench-") as temporary:
        folder = RunDir(Path(temporary) / "all" / record["id"])
        packed = masked_copy(run, record, folder, (*secrets, *names), left)
        if _mismatch(Opened(folder, "", is_archive=True)):
            left = (*left, "host and user names in texts (the log would read otherwise)")
            folder = RunDir(Path(temporary) / "secrets" / record["id"])
            packed = masked_copy(run, record, folder, tuple(secrets), left)
            changed = _mismatch(Opened(folder, "", is_archive=True))
            if changed:
                raise MrbenchError(
                    f"{run.called}: without its secrets the files would say something else"
                    f" ({changed})",
                    "train again without secrets in the output",
                )
        write(folder, packed.record, out)
    return packed


def _mismatch(run: Opened) -> str | None:
    """Say what in a run is not as recorded, or None."""
    _, findings = verify.verify(run, leave_out=("source",))
    return next((f"{f.topic}: {f.text}" for f in findings if f.outcome == "failed"), None)
