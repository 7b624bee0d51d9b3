"""The nouns of runs in Docker's containers: what one is made of, and what becomes of it; no I/O."""

from collections.abc import Mapping
from typing import Annotated

import msgspec

from mrbench.model.doc import doc
from mrbench.model.finding import Problem


class ContainerImage(msgspec.Struct, frozen=True, kw_only=True):
    """The image of a container."""

    id: Annotated[str, doc("The engine's id of the image.")]
    digests: Annotated[tuple[str, ...] | None, doc("Digests in registries.")] = None
    tags: Annotated[tuple[str, ...] | None, doc("Names and tags.")] = None
    environment: Annotated[str | None, doc("Digest of the environment built into it.")] = None


class ContainerEngine(msgspec.Struct, frozen=True, kw_only=True):
    """The engine that ran a container."""

    version: Annotated[str | None, doc("Version of Docker.")] = None
    storage_driver: Annotated[str | None, doc("How files are stored.")] = None
    runtime: Annotated[str | None, doc("Default runtime.")] = None
    cgroup_version: Annotated[str | None, doc("Version of control groups.")] = None
    rootless: Annotated[bool | None, doc("Whether it runs without root.")] = None
    gpu_runtimes: Annotated[tuple[str, ...], doc("Runtimes for GPUs.")] = ()


class DockerContainer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The container that a run trained in, and how it ended; also container.json."""

    image: Annotated[ContainerImage, doc("What the container was made of.")]
    engine: Annotated[ContainerEngine, doc("What ran it.")]
    entrypoint: Annotated[tuple[str, ...], doc("The program.")] = ()
    command: Annotated[tuple[str, ...], doc("The program's arguments.")] = ()
    working_dir: Annotated[str | None, doc("Where it was started.")] = None
    user: Annotated[str | None, doc("uid:gid of the training.")] = None
    group_add: Annotated[tuple[str, ...], doc("Further groups.")] = ()
    labels: Annotated[Mapping[str, str], doc("Labels of the container.")] = {}
    network_mode: Annotated[str | None, doc("Docker's network mode.")] = None
    hostname: Annotated[str | None, doc("Host name inside.")] = None
    init: Annotated[bool | None, doc("Whether an init process ran inside.")] = None
    security_opt: Annotated[tuple[str, ...], doc("Security options.")] = ()
    healthcheck: Annotated[
        Mapping[str, tuple[str, ...]] | None, doc("The health check's command.")
    ] = None
    ipc_mode: Annotated[str | None, doc("Docker's IPC mode.")] = None
    shm_size: Annotated[str | int | None, doc("Size of /dev/shm.")] = None
    mem_limit: Annotated[str | None, doc("Limit of memory.")] = None
    memswap_limit: Annotated[str | None, doc("Limit of memory and swap.")] = None
    mounts: Annotated[Mapping[str, bool], doc("Mounted folders, and whether read-only.")] = {}
    gpus: Annotated[tuple[str, ...], doc("GPUs handed in.")] = ()
    variables: Annotated[tuple[str, ...], doc("Names of the job's variables.")] = ()
    ulimits: Annotated[Mapping[str, int], doc("Limits that were granted.")] = {}
    warnings: Annotated[tuple[str, ...], doc("What was not as asked for.")] = ()
    container: Annotated[str | None, doc("The engine's id of it.")] = None
    started: Annotated[bool | None, doc("Whether it was started.")] = None
    pid: Annotated[int | None, doc("Its first process.")] = None
    code: Annotated[int | None, doc("Exit code.")] = None
    out_of_memory: Annotated[bool | None, doc("Killed for memory.")] = None
    error: Annotated[str | None, doc("The engine's error.")] = None
    failed: Annotated[str | None, doc("Why it could not be run.")] = None
    remedy: Annotated[str | None, doc("What to do about that.")] = None
    began: Annotated[str | None, doc("UTC time of its start.")] = None
    ended: Annotated[str | None, doc("UTC time of its end.")] = None
    removed: Annotated[bool | None, doc("Whether it was removed.")] = None


class ContainerSettings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What Docker's SDK is asked to make a container of, by its names of them."""

    image: str
    entrypoint: list[str]
    command: list[str]
    working_dir: str
    environment: dict[str, str]
    user: str
    group_add: list[str]
    labels: dict[str, str]
    network_mode: str
    hostname: str
    init: bool
    security_opt: list[str]
    healthcheck: dict[str, list[str]]
    ipc_mode: str | None = None
    shm_size: str | int | None = None
    mem_limit: str | None = None
    memswap_limit: str | None = None


class ContainerOrder(msgspec.Struct, frozen=True, kw_only=True):
    """All that the process that lives with a container must know; container.json meanwhile.

    mounts: folders, the same inside, and whether they are read-only. state: the file that the
    process writes its ContainerState to. grace_s: seconds between SIGTERM and SIGKILL.
    """

    container: ContainerSettings
    image: ContainerImage
    engine: ContainerEngine
    mounts: dict[str, bool]
    gpus: list[str]
    ulimits: dict[str, int]
    terminal: bool
    grace_s: float
    state: str


class ContainerState(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What has become of a container so far, as the process that lives with it tells.

    failed: why it could not be run, or not be followed. code: None as long as it runs.
    """

    ulimits: dict[str, int] = {}
    warnings: list[str] = []
    container: str | None = None
    started: bool = False
    pid: int | None = None
    code: int | None = None
    out_of_memory: bool = False
    error: str | None = None
    failed: Problem | None = None
    began: str | None = None
    ended: str | None = None
    removed: bool = False
