"""Recipes that are named by their path: to which folder and which suite they belong."""

from pathlib import Path

from mrbench.recipe import load as recipe
from mrbench.recipe.load import RecipeFile


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
    beside = path.resolve().parent / recipe.SUITE
    if beside.is_file():
        name, suite = suite_name(path), recipe.read_suite(beside)
    else:
        name, suite = default_suite, recipe.load_suite(default_suite)
    return recipe.load_file(
        path,
        suite_name=name,
        suite=suite,
        patches=base / "patches" if base else None,
        locked=locked,
    )
