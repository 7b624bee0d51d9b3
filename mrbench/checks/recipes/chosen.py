"""Which of the files that mrbench carries are to be checked, and in which order."""

from collections.abc import Sequence
from pathlib import Path

from mrbench.errors import RecipeError
from mrbench.recipe import load
from mrbench.text import did_you_mean


def carried(suites: Sequence[str] | None, names: Sequence[str] | None) -> tuple[Path, ...]:
    """Choose of what mrbench carries: all of it, these suites, these implementations of them."""
    folders = [load.suite_path(name).parent for name in suites or load.suite_names()]
    by_folder = {folder: load.recipe_paths(folder) for folder in dict.fromkeys(folders)}
    known = {path.stem for paths in by_folder.values() for path in paths}
    for name in names or ():
        if name not in known:
            hint = did_you_mean(name, known) or f"known: {', '.join(sorted(known))}"
            raise RecipeError(f"no implementation {name!r} in these suites", hint)
    chosen: list[Path] = []
    for folder, paths in by_folder.items():
        named = [path for path in paths if not names or path.stem in names]
        chosen += [folder / load.SUITE, *named] if named or not names else []
    return tuple(chosen)
