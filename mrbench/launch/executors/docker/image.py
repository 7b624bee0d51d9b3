"""Surroundings of jobs in an image: one that is named, or the recipe's lock upon a base image."""

import hashlib
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from mrbench import files
from mrbench.errors import LaunchError, MrbenchError, UnavailableError
from mrbench.files import home
from mrbench.launch.executors.docker import build, containerfile
from mrbench.launch.executors.docker.engine import NO_PROGRAM, TOOLKIT, connect, facts, meaning
from mrbench.model.finding import Problem
from mrbench.model.inputs import Environment
from mrbench.model.job import EnvironmentRequest, Job, UsableEnvironment
from mrbench.model.options import ExecutorOptions
from mrbench.prepare.environment import own
from mrbench.prepare.environment.answer import ASK, FIND, IMPORT, Answer
from mrbench.prepare.environment.own import listed, require
from mrbench.prepare.surroundings import Preview

if TYPE_CHECKING:
    import docker
    from docker.models.images import Image

GPU_HOOK = "nvidia-container-runtime-hook"  # with it on the engine's PATH, any runtime gives GPUs
STEP_S = 3600.0


class InImage:
    """What jobs find in an image; see Surroundings."""

    in_image = True

    def __init__(self, options: ExecutorOptions, step: Callable[[Job, Path, str], None]) -> None:
        self._options = options
        self.step = step

    def problem(self, env: Environment, gpus: int) -> Problem | None:
        """Say why this environment cannot be had in an image, or None."""
        try:
            with connect() as client:
                engine = facts(client)
        except MrbenchError as exc:
            return Problem(exc.text, exc.remedy)
        if gpus and not engine.gpu_runtimes and shutil.which(GPU_HOOK) is None:
            return Problem("the Docker engine has no GPU runtime", TOOLKIT)
        return None if self._options.image else unbuildable(env)

    def preview(self, env: Environment, _place: Path, python: Path | None = None) -> Preview:
        """Return the image's name, or what would be built, and the interpreter in it."""
        inside = python or Path("python")
        named = self._options.image or (env.image if env.kind == "image" else None)
        if named:
            return Preview(named, inside)
        lacking = unbuildable(env)
        if lacking:
            return Preview(f"none: {lacking}", inside)
        base = self._options.base_image or containerfile.base_of(env)
        target = containerfile.target_of(env)
        return Preview(f"{target} of the Dockerfile, on {base}", Path(build.PYTHON))

    def prepare(self, request: EnvironmentRequest) -> UsableEnvironment:
        """Find or build the image, prove it, and fetch what was built of the checkout out of it."""
        env, checkout, progress = request.env, request.checkout, request.progress
        lack = self.problem(env, 0)
        if lack:
            raise UnavailableError(lack.text, lack.remedy)
        if request.own:
            return self._own(request)
        named = self._options.image or (env.image if env.kind == "image" else None)
        with connect() as client:
            if named:
                image, built, template = ensure_image(client, named, progress), False, checkout
            else:
                base = self._options.base_image or containerfile.base_of(env)
                base_id = str(ensure_image(client, base, progress).id)
                image, built = build.ensure(client, request, base, base_id)
                template = build.template(client, image, env, checkout)
            size_bytes = image.attrs["Size"]
        progress(f"probing the image: import {', '.join(env.probe) or 'nothing'}")
        answer = self._ask(IMPORT, env.probe, str(image.id), template, request.python)
        require(answer, answer.python, env, request.lock, in_image=True)
        return UsableEnvironment(
            python=Path(answer.python),
            template=template,
            digest=str(image.id).removeprefix("sha256:"),
            frozen=listed(answer.packages),
            reused=not built,
            size_bytes=size_bytes,
            image=str(image.id),
        )

    def _own(self, request: EnvironmentRequest) -> UsableEnvironment:
        """Take an image's own interpreter; what the recipe builds is built in a container of it."""
        with connect() as client:
            image = str(ensure_image(client, str(self._options.image), request.progress).id)
        request.progress(f"looking at what the image {self._options.image} has")
        first = self._ask(FIND, (), image, request.checkout, request.python)
        python = Path(first.python)

        def step(words: Sequence[str], source: Path, log: Path) -> None:
            self.step(_job(words, image, source, writable=(source,)), log, "environment")

        def ask(names: Sequence[str], template: Path) -> Answer:
            return self._ask(IMPORT, names, image, template, python)

        return own.made(request, python, first, ask, step, image)

    def _ask(
        self, how: str, names: Sequence[str], image: str, source: Path, python: Path | None
    ) -> Answer:
        """Have the image's interpreter find or import modules, and list what is installed."""
        folder = (
            home() / "probes" / hashlib.sha256(f"{image}{os.getpid()}".encode()).hexdigest()[:16]
        )
        folder.mkdir(parents=True, exist_ok=True)
        log, out = folder / "probe.log", folder / "probe.json"
        program = str(python or "python")
        words = (program, "-c", ASK, str(out), how, *names)
        job = _job(words, image, source, read_only=(source,), writable=(folder,))
        try:
            self.step(job, log, "environment")
        except LaunchError as exc:
            if exc.remedy != NO_PROGRAM or python is not None:
                raise
            other = msgspec.structs.replace(job, argv=("python3", *job.argv[1:]))
            self.step(other, log, "environment")
        try:
            answer = files.decode(out.read_bytes(), Answer, out)
        except (OSError, MrbenchError) as exc:
            text = "the image's Python printed nothing about itself"
            raise LaunchError(text, f"see {log}") from exc
        shutil.rmtree(folder, ignore_errors=True)
        return answer


def _job(
    words: Sequence[str],
    image: str,
    source: Path,
    *,
    read_only: tuple[Path, ...] = (),
    writable: tuple[Path, ...],
) -> Job:
    """Return a step of a preparation in a container."""
    return Job(
        argv=tuple(words),
        directory=source,
        variables={"PYTHONPATH": str(source)},
        terminal=False,
        wall_clock_limit_s=STEP_S,
        stall_limit_s=STEP_S,
        image=image,
        read_only=read_only,
        writable=writable,
    )


def ensure_image(
    client: "docker.DockerClient", name: str, progress: Callable[[str], None]
) -> "Image":
    """Return an image that is here, or have the engine fetch it; UnavailableError if neither."""
    import docker  # noqa: PLC0415 - takes a third of a second, and most runs need none

    try:
        return client.images.get(name)
    except docker.errors.ImageNotFound:
        progress(f"fetching the image {name}")
    try:
        return client.images.pull(name)
    except docker.errors.DockerException as exc:
        reason = meaning(str(getattr(exc, "explanation", None) or exc)).text
        text = f"image {name} is neither here nor to be had ({reason})"
        remedy = "check its name, or build on another with --base-image"
        raise UnavailableError(text, remedy) from exc


def unbuildable(env: Environment) -> Problem | None:
    """Say what a recipe lacks for an image of its own, or None."""
    if env.kind == "current":
        remedy = "name an image that has it with --image"
        return Problem("runs with what is installed", remedy)
    if env.kind == "venv" and env.lock is None:
        remedy = "add environment.lock and let `mrbench lock` write it"
        return Problem("an image needs a lock", remedy)
    if env.supplied:
        known = f" ({env.image} is said to)" if env.image else ""
        wheels = ", ".join(env.supplied)
        return Problem(f"{wheels} is on no index", f"name an image that has it{known} with --image")
    return None
