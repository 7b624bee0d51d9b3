"""What is seen of a cluster's run from outside: its place in the queue, its log as it grows."""

import time
from collections.abc import Callable, Iterator, Sequence

from mrbench.console import Reporter
from mrbench.measure.parsers import parse, until_past
from mrbench.record.rundir import RunDir
from mrbench.run.progress import Progress
from mrbench.run.slurm import handover
from mrbench.run.slurm.client import Job

BLOCK_BYTES = 1 << 20
POLL_S = 0.25


def show(folder: RunDir, reporter: Reporter, goes_on: Callable[[], bool]) -> None:
    """Show the progress of a run that trains, up to the end of its window; nothing is recorded."""
    plan, _ = handover.read(folder)
    progress = Progress(plan, reporter)
    blocks = _blocks(folder, goes_on)
    samples = parse(blocks, plan.log, plan.images_per_iteration, plan.window)
    for sample in until_past(samples, plan.window):
        progress.show(sample)
    while goes_on():
        time.sleep(POLL_S)


def _blocks(folder: RunDir, goes_on: Callable[[], bool]) -> Iterator[tuple[int, bytes]]:
    """Yield the log as it grows, in whole lines, as long as the run goes on."""
    offset, held = 0, b""
    with folder.log.open("rb", buffering=0) as log:
        while True:
            fresh = log.read(BLOCK_BYTES)
            held += fresh
            cut = max(held.rfind(b"\n"), held.rfind(b"\r")) + 1
            if cut:
                yield offset, held[:cut]
                offset, held = offset + cut, held[cut:]
            if not goes_on():
                return
            if not fresh:
                time.sleep(POLL_S)


def queued(number: str, job: Job, queue: Sequence[str]) -> str:
    """Return where a job that waits stands in the queue, and what it waits for."""
    place = queue.index(number) + 1 if number in queue else None
    where = f", {place} of {len(queue)} that wait" if place else ""
    why = "for Slurm to look at it" if job.reason == "None" else f"({job.reason})"
    return f"job {number} waits {why}{where}"
