"""`mrbench mirror create`: collect what recipes need in a folder; existing files stay."""

import contextlib
import functools
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from mrbench import locks
from mrbench.errors import MrbenchError, UnavailableError
from mrbench.files import in_place_of, real_path
from mrbench.model.finding import Problem
from mrbench.model.inputs import OWN_PYTHON, WeightsFile
from mrbench.prepare import weights
from mrbench.prepare.mirror import itself as own
from mrbench.prepare.mirror import manifest, repos, wheels
from mrbench.prepare.mirror.base import MANIFEST, REPOS, WEIGHTS, WHEELS, git_base, weights_folder
from mrbench.recipe.load import RecipeFile

Stage = Callable[[str, str], None]
Say = Callable[[str], None]


def create(
    folder: Path,
    files: Sequence[RecipeFile],
    *,
    suites: tuple[str, ...],
    mirror: str | None,
    weights: Path | None,
    stage: Stage,
    pythons: Sequence[str] = (),
    leave_out: tuple[str, ...] = (),
    without_weights: bool = False,
) -> manifest.Manifest:
    """Collect all that the recipes need; the manifest lists what is missing.

    suites: those of which all recipes are among files. mirror: where the repositories are taken
    from (and all else, if it is complete). weights: a folder that has some pretrained weights.
    pythons: versions of Python that mrbench itself is to be installed for. leave_out: names of
    locked packages that are not wanted; a * stands for any text. without_weights: no weights are
    wanted.
    """
    _check(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder) as lock:
        old = manifest.read_manifest(folder) if (folder / MANIFEST).exists() else None
        if old and old.platform != manifest.this_platform():
            text = f"{folder} is for {old.platform}, this is {manifest.this_platform()}"
            raise UnavailableError(text, "name another folder")
        recipes = dict(old.recipes) if old else {}
        itself = dict(old.itself) if old else {}
        itself |= own.collect(folder, pythons, mirror, functools.partial(stage, "mrbench"))
        for file in files:
            say = functools.partial(stage, file.name)
            kept, lacking = _repos(folder, file, mirror, say, lock)
            locked, unfound = _wheels(folder, file, mirror, say, leave_out)
            loaded, unloaded = list[str](), list[manifest.Missing]()
            if not without_weights:
                loaded, unloaded = _weights(folder, file, mirror, weights, say)
            env = file.recipe.environment
            recipes[f"{file.suite_name}/{file.name}"] = manifest.Covered(
                python=env.python or OWN_PYTHON,
                packages_sha256=wheels.inputs_sha256(env, file.lock),
                repos={place: tuple(commits) for place, commits in kept.items()},
                files=tuple(sorted({*locked, *loaded})),
                missing=(*lacking, *unfound, *unloaded),
                left_out=leave_out,
                without_weights=without_weights,
            )
        stage(folder.name, "adding up sizes and checksums")
        content = manifest.Manifest(
            platform=manifest.this_platform(),
            suites=tuple(sorted({*suites, *(old.suites if old else ())})),
            recipes=dict(sorted(recipes.items())),
            missing=manifest.lacking(recipes, itself),
            files=dict(sorted(_files(folder, recipes, itself, old).items())),
            itself=dict(sorted(itself.items())),
        )
        manifest.write_manifest(folder, content)
    return content


def _check(folder: Path) -> None:
    """Refuse a folder that holds something else."""
    if folder.exists() and not folder.is_dir():
        raise UnavailableError(f"{folder} is a file", "name a folder, new or a mirror's")
    own = {REPOS, WHEELS, WEIGHTS, MANIFEST}
    other = sorted({p.name for p in folder.iterdir()} - own) if folder.is_dir() else []
    if other:
        text = f"{folder} holds {other[0]}, which is not part of a mirror"
        raise UnavailableError(text, "name a new folder")
    for pattern in ("*", "*/*", "*/*/*"):  # as deep as names are made
        for path in folder.glob(pattern):
            if path.is_symlink() and not real_path(path).is_relative_to(real_path(folder)):
                text = f"is a link to {real_path(path)}, outside the mirror"
                raise UnavailableError(text, "remove it, or name a new folder", file=path)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[int]:
    """Hold the folder itself: a mirror gets no lock file that would be copied with it."""
    with locks.attempt(folder) as held:
        if held is None:
            raise UnavailableError("another mrbench works on it", "wait for it", file=folder)
        yield held


def _repos(
    folder: Path, file: RecipeFile, mirror: str | None, say: Say, lock: int
) -> tuple[dict[str, list[str]], list[manifest.Missing]]:
    kept: dict[str, list[str]] = {}
    missing = []
    for source in repos.sources(file):
        try:
            repos.add(folder, source, git_base(mirror), say, lock)
            kept.setdefault(repos.place(source), []).append(source.commit)
        except MrbenchError as exc:
            missing.append(manifest.Missing(repos.title(source), str(exc)))
    return kept, missing


def _wheels(
    folder: Path, file: RecipeFile, mirror: str | None, say: Say, leave_out: tuple[str, ...]
) -> tuple[list[str], list[manifest.Missing]]:
    say("looking for the files of the lock")
    wheel_files, missing = wheels.find(file.recipe.environment, file.lock, mirror, leave_out)
    packages, lacking = wheels.find_packages(repos.all_sources(file), mirror)
    wheel_files, missing = [*wheel_files, *packages], [*missing, *lacking]
    told = ((f"file {i} of {len(wheel_files)}", item) for i, item in enumerate(wheel_files, 1))
    paths, unfetched = wheels.fetch(folder, told, say)
    return paths, [*missing, *unfetched]


def _weights(
    folder: Path, file: RecipeFile, mirror: str | None, named: Path | None, say: Say
) -> tuple[list[str], list[manifest.Missing]]:
    paths, missing = [], []
    for item in file.recipe.weights:
        try:
            _add_weights(folder / WEIGHTS, item, named, mirror, say)
            paths.append(f"{WEIGHTS}/{item.file}")
        except MrbenchError as exc:
            what = f"weights {item.file}"
            why = str(Problem(exc.text, exc.remedy)) if exc.key == what else str(exc)
            missing.append(manifest.Missing(what, why))
    return paths, missing


def _files(
    folder: Path,
    recipes: dict[str, manifest.Covered],
    itself: dict[str, manifest.Installable],
    old: manifest.Manifest | None,
) -> dict[str, manifest.Content]:
    """Describe every file of the mirror.

    What a manifest says already of wheels and weights holds: they do not change, unless they were
    damaged, which must not become the new truth. Git's files do change, and git checks its own;
    the wheel of mrbench itself is made anew each time.
    """
    before = old.files if old else {}
    anew = (f"{REPOS}/", own.PREFIX)
    kept = {path: content for path, content in before.items() if not path.startswith(anew)}
    places = {place for each in recipes.values() for place in each.repos}
    inside = (p for place in places for p in (folder / place).rglob("*") if p.is_file())
    paths = {str(path.relative_to(folder)) for path in inside}
    paths.update(*(each.files for each in recipes.values()), *(i.files for i in itself.values()))
    return kept | {path: manifest.describe(folder / path) for path in paths - kept.keys()}


def _add_weights(
    folder: Path,
    item: WeightsFile,
    named: Path | None,
    mirror: str | None,
    say: Callable[[str], None],
) -> None:
    """Add one file of weights to the folder, checked; UnavailableError if that is impossible.

    named: a folder that may have it. mirror: a complete one is used instead of the network.
    """
    if weights.problem(item, folder) is None:
        return
    say(f"weights {item.file}")
    in_folder = named is not None and (named / item.file).is_file()
    used = weights.obtain(item, named if in_folder else weights_folder(mirror), say)
    target = folder / item.file
    target.parent.mkdir(parents=True, exist_ok=True)
    with Path(used.path).open("rb") as source, in_place_of(target) as copy:
        shutil.copyfileobj(source, copy)
