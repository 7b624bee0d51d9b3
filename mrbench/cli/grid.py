"""`--set NAME=VALUE,...`: the points of a grid, and whether all recipes have its parameters."""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence

from mrbench.errors import RecipeError
from mrbench.recipe.load import RecipeFile
from mrbench.text import did_you_mean

MOST_POINTS = 1000

Sets = Sequence[tuple[str, Sequence[str]]]  # name and the texts of its values, as --set has them


def points(sets: Sets) -> Iterator[Mapping[str, str]]:
    """Yield each combination of the values, the last parameter's fastest.

    RecipeError where a parameter is given twice, or there are too many.
    """
    names = [name for name, _ in sets]
    for name in names:
        if names.count(name) > 1:
            all_ = ",".join(v for n, values in sets if n == name for v in values)
            raise RecipeError(f"--set {name}: given twice", f"give --set {name}={all_}")
    number = math.prod(len(values) for _, values in sets)
    if number > MOST_POINTS:
        text = f"--set: {number} combinations are too many"
        raise RecipeError(text, f"give at most {MOST_POINTS}, in several commands if need be")
    for values in itertools.product(*(values for _, values in sets)):
        yield dict(zip(names, values, strict=True))


def check(sets: Sets, files: Sequence[RecipeFile]) -> None:
    """Refuse a parameter that not all of the recipes declare; names those that lack it."""
    for name, _ in sets:
        lacking = [file for file in files if name not in file.recipe.parameters]
        if not lacking:
            continue
        known = dict.fromkeys(n for file in lacking for n in file.recipe.parameters)
        listed = ", ".join(file.name for file in lacking)
        verb = "declares" if len(lacking) == 1 else "declare"
        having = [file.name for file in files if file not in lacking]
        if having:
            hint = f"only {', '.join(having)} can be chosen with it (--impl)"
        else:
            hint = f"known: {', '.join(known)}" if known else "the recipe's key `parameters` would"
            hint = f"{did_you_mean(name, known)} {hint}".lstrip()
        raise RecipeError(f"--set {name}: {listed} {verb} no such parameter", hint)
