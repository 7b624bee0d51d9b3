"""Which files are to be checked, in which order, and to what they belong."""

from collections.abc import Sequence
from pathlib import Path

from mrbench import recipe
from mrbench.errors import RecipeError
from mrbench.recipe import RecipeFile
from mrbench.wording import did_you_mean

SUITE = "suite.yaml"


def carried(suites: Sequence[str] | None, names: Sequence[str] | None) -> tuple[Path, ...]:
    """Choose of what mrbench carries: all of it, these suites, these implementations of them."""
    folders = [recipe.suite_path(name).parent for name in suites or recipe.suite_names()]
    found = {folder: _recipes(folder) for folder in dict.fromkeys(folders)}
    known = {path.stem for paths in found.values() for path in paths}
    for name in names or ():
        if name not in known:
            hint = did_you_mean(name, known) or f"known: {', '.join(sorted(known))}"
            raise RecipeError(f"no implementation {name!r} in these suites; {hint}")
    chosen: list[Path] = []
    for folder, paths in found.items():
        wanted = [path for path in paths if not names or path.stem in names]
        chosen += [folder / SUITE, *wanted] if wanted or not names else []
    return tuple(chosen)


def base_of(path: Path) -> Path | None:
    """Return the folder that a recipe belongs to, if that is laid out as mrbench's own.

    recipes/<suite>/<name>.yaml, with patches/ and tests/ beside recipes/.
    """
    folder = path.resolve().parent.parent
    whole = folder.parent == recipe.root() or (folder.parent / "patches").is_dir()
    return folder.parent if folder.name == "recipes" and whole else None


def suite_name(path: Path) -> str:
    """Return what a recipe's suite is called: as the folder with the suite.yaml."""
    return path.resolve().parent.name


def load(path: Path, default_suite: str) -> RecipeFile:
    """Read a recipe with the suite.yaml beside it, else with a suite that mrbench carries."""
    base = base_of(path)
    beside = path.resolve().parent / SUITE
    name = suite_name(path) if beside.is_file() else default_suite
    return recipe.load_file(
        path,
        suite_name=name,
        suite=recipe.read_suite(beside) if beside.is_file() else recipe.load_suite(name),
        patches=base / "patches" if base else None,
    )


def _recipes(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.yaml") if path.name != SUITE)
