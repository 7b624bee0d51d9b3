"""What the command line changes in a recipe: --data synthetic, --weights random, --environment.

All stand in the plan's parameters, so that their runs have rows, names and baselines of their own.
"""

import re
from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from mrbench.errors import RecipeError
from mrbench.model.inputs import SyntheticData
from mrbench.model.parameters import ENVIRONMENT, OWN, PlannedParameter
from mrbench.model.recipe import Launch, RandomWeights, Recipe
from mrbench.recipe.load import RecipeFile
from mrbench.text import shorten

DATA, WEIGHTS = "data", "weights"  # names that no recipe's parameter has: they are placeholders
RANDOM = "random"
IMAGES = 2000  # to train on, where --data synthetic names no other number
# What a drawn dataset has, of what a recipe's data.needs may name.
COCOS = {"annotations", "train2017", "val2017", "train2014", "val2014"} | {
    f"annotations/instances_{name}.json"
    for name in (
        *("train2017", "val2017", "train2014", "val2014"),
        *("valminusminival2014", "minival2014"),
    )
}
# What a recipe says of drivers and GPUs holds for the CUDA that its lock brings.
OF_LOCK = re.compile(r"NVIDIA driver|compute capability", re.IGNORECASE)
# What each is where it is not given, and what it means.
CHOICES: Mapping[str, tuple[str, str]] = {
    DATA: ("folder", "What is trained on: a folder of the user's, or images drawn like COCO's"),
    WEIGHTS: (
        "pretrained",
        "What the training starts from: an untrained network proposes other regions",
    ),
    ENVIRONMENT: (
        "locked",
        "Whose packages train: the recipe's lock, or what is installed there",
    ),
}


def with_choices(file: RecipeFile, chosen: Mapping[str, str]) -> RecipeFile:
    """Return the recipe as these choices change it; RecipeError where it cannot be trained so.

    chosen: some of CHOICES, with a value each.
    """
    if DATA in chosen:
        file = _drawn(file, chosen[DATA])
    if chosen.get(WEIGHTS) == RANDOM:
        file = _untrained(file)
    return _installed(file) if ENVIRONMENT in chosen else file


def _changed(file: RecipeFile, recipe: Recipe, choice: str, value: str) -> RecipeFile:
    """Return a file with a recipe that a choice made, which is among its parameters from now on."""
    default, description = CHOICES[choice]
    planned = PlannedParameter(value=value, default=default, description=description)
    return replace(file, recipe=recipe, parameters={**file.parameters, choice: planned})


def require_drawn(files: Sequence[RecipeFile], word: str) -> None:
    """Refuse --data synthetic where it would change none of these recipes; RecipeError."""
    data = [file.recipe.data for file in files]
    if any(each is not None and each.synthetic is None for each in data):
        return
    names = tuple(dict.fromkeys(file.name for file in files))
    what = "draw images of their own" if any(data) else "read no images"
    if len(names) == 1:
        what = "draws images of its own" if any(data) else "reads no images"
    text = f"--data {word} changes nothing: {', '.join(names)} {what}"
    raise RecipeError(text, "leave it out")


def _drawn(file: RecipeFile, word: str) -> RecipeFile:
    """Return the recipe on drawn data; one that has none, or its own, stays as it is.

    word: `synthetic`, or with a number of images behind a colon.
    """
    data = file.recipe.data
    if data is None or data.synthetic is not None:
        return file
    if not data.layout.strip().startswith("COCO") or not COCOS.issuperset(data.needs):
        raise RecipeError(
            f"{file.name} trains on other data than COCO's ({shorten(data.layout)}), and"
            " --data synthetic draws none such",
            "name their folder with --data DIR, or leave this implementation out with --impl",
        )
    count = int(word.partition(":")[2] or IMAGES)
    drawn = replace(data, synthetic=SyntheticData(images=count, like="coco"))
    return _changed(file, replace(file.recipe, data=drawn), DATA, word)


def _installed(file: RecipeFile) -> RecipeFile:
    """Return the recipe with packages that are installed already, its lock only for comparison."""
    if file.recipe.environment.kind == "current":
        return file
    system = tuple(text for text in file.recipe.environment.system if not OF_LOCK.search(text))
    environment = replace(file.recipe.environment, kind="current", image=None, system=system)
    return _changed(file, replace(file.recipe, environment=environment), ENVIRONMENT, OWN)


def _untrained(file: RecipeFile) -> RecipeFile:
    """Return the recipe without its weights; one that has none stays as it is."""
    recipe, how = file.recipe, file.recipe.random_weights
    if how is None and not recipe.weights:
        return file
    if how is None:
        raise RecipeError(
            f"{file.name} cannot train from random weights, as far as its recipe says"
            " (random_weights)",
            "leave --weights random out, or this implementation with --impl",
        )
    work, told = recipe.workload, f": {how.notes.strip()}" if how.notes else ""
    source = recipe.source
    if how.substitutions:
        more = source.substitutions + how.substitutions
        source = replace(source, substitutions=more, tree=how.tree)
    changed = replace(
        recipe,
        source=source,
        launch=_launched(recipe.launch, how),
        weights=(),
        workload=replace(
            work,
            learning_rate_per_image=how.learning_rate_per_image or work.learning_rate_per_image,
        ),
        starts_from=f"random weights{told}",
    )
    return _changed(file, changed, WEIGHTS, RANDOM)


def _launched(launch: Launch, how: RandomWeights) -> Launch:
    several = launch.multi_node
    return replace(
        launch,
        command=launch.command + how.arguments,
        variables={**launch.variables, **how.variables},
        multi_node=several and replace(several, command=several.command + how.arguments),
    )
