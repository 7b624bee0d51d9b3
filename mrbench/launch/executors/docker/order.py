"""What a container is made of: its limits, mounts, devices and identity, and nothing more.

No privilege, no capability beyond the engine's default, no network but the loopback, the caller's
uid; of mrbench's own variables none.
"""

import os
import uuid
from pathlib import Path
from typing import Any

from mrbench.errors import LaunchError
from mrbench.launch.executors.docker.engine import ENVIRONMENT, RUN, connect, facts, owner
from mrbench.model.job import Job
from mrbench.model.options import ExecutorOptions

# What NVIDIA asks for: pinned memory for NCCL, stacks for many threads. Not every engine may.
ULIMITS = {"memlock": -1, "stack": 64 << 20}
TMPFS_SHARE = 0.5  # of the memory: what Linux itself gives to /dev/shm


def make_order(job: Job, options: ExecutorOptions, state: Path, grace_s: float) -> dict[str, Any]:
    """Write down all that a container is made of, and what its client must know."""
    if job.image is None:
        raise LaunchError("nothing says which image to run in", "name one with --image")
    uid, gid, groups = os.getuid(), os.getgid(), os.getgroups()
    with connect() as client:
        engine = facts(client)
        known = client.images.get(job.image).attrs
    if engine["rootless"]:
        uid, gid, groups = 0, 0, []  # which is this user, outside
    home = job.writable[0] / "home" if job.writable else Path("/tmp")  # noqa: S108 - the container's
    home.mkdir(exist_ok=True)
    variables = {"HOME": str(home), "USER": "mrbench", "PYTHONUNBUFFERED": "1", **job.variables}
    container = {
        "image": job.image,
        "entrypoint": [job.argv[0]],  # in place of the image's own
        "command": list(job.argv[1:]),
        "working_dir": str(job.directory.absolute()),
        "environment": variables,
        "user": f"{uid}:{gid}",
        "group_add": [str(group) for group in groups if group != gid],
        "labels": {RUN: uuid.uuid4().hex, **owner()},
        # A single machine needs the loopback alone; its name must lead there, too.
        "network_mode": "none",
        "hostname": "localhost",
        "init": True,  # reaps, and passes signals on to a program that is not made for pid 1
        "security_opt": ["no-new-privileges"],
        "healthcheck": {"test": ["NONE"]},  # the image's own would disturb
    }
    if options.shm == "host":
        container["ipc_mode"] = "host"
    else:
        total_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        container["shm_size"] = options.shm or int(total_bytes * TMPFS_SHARE)
    if options.memory:
        container |= {"mem_limit": options.memory, "memswap_limit": options.memory}
    return {
        "container": container,
        "mounts": {
            **{str(p): True for p in job.read_only},
            **{str(p): False for p in job.writable},
        },
        "gpus": _gpu_names(job.gpus),
        "ulimits": ULIMITS,
        "terminal": job.terminal,
        "grace_s": grace_s,
        "state": str(state),
        "engine": engine,
        "image": {
            "id": known["Id"],
            "digests": known["RepoDigests"],
            "tags": known["RepoTags"],
            "environment": (known["Config"]["Labels"] or {}).get(ENVIRONMENT),
        },
    }


def _gpu_names(count: int) -> list[str]:
    """Return the GPUs to hand in: the first of CUDA_VISIBLE_DEVICES, as on this machine."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = [name.strip() for name in visible.split(",")] if visible else map(str, range(count))
    return list(names)[:count]
