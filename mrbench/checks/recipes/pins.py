"""What a recipe pins and fills in: commits, packages, placeholders, values of parameters."""

import re
from collections.abc import Iterator
from pathlib import Path

from msgspec.structs import replace

from mrbench.checks.recipes.base import Subject
from mrbench.errors import RecipeError
from mrbench.model.finding import Finding
from mrbench.model.inputs import PACKAGE
from mrbench.recipe import load, lockfile
from mrbench.recipe.plan import make_plan
from mrbench.text import PLACEHOLDER, PLACEHOLDERS, counted

# what a run on one node fills in when it knows its folders
FILLED_LATER = {"python", "checkout", "output", "weights", "port"}
WEIGHTS = re.compile(r"\{weights\}/([^\s\"',;]+)")


def commits(subject: Subject) -> Iterator[Finding]:
    """Tell what is pinned; that ids are whole was a condition of reading the recipe."""
    source, packages = subject.plan.source, subject.plan.environment.packages
    text = f"{source.revision[:12]} of {source.upstream.rpartition('/')[2]}"
    if packages:
        text += f" and {counted(len(packages), 'package')}"
    unpinned = [p.package or p.url for p in packages if p.tree is None]
    if source.tree is None or unpinned:
        pinned_by = "source.sha256" if source.package else "source.commit"
        key = "environment.packages" if source.tree else pinned_by
        lacks = "no tree id is recorded for " + (unpinned[0] if source.tree else "the source")
        remedy = "add the `tree` that `mrbench prepare --checkout-only` prints"
        yield subject.lacking("commits", lacks, remedy, key)
    else:
        yield subject.ok("commits", f"{text}, with {'trees' if packages else 'tree'}")


def licence(subject: Subject) -> Iterator[Finding]:
    """Ask whether one of a suite's recipes says under which licence its project is.

    What mrbench brings itself may be of nobody else.
    """
    own = subject.plan.source.url.startswith(PACKAGE)
    if subject.file.recipe.licence:
        yield subject.ok("licence", subject.file.recipe.licence)
    elif subject.base is not None and not own:
        text, remedy = "the recipe does not say which", "add `licence`, an SPDX expression"
        yield subject.finding("licence", text, remedy, "title", outcome="note")


def placeholders(subject: Subject) -> Iterator[Finding]:
    """Look for what would be left unfilled in the command of one node, or filled with nothing."""
    recipe, plan = subject.file.recipe, subject.plan
    filled = FILLED_LATER | ({"data"} if recipe.data else set())
    filled |= {"converted"} if recipe.data and recipe.data.converted else set()
    texts = [("launch.command", word) for word in plan.command]
    texts += [(f"launch.variables.{name}", text) for name, text in plan.variables.items()]
    for key, text in texts:
        for name in PLACEHOLDER.findall(text):
            if name in PLACEHOLDERS and name not in filled:
                why = "the recipe has no `data`" if name == "data" else "one node has none"
                remedy = "add `data`" if name == "data" else "use it in launch.multi_node only"
                yield subject.finding("placeholders", f"{{{name}}}: {why}", remedy, key)
                return
    rate = "{learning_rate}" in " ".join((*recipe.launch.command, *recipe.other_gpus.arguments))
    if rate and recipe.workload.learning_rate_per_image is None:
        text = "{learning_rate} is filled with nothing"
        remedy = "add learning_rate_per_image to `workload`"
        yield subject.finding("placeholders", text, remedy, "launch.command")
        return
    listed = {item.file for item in recipe.weights}
    for key, text in texts:
        for file in WEIGHTS.findall(text):
            if file not in listed:
                remedy = "list it there, with its url"
                lack = f"{{weights}}/{file} is not listed under `weights`"
                yield subject.finding("placeholders", lack, remedy, key)
                return
    known = {name for _, text in texts for name in PLACEHOLDER.findall(text)}
    named = known | set(PLACEHOLDER.findall(" ".join(recipe.launch.command)))
    yield subject.ok("placeholders", f"{len(named)} in the launch, all filled")


def check_values(subject: Subject) -> Iterator[Finding]:
    """Plan with each value in turn, the others at their defaults; nothing where there is none."""
    declared = subject.file.recipe.parameters
    path, tried, wrong = Path(subject.place.file), 0, False
    for name, parameter in declared.items():
        for value in parameter.values:
            tried += 1
            try:
                file = load.load_path(path, locked=False, given={name: value})
                make_plan(replace(file, lock=None))
            except RecipeError as exc:
                wrong = True
                text = f"with {name}={value}, {exc.key or 'the recipe'}: {exc.text}"
                remedy = exc.remedy or "correct it there, or leave the value out"
                yield subject.finding("parameters", text, remedy, f"parameters.{name}.values")
    if declared and not wrong:
        yield subject.ok(
            "parameters", f"{', '.join(declared)}; each of {counted(tried, 'value')} plans"
        )


def check_lock(subject: Subject) -> Iterator[Finding]:
    """Compare a lock with what the recipe asks for."""
    env = subject.file.recipe.environment
    if env.kind != "venv":
        yield subject.ok("lock", f"none: the environment is of kind {env.kind}")
        return
    if subject.file.lock is None:
        text = "there is none, so that versions of packages can move"
        remedy = f"add `lock: {subject.file.name}.lock`, and run `mrbench lock`"
        yield subject.lacking("lock", text, remedy, "environment")
        return
    lock = subject.file.lock
    fault = lockfile.fault(env, lock)
    if fault is None:
        packages, hashes = len(list(lockfile.pins(lock))), lock.count(b"--hash=")
        contents = f"{packages} packages, {hashes} hashes, with all that the recipe asks for"
        if env.no_deps:
            whose = "all" if env.no_deps is True else ", ".join(env.no_deps or ())
            contents += f"; without the dependencies of {whose}"
        if not lockfile.is_sealed(lock) and subject.base != load.root():
            contents += "; it has no digest of its own: `mrbench lock` finds what was added to it"
        yield subject.ok("lock", contents, packages=packages, hashes=hashes)
    elif fault.line is None:
        text = f"{env.lock} {fault.text}"
        yield subject.finding("lock", text, fault.remedy, "environment.lock")
    else:
        path = Path(subject.place.file).parent / str(env.lock)
        text = f"{env.lock} {fault.text}"
        yield subject.in_file("lock", text, fault.remedy, path, fault.line)
