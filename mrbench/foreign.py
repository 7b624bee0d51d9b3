"""Recipes that are named by their path: to which folder and which suite they belong."""

from pathlib import Path

from mrbench import recipe
from mrbench.recipe import RecipeFile

SUITE = "suite.yaml"


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


def load(path: Path, default_suite: str, *, locked: bool = True) -> RecipeFile:
    """Read a recipe with the suite.yaml beside it, else with a suite that mrbench carries.

    Its patches lie in the patches/ of its layout, else beside it. Not locked: its lock may be
    missing.
    """
    base = base_of(path)
    beside = path.resolve().parent / SUITE
    name = suite_name(path) if beside.is_file() else default_suite
    return recipe.load_file(
        path,
        suite_name=name,
        suite=recipe.read_suite(beside) if beside.is_file() else recipe.load_suite(name),
        patches=base / "patches" if base else None,
        locked=locked,
    )
