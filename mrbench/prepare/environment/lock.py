"""Lock files: made from a recipe's requirements with uv, and written where recipes name them."""

import contextlib
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from msgspec import Struct, structs

from mrbench.errors import LaunchError, MrbenchError, RecipeError
from mrbench.files import home, real_path, write_whole
from mrbench.model.inputs import Environment
from mrbench.prepare.environment.install import configured, variables_for
from mrbench.prepare.environment.interpreter import base_python, uv
from mrbench.prepare.step import activated, run_step
from mrbench.recipe import lockfile
from mrbench.recipe.load import RecipeFile, recipe_paths
from mrbench.recipe.lockfile import HEADER, inputs_digest
from mrbench.recipe.parameters import read_recipe

# The oldest that mrbench itself runs on: for environments of mrbench's own interpreter.
OLDEST = "3.11"


def resolve(
    env: Environment, old: bytes | None, log: Path, *, others: Sequence[Environment] = ()
) -> bytes:
    """Resolve the requirements for the environment's Python; keep the old lock's versions.

    old: None resolves everything anew. log: gets the output of uv. others: environments that share
    the lock. LaunchError if there is no solution, RecipeError if there is nothing to lock.
    """
    whole = _together(env, others)
    if not (whole.requirements or whole.build_requirements):
        raise RecipeError("environment.requirements is empty: nothing to lock", "leave out `lock`")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        venv, result = folder / "venv", folder / "made.lock"
        python = venv / "bin" / "python"

        def step(*command: str) -> None:
            variables = {**activated(venv), **variables_for(env, None), **configured(env, folder)}
            run_step(command, directory=folder, log=log, variables=variables, what="lock")

        step(uv(), "venv", "--quiet", "--python", str(base_python(env)), str(venv))
        first = whole.build_requirements
        if first:  # packages of 2019 tell what they need by running their setup.py
            step(uv(), "pip", "install", "--python", str(python), *first)
        requirements = folder / "wanted.in"
        requirements.write_text("".join(f"{line}\n" for line in (*first, *whole.requirements)))
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
        return lockfile.sealed(head(env, others) + result.read_bytes())


def _together(env: Environment, others: Sequence[Environment]) -> Environment:
    """Return what several environments ask for together; RecipeError where no lock fits all."""
    for other in others:
        for key in ("python", "index", "find_links", "no_deps"):
            one, another = getattr(env, key), getattr(other, key)
            if one != another:
                raise RecipeError(
                    f"{env.lock} cannot be shared: environment.{key} is {one or 'not set'} in one"
                    f" recipe and {another or 'not set'} in another",
                    "set it to the same in all of them, or name a lock for each",
                )
    every = (env, *others)
    pins = dict[str, str]()
    for line in dict.fromkeys(r for e in every for r in e.requirements):
        name, pinned, _ = ("", "", "") if ";" in line else line.partition("==")  # ; python_version
        if pinned and pins.setdefault(name.lower(), line) != line and others:
            raise RecipeError(
                f"{env.lock} cannot be shared: one recipe requires {pins[name.lower()]} and"
                f" another {line}",
                "set it to the same in all of them, or name a lock for each",
            )
    return structs.replace(
        env,
        requirements=tuple(dict.fromkeys(r for e in every for r in e.requirements)),
        build_requirements=tuple(dict.fromkeys(r for e in every for r in e.build_requirements)),
    )


def head(env: Environment, others: Sequence[Environment] = ()) -> bytes:
    """Return the comment that a lock begins with; others: environments that share it."""
    digests = dict.fromkeys(sorted(inputs_digest(each) for each in (env, *others)))
    sources = [f"# index: {env.index}\n"] if env.index else []
    sources += [f"# find_links: {url}\n" for url in env.find_links]
    return (
        "# Every package of this environment, with the hashes of its files; made by `mrbench lock`"
        f"\n# from the recipe's requirements, kept until they change.\n{''.join(sources)}{HEADER}"
        f" {' '.join(digests)}\n"
    ).encode()


class Locked(Struct, frozen=True):
    """A lock that was looked after: its file, whether that was written, and for which recipes."""

    file: str
    written: bool
    recipes: tuple[str, ...]

    def __str__(self) -> str:
        """Return it as people read it."""
        shared = f", for {', '.join(self.recipes)}" if len(self.recipes) > 1 else ""
        return f"{self.file}: {'written' if self.written else 'unchanged'}{shared}"


def relock(files: Iterable[RecipeFile], *, upgrade: bool) -> Iterator[Locked | MrbenchError]:
    """Write the lock of each recipe; yields what was done of each lock, or its error, and goes on.

    A lock is made for all recipes in its folder that name it. Versions stay as they are in a lock
    that exists, unless `upgrade`.
    """
    done = set[Path]()
    for file in files:
        env = file.recipe.environment
        if env.lock is None:
            continue
        place = Path(file.place.file).parent / env.lock
        if real_path(place) in done:
            continue
        done.add(real_path(place))
        sharing = _sharing(file, place)
        log = home() / "logs" / f"lock-{file.suite_name}-{file.name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.unlink(missing_ok=True)
        old = place.read_bytes() if place.is_file() else None
        try:
            content = resolve(env, None if upgrade else old, log, others=list(sharing.values()))
        except MrbenchError as exc:
            yield type(exc)(f"{file.name}: {exc}")
            continue
        if old is not None and lockfile.sealed(old) == content:
            content = old  # as it was before locks had digests of their content
        if content != old:
            write_whole(place, content)
        yield Locked(str(place), content != old, (file.name, *sharing))


def _sharing(file: RecipeFile, lock: Path) -> dict[str, Environment]:
    """Return the environments of the other recipes beside this one that name the same lock."""
    own = real_path(Path(file.place.file))
    sharing = {}
    for path in recipe_paths(own.parent):
        if path != own:
            with contextlib.suppress(RecipeError):  # what does not read names nothing
                env = read_recipe(path)[0].environment
                if env.lock and real_path(path.parent / env.lock) == real_path(lock):
                    sharing[path.stem] = env
    return sharing
