"""Executors by name: where runs train, and what the command line may ask of each.

An executor's modules are loaded once it is chosen: containers and clusters have some twenty.
"""

TYPE_CHECKING = False  # without typing: the command line's parser reads this
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mrbench.model.options import ExecutorOptions
    from mrbench.run.executor import Executor


def _local(options: "ExecutorOptions") -> "Executor":
    from mrbench.launch.executors import local  # noqa: PLC0415 - see above
    from mrbench.run.training import OnThisMachine  # noqa: PLC0415 - see above

    return OnThisMachine("local", local, options)


def _docker(options: "ExecutorOptions") -> "Executor":
    from mrbench.launch.executors.docker import Docker  # noqa: PLC0415 - see above
    from mrbench.run.training import OnThisMachine  # noqa: PLC0415 - see above

    return OnThisMachine("docker", Docker(options), options)


def _slurm(options: "ExecutorOptions") -> "Executor":
    from mrbench.run.slurm.executor import Slurm  # noqa: PLC0415 - see above

    return Slurm(options)


EXECUTORS: "Mapping[str, Callable[[ExecutorOptions], Executor]]" = {
    "local": _local,
    "docker": _docker,
    "slurm": _slurm,
}
# The fields of ExecutorOptions that each takes, which are the command line's words for them.
OPTIONS = {
    "local": ("cool_down", "wait_until_quiet", "wait"),
    "docker": (
        *("cool_down", "wait_until_quiet", "wait"),
        *("image", "base_image", "shm", "memory"),
    ),
    "slurm": (
        *("nodes", "partition", "time", "account", "constraint", "qos", "reservation"),
        *("nodelist", "no_exclusive", "container", "detach"),
    ),
}
# Where a process of mrbench on this machine starts the training; it can be started ahead.
STARTED_HERE = ("local", "docker")
