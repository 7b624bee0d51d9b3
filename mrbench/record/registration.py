"""Registrations on disk, and how many of their runs a ledger has."""

from collections import Counter
from pathlib import Path

from mrbench import files
from mrbench.errors import CheckFailed
from mrbench.model.ledger import LedgerEntry
from mrbench.model.registration import FORMAT, Registration
from mrbench.record import ledger, rundir


def read(path: Path) -> Registration:
    """Read a registration; MrbenchError if it is none, or not as its own digest says."""
    raw = rundir.read_bytes(path)
    remedy = "give a file that `mrbench register` wrote"
    found = files.decode(raw, Registration, path, remedy=remedy)
    files.check_format(found.format, "registration", range(1, FORMAT + 1), path)
    if files.digest_of(files.loads(raw, path)) != found.digest:
        text = "is not as its own digest says: it was edited after it was registered"
        raise CheckFailed(text, "restore it, or register anew", file=path)
    return found


def begun(runs: Path, digest: str) -> Counter[str]:
    """Return how many runs of each plan, by its digest, were begun under a registration."""
    entries = [line.entry for line in ledger.lines(runs) if isinstance(line.entry, LedgerEntry)]
    return Counter(
        entry.plan for entry in entries if (entry.kind, entry.registered) == ("began", digest)
    )
