"""Read recipes and suites, and refuse whatever could move, escape or mislead."""

import functools
import re
from collections.abc import Mapping
from pathlib import Path

import msgspec

from mrbench.errors import RecipeError
from mrbench.files import read_regular, real_path
from mrbench.model.inputs import Patches
from mrbench.model.parameters import Planned
from mrbench.model.recipe import Recipe
from mrbench.model.suite import Suite
from mrbench.recipe import parameters, yamlfile
from mrbench.recipe.parameters import NONE, Given
from mrbench.recipe.validate import patches_of, suggest, validate
from mrbench.recipe.yamlfile import Place

SUITE = "suite.yaml"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
MOST_BYTES = 64 << 20  # of a patch or lock; ours have up to 200 kB
ABSORBED: Mapping[str, str] = {"modern": "today"}  # former names of suites, which go on working


class RecipeFile(msgspec.Struct, frozen=True, kw_only=True):
    """A recipe with its name, its suite, where its patches lie and where its keys stand."""

    name: str
    suite_name: str
    suite: Suite
    recipe: Recipe
    place: Place
    patches: Patches
    lock: bytes | None = None
    parameters: Planned = {}


def root() -> Path:
    """Return the folder that holds recipes/ and patches/: the package's own, or the checkout."""
    package = Path(__file__).resolve().parents[1]
    return package if (package / "recipes").is_dir() else package.parent


def suite_names() -> tuple[str, ...]:
    """Return the suites that this mrbench carries."""
    return tuple(sorted(p.parent.name for p in (root() / "recipes").glob(f"*/{SUITE}")))


def current_name(suite_name: str) -> str:
    """Return what a suite is called today; any other name as it is."""
    return ABSORBED.get(suite_name, suite_name)


def load_suite(name: str) -> Suite:
    """Read a suite that mrbench carries, by its name."""
    return _carried(suite_path(name))


def suite_at_hand(name: str, recorded: Suite) -> Suite:
    """Return a suite as mrbench carries it; one that it does not carry as a record has it."""
    return _known(name) or recorded


@functools.cache
def _known(name: str) -> Suite | None:
    """Return a suite of exactly that name; its records may be read by the ten thousand."""
    return load_suite(name) if name in suite_names() else None


@functools.cache
def _carried(path: Path) -> Suite:
    return read_suite(path)  # each of its recipes asks for it, and for the order in it


def suite_path(name: str) -> Path:
    """Return the file of a suite that this mrbench carries; RecipeError if there is none."""
    known, current = suite_names(), current_name(name)
    if current not in known:
        raise unknown_suite(name, known, _of_own(name))
    return root() / "recipes" / current / SUITE


def unknown_suite(name: str, known: tuple[str, ...], hint: str = "") -> RecipeError:
    """Make the error for a suite that is none of the known; hint: what else it may mean."""
    hint = hint or _of_suites(name) or suggest(name, known)
    return RecipeError(f"no suite is called {name!r}", hint)


def read_suite(path: Path) -> Suite:
    """Read a suite.yaml from anywhere."""
    return yamlfile.load_yaml(Suite, path)[0]


def recipe_paths(folder: Path) -> list[Path]:
    """Return the files of a suite's recipes, by name."""
    return sorted(path for path in folder.glob("*.yaml") if path.name != SUITE)


def implementations(suite_name: str) -> tuple[str, ...]:
    """Return the names of a suite's recipes, in the suite's order."""
    folder = root() / "recipes" / current_name(suite_name)
    names = [path.stem for path in recipe_paths(folder)]
    order = load_suite(suite_name).order
    return tuple(sorted(names, key=lambda n: order.index(n) if n in order else len(order)))


def load_named(
    suite_name: str, name: str, *, locked: bool = True, given: Given = NONE
) -> RecipeFile:
    """Read one of the recipes that mrbench carries; not locked: its lock may be missing.

    given: values of its parameters.
    """
    suite_name = current_name(suite_name)
    known = implementations(suite_name)
    if name not in known:
        text = f"suite {suite_name} has no implementation {name!r}"
        raise RecipeError(text, suggest(name, known))
    path = root() / "recipes" / suite_name / f"{name}.yaml"
    return load_path(path, locked=locked, given=given)


def load_file(
    path: Path,
    *,
    suite_name: str,
    suite: Suite,
    patches: Path | None = None,
    locked: bool = True,
    given: Given = NONE,
) -> RecipeFile:
    """Read a recipe from anywhere; its patches are named relative to `patches`, or to itself.

    given: values of its parameters, by name.
    """
    recipe, place = parameters.read_recipe(path, given)
    check_name(path)
    validate(recipe, place)
    beside = real_path(path).parent
    contents = tuple(
        (name, _read_beside(patches or beside, name, key, place))
        for key, name in patches_of(recipe)
    )
    lock = recipe.environment.lock
    return RecipeFile(
        name=path.stem,
        suite_name=suite_name,
        suite=suite,
        recipe=recipe,
        place=place,
        patches=contents,
        lock=_read_beside(beside, lock, "environment.lock", place) if lock and locked else None,
        parameters=parameters.planned(recipe.parameters, given, place),
    )


def check_name(path: Path) -> None:
    """Refuse a recipe whose file cannot name an implementation."""
    if not _NAME.fullmatch(path.stem):
        remedy = "name it with letters, digits, '.', '_' and '-' only"
        raise RecipeError("its name cannot be that of an implementation", remedy, file=path)


def _read_beside(folder: Path, name: str, key: str, place: Place) -> bytes:
    if not real_path(folder / name).is_relative_to(real_path(folder)):
        raise place.error(key, f"{name!r} leaves its folder", f"keep it inside {folder}")
    try:
        return read_regular(folder / name, MOST_BYTES)
    except OSError as exc:
        text = f"{folder / name} cannot be read ({exc.strerror})"
        remedy = "put it there"
        if key == "environment.lock" and isinstance(exc, FileNotFoundError):
            remedy = f"`mrbench lock --recipe {place.file}` writes it"
        raise place.error(key, text, remedy) from exc


def _of_own(name: str) -> str:
    """Return what to type where a recipe of one's own was named as a suite; else nothing."""
    path = Path(name if name.endswith(".yaml") else f"{name}.yaml")
    return f"to train with a recipe of your own, give --recipe {path}" if path.is_file() else ""


def _of_suites(name: str) -> str:
    """Return what to type where an implementation was named as a suite; else nothing."""
    found = [suite for suite in suite_names() if name in implementations(suite)]
    hint = f"it is an implementation of {', '.join(found)}: give --suite {{}} --impl {name}"
    return hint.format(found[0] if len(found) == 1 else "NAME") if found else ""


def base_of(path: Path) -> Path | None:
    """Return the folder that a recipe belongs to, if that is laid out as mrbench's own.

    recipes/<suite>/<name>.yaml, with patches/ and tests/ beside recipes/.
    """
    folder = real_path(path).parent.parent
    has_patches = folder.parent == root() or (folder.parent / "patches").is_dir()
    return folder.parent if folder.name == "recipes" and has_patches else None


def suite_name_of(path: Path) -> str:
    """Return what a recipe's suite is called: as the folder with the suite.yaml."""
    return real_path(path).parent.name


def load_path(path: Path, *, locked: bool = True, given: Given = NONE) -> RecipeFile:
    """Read a recipe with the suite.yaml beside it; RecipeError where there is none.

    Its patches lie in the patches/ of its layout, else beside it. Not locked: its lock may be
    missing. given: values of its parameters.
    """
    base = base_of(path)
    beside = real_path(path).parent / SUITE
    if not (beside.exists() or beside.is_symlink()):
        parameters.read_recipe(path)  # what is wrong with the recipe itself comes first
        text = f"there is no {SUITE} beside it, which states the window and the hardware"
        remedy = f"write {beside}; `mrbench new FILE` writes a recipe with one"
        raise RecipeError(text, remedy, file=path)
    return load_file(
        path,
        suite_name=suite_name_of(path),
        suite=_carried(beside) if base == root() else read_suite(beside),
        patches=base / "patches" if base else None,
        locked=locked,
        given=given,
    )
