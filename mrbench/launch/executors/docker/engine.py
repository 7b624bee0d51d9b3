"""The door to the Docker engine: how it is reached, what its refusals mean, whose containers are.

DOCKER_HOST, DOCKER_TLS_VERIFY and DOCKER_CERT_PATH choose the engine, as for Docker's own programs.
"""

import contextlib
import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mrbench.errors import MrbenchError, UnavailableError
from mrbench.model.container import ContainerEngine
from mrbench.model.finding import Problem

if TYPE_CHECKING:
    import docker
    from docker.models.containers import Container

ANSWER_S = 60
RUN, HOST, BOOT, SPACE, PID, BEGAN = (
    f"mrbench.{word}" for word in ("run", "host", "boot", "pid-space", "pid", "pid-began")
)
ENVIRONMENT = "mrbench.environment"  # an image's: made from this lock and all else that decides it
TOOLKIT = (
    "install the NVIDIA Container Toolkit, then"
    " `nvidia-ctk runtime configure --runtime=docker` and restart the engine"
)
NO_PROGRAM = "correct launch.command, or choose another image with --image"
# What the engine says (its words carry the particulars), what it means, and what to do.
MEANINGS = (
    (r"could not select device driver|Unknown runtime specified nvidia|nvidia-container-cli",
     "the engine cannot give GPUs to containers", TOOLKIT),
    # tini is the engine's init, which is started in any case
    ((r'exec: "?(?P<what>[^"]+?)"?: (?:.*no such file|executable file not found|stat )'
      r"|tini \(\d+\)\] exec (?P<init>.+) failed: No such file"),
     "{what}: the image has no such program", NO_PROGRAM),
    ((r'exec: "?(?P<what>[^"]+?)"?: permission denied'
      r"|tini \(\d+\)\] exec (?P<init>.+) failed: Permission denied"),
     "{what}: is not a program that this user may run in the image",
     "make it executable, or name its interpreter before it in launch.command"),
    (r"exec(?: /\S+| user process caused.*)?: exec format error|exec format error",
     "the image, or its program, is made for another kind of processor", "choose another image"),
    (r"bind source path does not exist: (?P<what>.+)",
     "{what}: the engine finds no such folder",
     "use an engine on this machine (DOCKER_HOST), which sees the same folders"),
    (r"chdir to cwd \(\"?(?P<what>/[^\")]*)",
     "{what}: cannot be entered in the container", "correct launch.directory"),
    (r"no space left on device", "the engine's disk is full", "`docker system prune` makes room"),
    (r"[Mm]inimum memory limit|memory limit too low",
     "--memory gives too little for a container to start", "give more with --memory"),
    (r"specified value for memory|Failed converting the string value",
     "--memory or --shm is not a size", "write it as 64g"),
    (r"No such container", "the container was removed by somebody else", "run again"),
    (r"Connection aborted|Connection refused|FileNotFoundError|Read timed out",
     "the Docker engine went away", "start it and run again"),
    (r"No such image: ?(?P<what>\S+)", "image {what} is not here",
     "name one that is with --image, or build one on --base-image"),
)  # fmt: skip


@contextlib.contextmanager
def connect(failure: type[MrbenchError] = UnavailableError) -> "Iterator[docker.DockerClient]":
    """Give a client of the engine; what it refuses within the block is raised as `failure`.

    UnavailableError tells why there is no engine.
    """
    import docker  # noqa: PLC0415 - takes a third of a second, and most runs need none

    try:
        client = docker.from_env(timeout=ANSWER_S)
    except (docker.errors.DockerException, OSError) as exc:
        problem = _unreachable(str(exc))
        raise UnavailableError(problem.text, problem.remedy) from exc
    with contextlib.closing(client), translated(failure):
        yield client


def _unreachable(message: str) -> Problem:
    where = os.environ.get("DOCKER_HOST") or "/var/run/docker.sock"
    if "Permission denied" in message:
        text = f"the Docker engine at {where} lets this user not in"
        return Problem(text, "add them to the group docker")
    if "No such file" in message:
        remedy = "install Docker Engine (on Debian: apt-get install docker.io) and start it"
        return Problem(f"no Docker engine at {where}", remedy)
    if "refused" in message:
        return Problem(f"the Docker engine at {where} does not run", "start it")
    return Problem(f"no Docker engine answers at {where} ({first_line(message)})", "start it")


@contextlib.contextmanager
def translated(failure: type[MrbenchError] = UnavailableError) -> Iterator[None]:
    """Turn what the SDK raises within the block into one line with its remedy."""
    import docker  # noqa: PLC0415 - as above
    import requests  # noqa: PLC0415 - the SDK's own

    try:
        yield
    except (docker.errors.DockerException, requests.RequestException) as exc:
        problem = meaning(str(getattr(exc, "explanation", None) or exc))
        raise failure(problem.text, problem.remedy) from exc


def meaning(message: str) -> Problem:
    """Say what the engine's words mean, and what to do."""
    for pattern, text, remedy in MEANINGS:
        match = re.search(pattern, message)
        if match:
            groups = match.groupdict()
            what = groups.get("what") or groups.get("init")
            return Problem(text.format(what=what), remedy)
    text = f"the Docker engine refused: {first_line(message)}"
    return Problem(text, "look at its log (journalctl -u docker)")


def first_line(text: str) -> str:
    """Return the first line that says something, not too long."""
    return next((line.strip()[:300] for line in text.splitlines() if line.strip()), "no reason")


def facts(client: "docker.DockerClient") -> ContainerEngine:
    """Return what a record tells of the engine."""
    info = client.info()
    return ContainerEngine(
        version=info.get("ServerVersion"),
        storage_driver=info.get("Driver"),
        runtime=info.get("DefaultRuntime"),
        cgroup_version=info.get("CgroupVersion"),
        rootless=any("name=rootless" in item for item in info.get("SecurityOptions") or ()),
        gpu_runtimes=tuple(r for r in info.get("Runtimes") or () if "nvidia" in r),
    )


def owner() -> dict[str, str]:
    """Return the labels that name this process beyond doubt, until the machine is thrown away."""
    return {
        HOST: socket.gethostname(),
        BOOT: _boot(),
        SPACE: _pid_space(),
        PID: str(os.getpid()),
        BEGAN: began(os.getpid()) or "",
    }


def orphaned(labels: dict[str, str]) -> bool | None:
    """Tell whether the process of these labels is dead; None if that cannot be seen from here."""
    if labels.get(HOST) != socket.gethostname():
        return None
    if labels.get(BOOT) != _boot():
        return True
    if labels.get(SPACE) != _pid_space():
        return None
    return began(int(labels.get(PID, "0"))) != labels.get(BEGAN)


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _pid_space() -> str:
    return os.readlink("/proc/self/ns/pid")  # noqa: PTH115 - no path, a name in brackets


def began(pid: int) -> str | None:
    """Return when a process began, in ticks since the boot; None if it is gone.

    Not by psutil, whose time of creation moves when the machine's clock is set: a run that lives
    would be taken for dead.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]


def remove(container: "Container") -> None:
    """Kill and remove a container; one that is gone, or going, will do."""
    import docker  # noqa: PLC0415 - as above

    try:
        container.remove(force=True, v=True)
    except docker.errors.NotFound:
        return
    except docker.errors.APIError as exc:
        if exc.status_code != 409:  # noqa: PLR2004 - conflict: somebody else removes it
            raise


def labelled(client: "docker.DockerClient", label: str) -> "list[Container]":
    """Return the containers with a label, whatever their state."""
    containers: list[Container] = client.containers.list(
        all=True, filters={"label": label}, ignore_removed=True
    )
    return containers
