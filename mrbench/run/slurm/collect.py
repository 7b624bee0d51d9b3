"""How a cluster's run ended, from the files of its folder and Slurm's last word."""

import time
from pathlib import Path

from mrbench.errors import LaunchError, MrbenchError
from mrbench.model.finding import Problem
from mrbench.model.job import RunError
from mrbench.model.machine import Machine
from mrbench.model.record import SlurmJob
from mrbench.model.run import Exit
from mrbench.model.slurm import NodeReport, Submission
from mrbench.record.rundir import RunDir
from mrbench.run.ends import OWN_ENDS, exit_of, failure, interruption
from mrbench.run.recorder import Recorder, Run
from mrbench.run.slurm import handover, states
from mrbench.run.slurm.client import JobState

MESSAGE_BYTES = 1 << 12  # of what Slurm printed; its last line is quoted
TELEMETRY_S = 15.0  # on a busy node; where one was lost its last word never comes
INTERRUPTED = Problem("interrupted")  # what a node writes where it was told by a signal alone


def settled(folder: RunDir, job: JobState | None) -> bool:
    """Tell whether all is there that will be; job: as Slurm knows it, None if it does not."""
    report = handover.report_of(folder)
    if job is not None and job.state not in states.ENDED:
        return report is not None and _own_end(report)
    return report is not None or not folder.output.exists()


def finish(
    run: Run,
    job: JobState | None,
    recorder: Recorder,
    interrupted: str = "",
    never: Problem | None = None,
) -> None:
    """Have the run recorded.

    interrupted: why mrbench itself ended the job, if it did; never: why it would not have started.
    """
    if never:
        recorder.finish(run, RunError(reason=str(never), exit_code=LaunchError.exit_code))
        return
    try:
        _await_telemetry(run.folder)
        submission = handover.submission_of(run.folder)
        report = handover.report_of(run.folder) or NodeReport()
        if interrupted and not run.folder.log.exists():
            recorder.interrupted(run)
            return
        _know(run, submission, report, job)
        end = report.error or _end(run.folder, submission.job, report, job, interrupted)
    except (MrbenchError, OSError) as exc:
        end = failure(exc)
    recorder.finish(run, end)


def _own_end(report: NodeReport) -> bool:
    """Tell whether the node itself ended the training, or the training by itself and well."""
    end = report.exit
    return report.error is not None or bool(end and (end.reason in OWN_ENDS or end.code == 0))


def _await_telemetry(folder: RunDir) -> None:
    """Wait for the last word of what watched the nodes: it ends a moment after the training."""
    until_s = time.monotonic() + TELEMETRY_S
    files = list(folder.path.glob(f"{folder.telemetry.stem}*.jsonl"))
    while time.monotonic() < until_s and not all(map(_has_ended, files)):
        time.sleep(0.1)


def _has_ended(telemetry: Path) -> bool:
    return b'"ended"' in telemetry.read_bytes()[-MESSAGE_BYTES:]


def _know(run: Run, submission: Submission, report: NodeReport, job: JobState | None) -> None:
    """Add what the nodes and Slurm know."""
    if report.machine is not None:
        run.know_machine(report.machine, report.frozen)
    if report.not_kept:
        run.lose(*report.not_kept)
    others = run.folder.path.glob("node-*.json")
    paths = sorted(others, key=lambda path: (len(path.name), path.name))
    run.know(
        other_machines=tuple(handover.read(path, Machine) for path in paths),
        slurm=SlurmJob(
            job=submission.job,
            name=submission.name,
            submitted=submission.submitted,
            script_sha256=submission.script_sha256,
            detached=submission.detached,
            cluster=submission.cluster,
            state=job.state if job else None,
            nodes=job.nodes if job else None,
            cancelled_by=(job.by or None) if job else None,
        ),
    )


def _end(
    folder: RunDir, number: str, report: NodeReport, job: JobState | None, interrupted: str
) -> Exit:
    """Return how the training ended: by its own rules, by mrbench, by Slurm, by itself."""
    end = report.exit or exit_of(folder)
    if interrupted or (end and end.reason in OWN_ENDS):
        return interruption(end, Problem(interrupted))
    why = states.explain(job.state, number, job.nodes, job.by) if job else None
    if report.interrupted and not (why and job and job.state != "CANCELLED"):
        cancelled = Problem(why.text, why.remedy) if why else Problem("")
        by_signal = report.interrupted == INTERRUPTED
        return interruption(end, cancelled if by_signal else report.interrupted)
    if why:
        code, seconds = (end.code, end.seconds) if end else (None, 0.0)
        return Exit(
            reason=why.reason, code=code, seconds=seconds, message=why.text, remedy=why.remedy
        )
    return end or Exit(
        reason="exited",
        code=None,
        seconds=0.0,
        message=_without_report(folder, number, job),
        remedy=f"see {folder.output}",
    )


def _without_report(folder: RunDir, number: str, job: JobState | None) -> str:
    """Say how a job ended that no node reported of, as far as Slurm's own output tells."""
    output = ""
    if folder.output.exists():
        output = folder.output.read_bytes()[-MESSAGE_BYTES:].decode(errors="replace").strip()
    known = job.state if job else "unknown to Slurm"
    last = f": {output.splitlines()[-1][:300]}" if output else ""
    return f"job {number} ({known}) ended without a word of how{last}"
