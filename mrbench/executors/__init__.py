"""Executors by name: where and how a job runs."""

from collections.abc import Callable, Mapping

from . import local
from .base import Executor, Wishes

# Name: makes the executor of what the command line wishes.
EXECUTORS: Mapping[str, Callable[[Wishes], Executor]] = {"local": lambda _: local}

__all__ = ["EXECUTORS", "Executor", "Wishes"]
