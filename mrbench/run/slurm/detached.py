"""Runs that were left to a cluster: where they stand, and their records once they are over."""

from pathlib import Path
from typing import Any

from mrbench.console import Reporter
from mrbench.measure.log.blocks import read_blocks
from mrbench.measure.parsers import parse
from mrbench.record import rundir
from mrbench.record.rundir import RunDir
from mrbench.run.slurm import client, collect, handover, states, watching
from mrbench.run.slurm.client import Job
from mrbench.run.slurm.follow import Following

Row = dict[str, Any]


def look(runs: Path) -> list[Row]:
    """Return a row for each run that was submitted and has no record, oldest first."""
    folders = {_number(folder): folder for folder in rundir.find_submitted(runs)}
    known = client.jobs(folders)
    waits = any(job.state == "PENDING" for job in known.values())
    queue = client.queue() if waits else []
    return [_row(number, folder, known.get(number), queue) for number, folder in folders.items()]


def as_line(row: Row) -> str:
    """Return a row as people read it."""
    return f"{row['run']}: {row['text']}"


def collect_all(runs: Path, reporter: Reporter, *, wait: bool) -> list[Row]:
    """Finish what is over and return the records; wait: also what is not over yet, as it ends."""
    following = Following(reporter)
    for folder in rundir.find_submitted(runs):
        following.add(folder)
    if wait:
        following.to_the_end()
    else:
        following.once()
        for row in look(runs):
            reporter.note(as_line(row))
    return following.records


def _number(folder: RunDir) -> str:
    return str(handover.load(folder.submission)["job"])


def _row(number: str, folder: RunDir, job: Job | None, queue: list[str]) -> Row:
    row = {
        "run": "/".join(folder.path.parts[-3:]),
        "job": number,
        "state": job.state if job else None,
        "reason": job.reason if job else "",
        "nodes": job.nodes if job else "",
        "iteration": _iteration(folder) if folder.log.exists() else None,
    }
    if collect.settled(folder, job) or job is None:
        text = f"job {number} is over; `mrbench collect` writes the record"
    elif job.state == "PENDING":
        vain = states.HOPELESS.get(job.reason.partition(",")[0])
        text = watching.queued(number, job, queue) + (f": {vain}" if vain else "")
    else:
        text = f"job {number} is {job.state.lower()} on {job.nodes}"
        text += f", iteration {row['iteration']}" if row["iteration"] else ""
    return row | {"text": text}


def _iteration(folder: RunDir) -> int | None:
    plan, _ = handover.read(folder)
    samples = parse(read_blocks(folder.log), plan.log, plan.images_per_iteration, plan.window)
    last = None
    for sample in samples:
        last = sample.last
    return last
