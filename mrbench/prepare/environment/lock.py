"""Lock files: made from a recipe's requirements with uv, and written where recipes name them."""

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from mrbench.errors import LaunchError, MrbenchError
from mrbench.files import home, write_whole
from mrbench.model.inputs import Environment
from mrbench.prepare.environment.interpreter import base_python, uv
from mrbench.prepare.step import activated, run_step
from mrbench.recipe import lockfile
from mrbench.recipe.load import RecipeFile
from mrbench.recipe.lockfile import HEADER, inputs_digest

# The oldest that mrbench itself runs on: for environments of mrbench's own interpreter.
OLDEST = "3.11"


def resolve(env: Environment, old: bytes | None, log: Path) -> bytes:
    """Resolve the requirements for the environment's Python; keep the old lock's versions.

    old: None resolves everything anew. log: gets the output of uv. LaunchError if there is no
    solution.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        venv, result = folder / "venv", folder / "made.lock"
        python = venv / "bin" / "python"

        def step(*command: str) -> None:
            variables = activated(venv)
            run_step(command, directory=folder, log=log, variables=variables, what="lock")

        step(uv(), "venv", "--quiet", "--python", str(base_python(env)), str(venv))
        if env.build_requirements:  # packages of 2019 tell what they need by running their setup.py
            step(uv(), "pip", "install", "--python", str(python), *env.build_requirements)
        listed = (*env.build_requirements, *env.requirements)
        requirements = folder / "wanted.in"
        requirements.write_text("".join(f"{line}\n" for line in listed))
        if old is not None:
            result.write_text(lockfile.sound_lines(old))
        target = ["--python", str(python), "--no-build-isolation"]
        if env.python is None:
            target = ["--universal", "--python-version", OLDEST]
        step(
            *(uv(), "pip", "compile", "--generate-hashes", "--no-header", "--no-annotate"),
            *("--quiet", "--no-emit-index-url", "--no-emit-find-links", *target),
            *("--output-file", str(result), str(requirements)),
        )
        if not result.stat().st_size:
            raise LaunchError("lock: uv resolved nothing", f"see {log}")
        return lockfile.sealed(head(env) + result.read_bytes())


def head(env: Environment) -> bytes:
    """Return the comment that a lock begins with."""
    return (
        "# Every package of this environment, with the hashes of its files; made by `mrbench lock`"
        f"\n# from the recipe's requirements, kept until they change.\n{HEADER}"
        f" {inputs_digest(env)}\n"
    ).encode()


def relock(files: Iterable[RecipeFile], *, upgrade: bool) -> Iterator[str | MrbenchError]:
    """Write each recipe's lock; yields a line on each, or its error, and goes on.

    Versions stay as they are in a lock that exists, unless `upgrade`.
    """
    for file in files:
        env = file.recipe.environment
        if env.lock is None:
            continue
        place = Path(file.place.file).parent / env.lock
        log = home() / "logs" / f"lock-{file.suite_name}-{file.name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.unlink(missing_ok=True)
        old = place.read_bytes() if place.is_file() else None
        try:
            content = resolve(env, None if upgrade else old, log)
        except MrbenchError as exc:
            yield type(exc)(f"{file.name}: {exc}")
            continue
        if old is not None and lockfile.sealed(old) == content:
            content = old  # as it was before locks had digests of their content
        if content != old:
            write_whole(place, content)
        yield f"{place}: {'as it was' if content == old else 'written'}"
