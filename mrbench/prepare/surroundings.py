"""Where a job's interpreter, libraries and programs are: on this machine, or in an image."""

import sys
from pathlib import Path
from typing import NamedTuple, Protocol

from mrbench.model.finding import Problem
from mrbench.model.inputs import Environment
from mrbench.model.job import EnvironmentRequest, Job, UsableEnvironment
from mrbench.prepare import environment, inherited
from mrbench.prepare.step import run_step


class Preview(NamedTuple):
    """What `--dry-run` shows: the image's name or how it is built, if any, and the interpreter."""

    image: str | None
    python: Path


class Surroundings(Protocol):
    """What preparation finds at the place where a job will run."""

    @property
    def in_image(self) -> bool:
        """Tell whether what is installed on this machine does not matter."""

    def problem(self, env: Environment, gpus: int, /) -> Problem | None:
        """Say what is lacking for this environment, or None; makes nothing."""

    def preview(self, env: Environment, place: Path, python: Path | None = None) -> Preview:
        """Return what would be used; place: where this machine keeps the environment.

        python: an interpreter of the user's, in its place.
        """

    def prepare(self, request: EnvironmentRequest, /) -> UsableEnvironment:
        """Make the environment, or find it made; see environment.prepare."""

    def step(self, job: Job, log: Path, what: str) -> None:
        """Run a command to its end, its output appended to `log`; LaunchError if it fails."""


class OnThisMachine:
    """Environments that mrbench makes here, and the programs of here; see Surroundings."""

    in_image = False
    prepare = staticmethod(environment.prepare)

    def problem(self, env: Environment, _gpus: int, /) -> Problem | None:
        """Say what this machine lacks for the environment, or None."""
        return environment.problem(env)

    def preview(self, env: Environment, place: Path, python: Path | None = None) -> Preview:
        """Return the interpreter of the environment that stands, or will stand, at `place`."""
        made = place / "venv" / "bin" / "python"
        return Preview(None, python or (Path(sys.executable) if env.kind == "current" else made))

    def step(self, job: Job, log: Path, what: str) -> None:
        """Run a command to its end; see step.run_step."""
        variables = {**inherited.chosen(job.inherit), **job.variables}
        run_step(job.argv, directory=job.directory, log=log, variables=variables, what=what)


HERE = OnThisMachine()
