"""Executors by name: where and how a job runs."""

from . import local
from .base import Executor

EXECUTORS: dict[str, Executor] = {"local": local}
