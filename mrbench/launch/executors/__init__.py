"""Executors by name: where and how a job runs."""

from collections.abc import Callable, Mapping

from mrbench.launch.executors import local
from mrbench.launch.executors.base import Executor, Surroundings, Wishes


def _docker(wishes: Wishes) -> Executor:
    from mrbench.launch.executors.docker import Docker  # noqa: PLC0415 - most runs need no container

    return Docker(wishes)


# Name: makes the executor of what the command line wishes.
EXECUTORS: Mapping[str, Callable[[Wishes], Executor]] = {
    "local": lambda _: local,
    "docker": _docker,
}

__all__ = ["EXECUTORS", "Executor", "Surroundings", "Wishes"]
