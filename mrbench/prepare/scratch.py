"""The folder of one run: its copy of the source and what the training writes; gone afterwards."""

import contextlib
import fcntl
import shutil
from collections.abc import Iterator
from pathlib import Path

from mrbench.files import home

OWNER = ".owner"  # locked as long as the run lives; the kernel lets go of it when mrbench dies


def folder(suite: str, implementation: str, run_name: str) -> Path:
    """Return where a run's folder stands."""
    return home() / "scratch" / f"{suite}-{implementation}-{run_name}"


@contextlib.contextmanager
def own(path: Path) -> Iterator[Path]:
    """Make the folder and remove it in the end, with what runs that were killed left beside it."""
    sweep(path.parent)
    path.mkdir(parents=True)
    with (path / OWNER).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)


def sweep(parent: Path) -> list[Path]:
    """Remove the folders whose run is dead; return them."""
    removed = []
    for owner in parent.glob(f"*/{OWNER}"):
        with contextlib.suppress(OSError), owner.open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(owner.parent, ignore_errors=True)
            removed.append(owner.parent)
    return removed
