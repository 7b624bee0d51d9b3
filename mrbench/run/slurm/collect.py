"""Finish the record of a run that a cluster trained, from its folder and Slurm's last word."""

import contextlib
import shutil
import time
from pathlib import Path
from typing import Any

import msgspec

from mrbench.errors import MrbenchError
from mrbench.model.run import Exit, Status
from mrbench.record import judge, rundir
from mrbench.record.formats import read_plan
from mrbench.record.record import conclude, now
from mrbench.record.rundir import RunDir
from mrbench.run.slurm import handover, states
from mrbench.run.slurm.client import Job

Record = dict[str, Any]
# Ends that Slurm's state would only repeat; of others it may be the cause.
SAID_BYTES = 1 << 12  # of what Slurm printed; its last line is quoted
TELEMETRY_S = 5.0  # it samples once a second; where a node was lost its last word never comes
OWN_ENDS = ("enough", "timed_out", "stalled")


def settled(folder: RunDir, job: Job | None) -> bool:
    """Tell whether all is there that will be; job: as Slurm knows it, None if it does not."""
    if job is not None and job.state not in states.ENDED:
        return folder.told.exists() and _own_end(handover.load(folder.told))
    return folder.told.exists() or not folder.output.exists()


def _own_end(told: dict[str, Any]) -> bool:
    end = told.get("exit") or {}
    return "error" in told or end.get("reason") in OWN_ENDS or end.get("code") == 0


def finish(folder: RunDir, job: Job | None, interrupted: str = "") -> Record:
    """Write the run's record and return it; then remove what only the nodes needed.

    interrupted: why mrbench itself ended the job, if it did.
    """
    if folder.record.exists():  # by another mrbench, meanwhile
        return rundir.read_record(folder.record)
    _await_telemetry(folder)
    record = handover.load(folder.draft)
    submission = handover.load(folder.submission)
    told = handover.load(folder.told) if folder.told.exists() else {}
    try:
        _add(record, folder, submission, told, job)
        _conclude(record, folder, told, _end(folder, submission["job"], told, job, interrupted))
    except MrbenchError as exc:
        record |= {"status": "failed", "reason": str(exc), "exit_code": exc.exit_code}
    record["ended"] = now()
    record["files"] = rundir.describe_files(folder)
    rundir.write_record(folder, record)
    shutil.rmtree(submission["scratch"], ignore_errors=True)
    for path in (folder.draft, folder.prepared, folder.lease):
        with contextlib.suppress(OSError):
            path.unlink()
    return record


def _await_telemetry(folder: RunDir) -> None:
    """Wait for the last word of what watched the nodes: it ends a moment after the training."""
    until_s = time.monotonic() + TELEMETRY_S
    files = list(folder.path.glob(f"{folder.telemetry.stem}*.jsonl"))
    while time.monotonic() < until_s and not all(map(_has_ended, files)):
        time.sleep(0.1)


def _has_ended(telemetry: Path) -> bool:
    return b'"ended"' in telemetry.read_bytes()[-SAID_BYTES:]


def _add(
    record: Record,
    folder: RunDir,
    submission: dict[str, Any],
    told: dict[str, Any],
    job: Job | None,
) -> None:
    """Add what the nodes and Slurm know."""
    if "machine" in told:
        record["machine"] = told["machine"]
    record["environment"] |= told.get("environment", {})
    others = sorted(folder.path.glob("node-*.json"), key=lambda p: (len(p.name), p.name))
    record["other_machines"] = [handover.load(path) for path in others]
    record["slurm"] = {n: v for n, v in submission.items() if n != "scratch"} | {
        "state": job.state if job else None,
        "nodes": job.nodes if job else None,
        "cancelled_by": (job.by or None) if job else None,
    }


def _end(
    folder: RunDir, number: str, told: dict[str, Any], job: Job | None, interrupted: str
) -> Exit:
    wrote = told.get("exit")
    if wrote is None and folder.exit.exists():
        wrote = handover.load(folder.exit)
    known = [field.name for field in msgspec.structs.fields(Exit)]
    end = Exit(**{name: wrote[name] for name in known if name in wrote}) if wrote else None
    if end and end.reason in OWN_ENDS:
        return end
    seconds = end.seconds if end else 0.0
    code = end.code if end else None
    if interrupted:
        return Exit(reason="interrupted", code=code, seconds=seconds, message=interrupted)
    why = states.explain(job.state, number, job.nodes, job.by) if job else None
    if "interrupted" in told and not (why and job and job.state != "CANCELLED"):
        lease = told["interrupted"] if told["interrupted"] != "interrupted" else ""
        text = lease or (why.text if why else "")
        return Exit(reason="interrupted", code=code, seconds=seconds, message=text)
    if why:
        return Exit(reason=why.reason, code=code, seconds=seconds, message=why.text)
    if end:
        return end
    return Exit(reason="exited", code=None, seconds=0.0, message=_silence(folder, number, job))


def _silence(folder: RunDir, number: str, job: Job | None) -> str:
    said = ""
    if _has(folder.output):
        said = folder.output.read_bytes()[-SAID_BYTES:].decode(errors="replace").strip()
    known = job.state if job else "unknown to Slurm"
    last = f": {said.splitlines()[-1][:300]}" if said else ""
    return f"job {number} ({known}) ended without a word of how{last}; see {folder.output}"


def _conclude(record: Record, folder: RunDir, told: dict[str, Any], end: Exit) -> None:
    if "error" in told:
        record |= {"status": "failed", **told["error"]}
    elif _has(folder.log) and folder.stamps.exists():
        plan = read_plan(folder.plan)
        conclude(record, folder, plan, rundir.suite_of(record), end)
    else:
        kinds: dict[str, Status] = {
            "interrupted": "interrupted",
            "timed_out": "timed_out",
            "out_of_memory": "out_of_memory",
        }
        status = kinds.get(end.reason, "failed")
        record |= {"status": status, "exit_code": judge.exit_code_of(status)}
        record["reason"] = end.message or "interrupted before it printed anything; run again"


def _has(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


def refused(folder: RunDir, record: Record, exc: MrbenchError) -> Record:
    """Write the record of a run that never became a job."""
    record |= {"status": "failed", "reason": str(exc), "exit_code": exc.exit_code, "ended": now()}
    record["files"] = rundir.describe_files(folder)
    rundir.write_record(folder, record)
    return record
