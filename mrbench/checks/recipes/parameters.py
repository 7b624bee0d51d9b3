"""Each value that a recipe allows its parameters must make a plan, not the default alone."""

from collections.abc import Iterator
from pathlib import Path

from msgspec.structs import replace

from mrbench.checks.recipes.base import Subject
from mrbench.errors import RecipeError
from mrbench.model.finding import Finding
from mrbench.recipe import load, plan
from mrbench.text import counted

NAME = "parameters"


def check_values(subject: Subject) -> Iterator[Finding]:
    """Plan with each value in turn, the others at their defaults; nothing where there is none."""
    declared = subject.file.recipe.parameters
    path, tried, wrong = Path(subject.file.place.file), 0, False
    for name, parameter in declared.items():
        for value in parameter.values:
            tried += 1
            try:
                file = load.load_path(path, locked=False, given={name: value})
                plan.make_plan(replace(file, lock=None))
            except RecipeError as exc:
                wrong = True
                text = f"with {name}={value}, {exc.key or 'the recipe'}: {exc.text}"
                remedy = exc.remedy or "correct it there, or leave the value out"
                yield subject.finding(NAME, text, remedy, f"{NAME}.{name}.values")
    if declared and not wrong:
        yield subject.ok(NAME, f"{', '.join(declared)}; each of {counted(tried, 'value')} plans")
