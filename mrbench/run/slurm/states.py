"""What Slurm's words mean: states of jobs, why they wait, why they were refused, and the remedy."""

from collections.abc import Sequence
from typing import NamedTuple

from mrbench.errors import LaunchError, MrbenchError, RecipeError, UnavailableError
from mrbench.model.finding import Problem
from mrbench.model.run import EndReason


class End(NamedTuple):
    """How a job ended, and what to tell the user, who may act on it."""

    reason: EndReason
    text: str
    remedy: str


# {job} and {nodes} are filled in
ENDS: dict[str, End] = {
    "TIMEOUT": End("timed_out", "Slurm's time limit ended {job}", "ask for more with --time"),
    "DEADLINE": End("timed_out", "{job} came too late for its deadline", "run again"),
    "CANCELLED": End("interrupted", "{job} was cancelled from outside", "run again"),
    "PREEMPTED": End(
        "interrupted",
        "{job} had to make room for one of higher priority",
        "run again, or where nobody is preempted (--partition)",
    ),
    "NODE_FAIL": End(
        "exited", "a node of {job} failed ({nodes})", "run again, and tell the cluster's admins"
    ),
    "BOOT_FAIL": End(
        "exited", "a node of {job} did not boot ({nodes})", "run again, and tell the admins"
    ),
    "OUT_OF_MEMORY": End(
        "out_of_memory",
        "{job} used more memory than its node gives ({nodes})",
        "choose nodes with more (--partition, --constraint)",
    ),
    "REVOKED": End("interrupted", "{job} was revoked by its federation", "run again"),
    "SPECIAL_EXIT": End("interrupted", "{job} is held by the admins", "ask them, and run again"),
}
ENDED = frozenset({*ENDS, "COMPLETED", "FAILED"})
RUNNING = frozenset({"RUNNING", "COMPLETING", "CONFIGURING", "STAGE_OUT", "SUSPENDED", "SIGNALING"})

# What no waiting will change, and nobody but who submitted the job.
NEVER: dict[str, Problem] = {
    "PartitionTimeLimit": Problem(
        "it asks for more time than the partition gives",
        "choose another with --partition (`sinfo --format '%P %l'`), or ask for less with --time",
    ),
    "PartitionNodeLimit": Problem(
        "it asks for more nodes than the partition gives", "lower --nodes"
    ),
    "BadConstraints": Problem("no node has what it asks for", "correct --constraint"),
    "AccountNotAllowed": Problem("the account may not use the partition", "correct --account"),
    "InvalidAccount": Problem("there is no such account", "correct --account"),
    "InvalidQOS": Problem("there is no such QOS", "correct --qos, or unset SBATCH_QOS"),
    "QOSNotAllowed": Problem("the partition does not take that QOS", "correct --qos"),
}
# What somebody else has to change.
HOPELESS: dict[str, Problem] = {
    **NEVER,
    "PartitionDown": Problem("the partition is down", "choose another with --partition, or wait"),
    "PartitionInactive": Problem(
        "the partition is inactive", "choose another with --partition, or wait"
    ),
    "JobHeldAdmin": Problem("the admins hold it", "ask them"),
    "JobHeldUser": Problem("it is held", "`scontrol release` lets it go"),
    "ReqNodeNotAvail": Problem("nodes that it needs are down or reserved", "`sinfo` shows which"),
    "JobLaunchFailure": Problem("its nodes could not start it", "ask the admins"),
}

# What sbatch says, the remedy, and what it is: a wrong option, or what the cluster lacks now.
REFUSALS: tuple[tuple[str, str, type[MrbenchError]], ...] = (
    ("invalid partition", "choose one that `sinfo` lists, with --partition", RecipeError),
    (
        "node configuration is not available",
        "ask for less (--gpus, --nodes), or other nodes with --partition or --constraint",
        UnavailableError,
    ),
    (
        "Node count specification invalid",
        "lower --nodes; `sinfo` shows how many there are",
        UnavailableError,
    ),
    (
        "More processors requested than permitted",
        "lower --nodes; `sinfo` shows how many there are",
        UnavailableError,
    ),
    (
        "reservation",
        "name one that `scontrol show reservation` lists, with --reservation",
        RecipeError,
    ),
    (
        "Invalid qos",
        "name one of yours with --qos; `sacctmgr show associations` lists them",
        RecipeError,
    ),
    ("QOS", "name another with --qos, or wait until jobs of yours have ended", UnavailableError),
    (
        "account",
        "name one of yours with --account; `sacctmgr show associations` lists them",
        RecipeError,
    ),
    ("feature", "name one that `sinfo --format %f` lists, with --constraint", RecipeError),
    (
        "time limit",
        "choose another partition (`sinfo --format '%P %l'`), or less with --time",
        RecipeError,
    ),
    ("--time", "give minutes, [hours:]minutes:seconds or days-hours, with --time", RecipeError),
    (
        "gres",
        "its nodes have no GPUs in Slurm's books; choose others with --partition",
        UnavailableError,
    ),
    (
        "temporarily unable to accept",
        "the queue is full; wait until jobs have ended",
        UnavailableError,
    ),
    (
        "contact slurm controller",
        "the controller does not answer; ask the admins, or wait",
        UnavailableError,
    ),
    (
        "Access/permission denied",
        "these nodes are not for you; choose others with --partition",
        UnavailableError,
    ),
    (
        "submission disabled",
        "the partition takes no jobs; choose another with --partition",
        UnavailableError,
    ),
)

# What sbatch says while the controller is being restarted, or changed for another.
PASSING = ("contact slurm controller", "socket timed out", "connection refused", "standby mode")
# And a controller that has not heard of its nodes yet.
LATE = ("node configuration is not available", "requested nodes are busy")


def says(message: str, signs: Sequence[str]) -> bool:
    """Tell whether a refusal is one of these."""
    return any(sign in message.lower() for sign in signs)


def refusal(message: str) -> tuple[str, type[MrbenchError]]:
    """Return what to do about a refusal, and what it is of sbatch's.

    That is wrong usage, nothing to be had now, or neither known.
    """
    lower = message.lower()
    known = ((what, kind) for sign, what, kind in REFUSALS if sign.lower() in lower)
    return next(known, ("ask the cluster's admins, or correct the options", LaunchError))


def explain(state: str, number: str, nodes: str = "", by: str = "") -> End | None:
    """Return how a job that ended by Slurm's will ended; None if it ended by itself, or lives."""
    end = ENDS.get(state)
    if end is None:
        return None
    text = end.text.format(job=f"job {number}", nodes=nodes or "nobody knows which")
    if by:
        text = text.replace("from outside", f"by {by}")
    return End(end.reason, text, end.remedy)
