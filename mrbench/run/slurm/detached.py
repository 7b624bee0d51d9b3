"""Runs that were left to a cluster: where they stand, and their records once they are over."""

from collections.abc import Iterable
from pathlib import Path

import msgspec

from mrbench.measure.log.blocks import read_blocks
from mrbench.measure.parsers import parse_samples
from mrbench.record import rundir
from mrbench.record.formats import read_plan
from mrbench.record.rundir import RunDir
from mrbench.run.recorder import Recorder, Run
from mrbench.run.slurm import client, collect, handover, states
from mrbench.run.slurm.client import JobState
from mrbench.run.slurm.follow import Following, queued


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Where a run is that was submitted; text: the same for people.

    state, reason and nodes: as Slurm tells them, None or empty where it knows nothing. iteration:
    the last one that its log tells of.
    """

    run: str
    job: str
    state: str | None
    reason: str
    nodes: str
    iteration: int | None
    text: str

    def __str__(self) -> str:
        """Return it as people read it."""
        return f"{self.run}: {self.text}"


def look(submitted: Iterable[RunDir]) -> list[Standing]:
    """Return where each run is that was submitted and has no record."""
    folders = {handover.submission_of(f).job: f for f in submitted}
    jobs = client.jobs(folders)
    waits = any(job.state == "PENDING" for job in jobs.values())
    queue = client.queue() if waits else []
    return [_standing(number, f, jobs.get(number), queue) for number, f in folders.items()]


def record_those_over(folders: Iterable[RunDir], recorder: Recorder, *, wait: bool) -> None:
    """Record those that are over and say where the others are; wait: record all, as they end."""
    folders = list(folders)
    following = Following(recorder)
    for folder in folders:
        submission = handover.submission_of(folder)
        run = Run(folder, Path(submission.scratch), rundir.load(folder.draft))
        following.add(submission.job, run)
    if wait:
        following.to_the_end()
    elif folders:
        following.once()
        for standing in look(folder for folder in folders if not folder.record.exists()):
            recorder.reporter.note(str(standing))


def _standing(number: str, folder: RunDir, job: JobState | None, queue: list[str]) -> Standing:
    iteration = _iteration(folder) if folder.log.exists() else None
    if collect.settled(folder, job) or job is None:
        text = f"job {number} is over; `mrbench collect` writes the record"
    elif job.state == "PENDING":
        vain = states.HOPELESS.get(job.reason.partition(",")[0])
        text = queued(number, job, queue) + (f": {vain}" if vain else "")
    else:
        text = f"job {number} is {job.state.lower()} on {job.nodes}"
        text += f", iteration {iteration}" if iteration else ""
    return Standing(
        run="/".join(folder.path.parts[-3:]),
        job=number,
        state=job.state if job else None,
        reason=job.reason if job else "",
        nodes=job.nodes if job else "",
        iteration=iteration,
        text=text,
    )


def _iteration(folder: RunDir) -> int | None:
    """Return the last iteration that the run's log tells of; None as long as it tells of none."""
    plan = read_plan(folder.plan)
    log, _ = folder.measured(plan.log)
    if not log.exists():
        return None
    samples = parse_samples(read_blocks(log), plan.log, plan.rated_work, plan.window)
    last = None
    for sample in samples:
        last = sample.last
    return last
