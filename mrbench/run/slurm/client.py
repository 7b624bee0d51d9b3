"""The door to Slurm's commands, each call with a time limit: without its controller they hang."""

import datetime as dt
import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from msgspec import Struct

from mrbench.errors import LaunchError, MrbenchError, UnavailableError
from mrbench.model.finding import Problem
from mrbench.run.slurm import states

ANSWER_S = 30.0
SUBMIT_S = 90.0  # sbatch itself tries again for a while where the queue is full
PATIENCE_S, FIRST_PAUSE_S = 60.0, 1.0  # for a controller that is being restarted
STARTING_S = 60.0
# Users' defaults for these commands, which hide jobs from them or ask another cluster.
HIDING = ("SQUEUE_", "SCANCEL_", "SACCT_", "SCONTROL_", "SINFO_")
HIDING_ALSO = ("SLURM_CLUSTERS", "SLURM_TIME_FORMAT")
# A user's defaults that stand for what no option names; all else of SBATCH_* would go before the
# script's own lines, which say how a run is kept undisturbed.
DEFAULTS = ("ACCOUNT", "PARTITION", "CONSTRAINT", "QOS", "RESERVATION")


class Refused(LaunchError):  # noqa: N818 - an answer of Slurm's
    """Slurm said no, in these words."""

    def __init__(self, text: str, remedy: str = "", *, message: str = "") -> None:
        super().__init__(text, remedy)
        self.message = message


class JobState(Struct, frozen=True, kw_only=True):
    """What the controller says of a job; state is Slurm's word, reason why it waits or ended."""

    id: str
    state: str
    reason: str = ""
    nodes: str = ""
    by: str = ""


def unavailable() -> Problem | None:
    """Say what this machine lacks to submit jobs, or None."""
    absent = [n for n in ("sbatch", "squeue", "scancel", "scontrol") if shutil.which(n) is None]
    if absent:
        remedy = "run on a login node of the cluster, with Slurm's commands loaded"
        return Problem(f"{', '.join(absent)} not on PATH", remedy)
    return None


def dry_submit(script: Path) -> None:
    """Ask whether such a job could ever run, without submitting it.

    RecipeError where an option is wrong, UnavailableError where the cluster lacks what it asks for.
    """
    try:
        _patiently("--test-only", script)
    except Refused as exc:
        _, kind = states.refusal(exc.message)
        raise kind(exc.text, exc.remedy) from exc


def submit(script: Path) -> tuple[str, str]:
    """Submit the script; return the job's id and the cluster's name (empty where it is the one)."""
    answer = _patiently("--parsable", script)
    number, _, cluster = answer.strip().splitlines()[-1].partition(";")
    return number, cluster


def _patiently(option: str, script: Path) -> str:
    """Run sbatch, again as long as the controller is only being restarted."""
    until_s, pause_s = time.monotonic() + PATIENCE_S, FIRST_PAUSE_S
    while True:
        try:
            return _ask("sbatch", option, str(script), limit_s=SUBMIT_S, variables=_quiet(script))
        except Refused as exc:
            passes = states.says(exc.message, states.PASSING) or (
                states.says(exc.message, states.LATE) and _has_just_started()
            )
            if not passes or time.monotonic() + pause_s > until_s:
                raise
        time.sleep(pause_s)
        pause_s *= 2


def _has_just_started() -> bool:
    """Tell whether the controller may not have heard of all its nodes yet."""
    try:
        answer = _ask("scontrol", "show", "config")
        (line,) = (line for line in answer.splitlines() if line.startswith("BOOT_TIME"))
        began = dt.datetime.fromisoformat(line.partition("= ")[2].strip())
    except (MrbenchError, ValueError):
        return False
    return abs((dt.datetime.now() - began).total_seconds()) < STARTING_S  # noqa: DTZ005 - as Slurm prints it


def cancel(*names: str) -> None:
    """Cancel jobs by id, whatever state they are in; those that have ended are no error."""
    if names:
        _ask_of_jobs("scancel", "--quiet", *names)


def cancel_named(name: str) -> None:
    """Cancel the jobs of a name, which may be none."""
    _ask("scancel", "--quiet", f"--name={name}")


def jobs(ids: Iterable[str]) -> dict[str, JobState]:
    """Return what is known of these jobs: of the queue, else of the accounting, if there is one."""
    numbers = list(ids)
    if not numbers:
        return {}
    form = ("--noheader", "--states=all", "--format=%i|%T|%r|%N")
    answer = _ask_of_jobs("squeue", *form, f"--jobs={','.join(numbers)}")
    known_jobs = {}
    for line in answer.splitlines():
        number, state, reason, nodes = line.split("|", 3)
        known_jobs[number] = JobState(id=number, state=state, reason=reason, nodes=nodes)
    for number in numbers:  # squeue may hide some, by a cluster's own settings
        shown = None if number in known_jobs else _shown(number)
        if shown:
            known_jobs[number] = shown
    over = [n for n in numbers if n not in known_jobs or known_jobs[n].state in states.ENDED]
    return known_jobs | _accounted(over)


def _shown(number: str) -> JobState | None:
    """Ask the controller for one job; None where it does not know it."""
    answer = _ask_of_jobs("scontrol", "--oneliner", "show", "job", number)
    facts = dict(word.partition("=")[::2] for word in answer.split())
    nodes = facts.get("NodeList", "").replace("(null)", "")
    state, reason = facts.get("JobState", ""), facts.get("Reason", "")
    return JobState(id=number, state=state, reason=reason, nodes=nodes) if state else None


def _accounted(ids: list[str]) -> dict[str, JobState]:
    """Ask the accounting, which also knows who cancelled; without one there is nothing to know."""
    if not ids or shutil.which("sacct") is None:
        return {}
    form = "--format=JobID,State,NodeList"
    try:
        answer = _ask("sacct", "-n", "-X", "-P", f"--jobs={','.join(ids)}", form)
    except (Refused, UnavailableError):
        return {}
    known_jobs = {}
    for line in answer.splitlines():
        number, state, nodes = line.split("|", 2)
        word, _, by = state.partition(" by ")
        nodes = "" if nodes == "None assigned" else nodes
        known_jobs[number] = JobState(id=number, state=word, nodes=nodes, by=_user(by))
    return known_jobs


def _user(number: str) -> str:
    try:
        return pwd.getpwuid(int(number)).pw_name
    except (KeyError, ValueError):
        return number


def queue() -> list[str]:
    """Return the ids of all jobs that wait, anybody's, the next one first."""
    form = ("--noheader", "--states=PENDING", "--sort=-p,i", "--format=%i")
    return _ask("squeue", *form).split()


def first_node(nodelist: str) -> str:
    """Return the address by which the other nodes reach the first of the job's nodes."""
    name = _ask("scontrol", "show", "hostnames", nodelist).split()[0]
    facts = dict(
        word.partition("=")[::2] for word in _ask("scontrol", "show", "node", name).split()
    )
    return facts.get("NodeAddr") or name


def has_pyxis() -> bool:
    """Tell whether srun has the options of NVIDIA's plugin for containers."""
    return "--container-image" in _ask("srun", "--help")


def _quiet(script: Path) -> dict[str, str]:
    """Return the environment without SBATCH_*, but for defaults of what the script leaves open."""
    stated = script.read_text()
    kept = {f"SBATCH_{n}" for n in DEFAULTS if f"#SBATCH --{n.lower()}=" not in stated}
    return {n: v for n, v in os.environ.items() if not n.startswith("SBATCH_") or n in kept}


def _ask_of_jobs(command: str, *words: str) -> str:
    """Ask of jobs, or cancel them; empty where Slurm has forgotten the only one."""
    try:
        return _ask(command, *words)
    except Refused as exc:
        if "Invalid job id" not in exc.message:
            raise
        return ""


def _ask(
    command: str,
    *words: str,
    limit_s: float = ANSWER_S,
    variables: Mapping[str, str] | None = None,
) -> str:
    try:
        done = subprocess.run(
            [command, *words],
            env={**_unfiltered(os.environ if variables is None else variables), "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=limit_s,
            check=False,
            start_new_session=True,  # Ctrl-C is for mrbench, which has jobs to cancel first
        )
    except FileNotFoundError as exc:
        raise UnavailableError(f"`{command}` is not on PATH", "load Slurm's commands") from exc
    except subprocess.TimeoutExpired as exc:
        message = _last((exc.stderr or b"").decode(errors="replace"))
        text = f"{command}: no answer within {limit_s:g} s"
        remedy = "see whether `scontrol ping` finds the controller"
        if message:
            text, remedy = f"{text} ({message})", states.refusal(message)[0]
        raise UnavailableError(text, remedy) from exc
    if done.returncode:
        message = _last(done.stderr) or f"ended with {done.returncode}"
        raise Refused(f"{command}: {message}", states.refusal(message)[0], message=message)
    return done.stdout


def _unfiltered(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the variables without what changes the answers to mrbench's own questions."""
    return {n: v for n, v in variables.items() if not n.startswith(HIDING) and n not in HIDING_ALSO}


def _last(text: str) -> str:
    """Return the last line, which says most, without the names of programs before it."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for beginning in ("sbatch: ", "squeue: ", "scancel: ", "slurm_load_jobs ", "error: "):
        lines = [line.removeprefix(beginning) for line in lines]
    return lines[-1].removeprefix("allocation failure: ").rstrip(".") if lines else ""
