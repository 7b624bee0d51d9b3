"""The lease of a run that somebody waits for: not renewed for long, the run ends itself."""

import os
import signal
import threading
import time

from mrbench.model.finding import Problem
from mrbench.record.rundir import RunDir

# Longer than a shared file system may show an old file: NFS keeps attributes for up to a minute.
LEASE_S = float(os.environ.get("MRBENCH_LEASE_S", "300"))
_ended: list[Problem] = []


def watch(folder: RunDir) -> None:
    """Interrupt this process where the lease is not renewed; without a lease nobody waits."""
    if folder.lease.exists():
        threading.Thread(target=_watch, args=(folder,), daemon=True).start()


def why() -> Problem | None:
    """Return why the lease ended this run, if it did."""
    return _ended[0] if _ended else None


def _watch(folder: RunDir) -> None:
    last, renewed_s = b"", time.monotonic()
    while time.monotonic() - renewed_s < LEASE_S:
        try:
            number = folder.lease.read_bytes()
        except OSError:
            number = last
        if number and number != last:  # empty: being written
            last, renewed_s = number, time.monotonic()
        time.sleep(LEASE_S / 20)
    text = f"mrbench has not renewed {folder.lease} for {LEASE_S:g} s"
    _ended.append(Problem(text, "run again"))
    os.kill(os.getpid(), signal.SIGTERM)
