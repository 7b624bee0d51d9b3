"""What a container is made of: its limits, mounts, devices and identity, and nothing more.

No privilege, no capability beyond the engine's default, no network but the loopback, the caller's
uid; of mrbench's own variables those that are named, else none.
"""

import errno
import os
import uuid
from pathlib import Path

from mrbench.errors import LaunchError, RecipeError
from mrbench.launch.executors.docker.engine import ENVIRONMENT, RUN, connect, facts, owner
from mrbench.model.container import ContainerImage, ContainerOrder, ContainerSettings
from mrbench.model.job import Job
from mrbench.model.options import ExecutorOptions
from mrbench.prepare import inherited

# What NVIDIA asks for: pinned memory for NCCL, stacks for many threads. Not every engine may.
ULIMITS = {"memlock": -1, "stack": 64 << 20}
TMPFS_SHARE = 0.5  # of the memory: what Linux itself gives to /dev/shm


def make_order(job: Job, options: ExecutorOptions, state: Path, grace_s: float) -> ContainerOrder:
    """Write down all that a container is made of, and what its client must know."""
    if job.image is None:
        raise RecipeError("nothing says which image to run in", "name one with --image")
    if not job.directory.is_dir():  # the engine would make it
        why = os.strerror(errno.ENOENT)
        text = f"{job.directory}: cannot be entered ({why})"
        raise LaunchError(text, "correct launch.directory")
    with connect() as client:
        engine = facts(client)
        image = client.images.get(job.image).attrs
    return ContainerOrder(
        container=_settings(job, job.image, options, rootless=bool(engine.rootless)),
        mounts={str(p): True for p in job.read_only} | {str(p): False for p in job.writable},
        gpus=_gpu_names(job.gpus),
        ulimits=ULIMITS,
        terminal=job.terminal,
        grace_s=grace_s,
        state=str(state),
        engine=engine,
        image=ContainerImage(
            id=image["Id"],
            digests=image["RepoDigests"],
            tags=image["RepoTags"],
            environment=(image["Config"]["Labels"] or {}).get(ENVIRONMENT),
        ),
    )


def _settings(
    job: Job, image: str, options: ExecutorOptions, *, rootless: bool
) -> ContainerSettings:
    uid, gid, groups = os.getuid(), os.getgid(), os.getgroups()
    if rootless:
        uid, gid, groups = 0, 0, []  # which is this user, outside
    home = job.writable[0] / "home" if job.writable else Path("/tmp")  # noqa: S108 - the container's
    home.mkdir(exist_ok=True)
    total_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    of_host = options.shm == "host"
    return ContainerSettings(
        image=image,
        entrypoint=[job.argv[0]],  # in place of the image's own
        command=list(job.argv[1:]),
        working_dir=str(job.directory.absolute()),
        environment={
            "HOME": str(home),
            "USER": "mrbench",
            "PYTHONUNBUFFERED": "1",
            **inherited.of(job),
            **job.variables,
        },
        user=f"{uid}:{gid}",
        group_add=[str(group) for group in groups if group != gid],
        labels={RUN: uuid.uuid4().hex, **owner()},
        # A single machine needs the loopback alone; its name must lead there, too.
        network_mode="none",
        hostname="localhost",
        init=True,  # reaps, and passes signals on to a program that is not made for pid 1
        security_opt=["no-new-privileges"],
        healthcheck={"test": ["NONE"]},  # the image's own would disturb
        ipc_mode="host" if of_host else None,
        shm_size=None if of_host else options.shm or int(total_bytes * TMPFS_SHARE),
        mem_limit=options.memory,
        memswap_limit=options.memory,
    )


def _gpu_names(count: int) -> list[str]:
    """Return the GPUs to hand in: the first of CUDA_VISIBLE_DEVICES, as on this machine."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = [name.strip() for name in visible.split(",")] if visible else map(str, range(count))
    return list(names)[:count]
