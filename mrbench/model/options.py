"""What the command line asks of executors; no I/O."""

import msgspec


class CoolDown(msgspec.Struct, frozen=True, kw_only=True):
    """Before each run: GPUs of at most so many degrees Celsius, waited for at most so long."""

    celsius: float
    limit_s: float


class ExecutorOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of all executors; each takes its own.

    wait: seconds to wait at most for other runs on the same devices; 0: not at all.
    wait_until_quiet: seconds to wait at most for other programs to end. image: run in this one as
    it is; base_image: build the recipe's environment upon this one. shm: size of /dev/shm as Docker
    writes it (16g), or `host` for this machine's own. memory: limit of a container, as 64g. time:
    Slurm's limit, as sbatch takes it. container: the image that a training on a cluster runs in.
    nodelist: the nodes to run on, by name. no_exclusive: share nodes with other jobs. detach: leave
    runs to the cluster once they are submitted.
    """

    cool_down: CoolDown | None = None
    wait_until_quiet: int | None = None
    wait: int | None = None
    image: str | None = None
    base_image: str | None = None
    shm: str | None = None
    memory: str | None = None
    nodes: int = 1
    partition: str | None = None
    time: str | None = None
    account: str | None = None
    constraint: str | None = None
    nodelist: str | None = None
    qos: str | None = None
    reservation: str | None = None
    no_exclusive: bool = False
    container: str | None = None
    detach: bool = False
