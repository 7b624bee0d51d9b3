"""Files that a recipe's commands name: each must be in the patched tree."""

import re
from collections.abc import Iterator
from pathlib import Path

from mrbench.checks.recipes.base import Subject
from mrbench.model.finding import Finding
from mrbench.text import counted

NAME = "files"
# what a command reads of its source: scripts and configurations, relative to where it runs
FILE = re.compile(r"(?:\./)?[\w+-][\w./+-]*\.(?:py|ya?ml|sh|cfg|prototxt)")

# a module of it, or what is in one: of such a name it is not known whether it should be there
DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")


def check_named_files(subject: Subject, checkout: Path) -> Iterator[Finding]:
    """Look for each file that the launch, the build and the preparation of data name."""
    folder = checkout / subject.plan.directory
    if not folder.is_dir():
        text = f"the source has no folder {subject.plan.directory}"
        yield subject.finding(NAME, text, "correct it", "launch.directory")
        return
    named = list(_named(subject, checkout, folder))
    absent = [(key, place) for key, _, place in named if not place.is_file()]
    for key, place in absent:
        text = f"the patched source has no file {place.relative_to(checkout)}"
        yield subject.finding(NAME, text, "correct the path, or source.paths", key)
    if not named:
        text = "the launch names no file of its source"
        yield subject.finding(
            NAME, text, "have a look at it yourself", "launch.command", outcome="not checked"
        )
    elif not absent:
        words = {word for _, word, _ in named}
        yield subject.ok(NAME, f"{counted(len(words), 'file')} of the commands, all there")


def _named(subject: Subject, checkout: Path, folder: Path) -> Iterator[tuple[str, str, Path]]:
    """Yield key, word and place of each."""
    recipe = subject.file.recipe
    several = recipe.launch.multi_node
    groups = [("launch.command", folder, subject.plan.command)]
    groups += [("launch.multi_node.command", folder, several.command)] if several else []
    groups += [("environment.build", checkout, step) for step in recipe.environment.build]
    steps = recipe.data.prepare if recipe.data else ()
    groups += [("data.prepare", checkout, step) for step in steps]
    made = recipe.data.converted if recipe.data else None
    groups += [("data.converted.steps", checkout, step) for step in made.steps] if made else []
    for key, place, words in groups:
        for word in words:
            name = word.rpartition("=")[2]
            inside = name.removeprefix("{checkout}/")
            if FILE.fullmatch(inside) and ".." not in inside.split("/"):
                yield key, word, (checkout if inside != name else place) / inside
            elif DOTTED.fullmatch(name) and (module := _module(name, place)):
                yield key, word, module


def _module(name: str, folder: Path) -> Path | None:
    """Return the file of a module, or of the module that has what is named; None if none is."""
    places = (folder / f"{part.replace('.', '/')}.py" for part in (name, name.rpartition(".")[0]))
    return next((place for place in places if place.is_file()), None)
