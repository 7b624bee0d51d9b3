"""Surroundings of jobs on this machine: environments that mrbench makes here, programs of here."""

from pathlib import Path

from mrbench.model.finding import Problem
from mrbench.model.recipe import Environment
from mrbench.model.run import Job
from mrbench.prepare import environment
from mrbench.prepare.environment import prepare
from mrbench.prepare.step import run_step

__all__ = ["in_image", "prepare", "problem", "step"]
in_image = False


def problem(env: Environment, _gpus: int) -> Problem | None:
    """Say what this machine lacks for the environment, or None."""
    return environment.problem(env)


def step(job: Job, log: Path, what: str) -> None:
    """Run a command to its end; see steps.run_step."""
    run_step(job.argv, directory=job.directory, log=log, variables=job.variables, what=what)
