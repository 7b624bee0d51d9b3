"""What the arguments choose: recipes, plans, and the folders they work with."""

import argparse
import itertools
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from mrbench.cli.suites import current_suite
from mrbench.doctor import inputs
from mrbench.errors import RecipeError, UnavailableError
from mrbench.model.finding import Finding
from mrbench.model.options import CoolDown, ExecutorOptions
from mrbench.model.parameters import settings
from mrbench.model.places import Places
from mrbench.model.plan import Plan
from mrbench.prepare.environment import interpreter
from mrbench.prepare.mirror import base
from mrbench.recipe import load, plan
from mrbench.recipe.choices import CHOICES, DATA, require_drawn, with_choices
from mrbench.recipe.load import RecipeFile
from mrbench.recipe.parameters import NONE, Given
from mrbench.run.executor import Executor
from mrbench.run.executors import EXECUTORS, OPTIONS, STARTED_HERE
from mrbench.text import did_you_mean, shorten

T = TypeVar("T")
R = TypeVar("R")
Planned = list[tuple[Plan, RecipeFile]]
Sets = Sequence[tuple[str, Sequence[str]]]  # name and the texts of its values, as --set has them
MOST_POINTS = 1000


def plans(args: argparse.Namespace) -> Planned:
    """Resolve all chosen recipes for each count of GPUs and each point of the grid, in order.

    What cannot be is told for all of them at once.
    """
    files = points(args)
    return _each(
        [(file, count) for count in args.gpus or (None,) for file in files],
        lambda it: (plan_of(args, it[0], gpus=it[1], commit=args.commit), it[0]),
    )


def _each(items: Sequence[T], make: Callable[[T], R]) -> list[R]:
    """Return make(item) for each item; RecipeError with the lines of all that cannot be made."""
    made, problems = [], []
    for item in items:
        try:
            made.append(make(item))
        except RecipeError as exc:
            problems.append(str(exc))
    if problems:
        first, *others = dict.fromkeys(problems)
        error = RecipeError(first)
        error.more = tuple(others)
        raise error
    return made


def points(args: argparse.Namespace) -> list[RecipeFile]:
    """Read the chosen recipes with the values of each point of the grid that --set makes."""
    sets, choices = getattr(args, "set", None) or (), _choices(args)
    if sets:
        _check_declared(sets, chosen_files(args))
        files = [file for point in _combinations(sets) for file in _with_values(args, point)]
    else:
        files = list(chosen_files(args))
    if DATA in choices:
        require_drawn(files, choices[DATA])
    return _each(files, lambda file: with_choices(file, choices))


def _combinations(sets: Sets) -> Iterator[Mapping[str, str]]:
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


def _check_declared(sets: Sets, files: Sequence[RecipeFile]) -> None:
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


def _choices(args: argparse.Namespace) -> dict[str, str]:
    """Return --environment, and which of --data and --weights are words instead of folders."""
    return {name: word for name in CHOICES if isinstance(word := getattr(args, name, None), str)}


def _with_values(args: argparse.Namespace, given: Given) -> tuple[RecipeFile, ...]:
    """Read the chosen recipes, which are well with the defaults, with these values."""
    try:
        return chosen_files(args, given=given)
    except RecipeError as exc:
        if exc.text.startswith("--set"):
            raise
        text = f"with --set {shorten(settings(given))}: {exc.text}"
        raise RecipeError(
            text, "give another value", file=exc.file, line=exc.line, key=exc.key
        ) from exc


def plan_of(
    args: argparse.Namespace,
    file: RecipeFile,
    *,
    commit: str | None = None,
    gpus: int | None = None,
) -> Plan:
    """Resolve one recipe with all else that the arguments say."""
    return plan.make_plan(
        file,
        gpus=gpus,
        window=plan.parse_window(args.window) if args.window else None,
        commit=commit,
        nodes=getattr(args, "nodes", 1),
        image=getattr(args, "container", None),
        inherit=tuple(getattr(args, "pass_variable", None) or ()),
    )


def chosen_files(
    args: argparse.Namespace, *, locked: bool = True, given: Given = NONE
) -> tuple[RecipeFile, ...]:
    """Read the recipes that the arguments choose; not locked: their locks may be missing.

    given: values of their parameters.
    """
    if args.recipe:
        if args.impl:
            raise RecipeError("--impl and --recipe exclude each other", "give one of them")
        if getattr(args, "suite_said", None):
            text = f"suite {args.suite} and --recipe exclude each other"
            raise RecipeError(
                text, "a recipe's suite is the suite.yaml beside it: give --recipe alone"
            )
        return tuple(load.load_path(path, locked=locked, given=given) for path in args.recipe)
    suite = current_suite(args.suite)
    names = dict.fromkeys(args.impl or load.implementations(suite))
    if not names:
        shown = f"`mrbench table {suite} --reference-only` prints them"
        raise RecipeError(f"suite {suite} has no recipes, only published tables", shown)
    return tuple(load.load_named(suite, name, locked=locked, given=given) for name in names)


def places(args: argparse.Namespace) -> Places:
    """Return the folders that the arguments name; UnavailableError if one is not there."""
    data, weights = (None if isinstance(f, str) else f for f in (args.data, args.weights))
    for option, folder in (("--data", data), ("--weights", weights)):
        if folder is not None and not folder.is_dir():
            raise UnavailableError(f"{option} {folder}: no such folder", "check the path")
    runs = getattr(args, "runs", Path("runs"))
    weights = weights or base.weights_folder(args.mirror)
    python = _interpreter(args)
    return Places(data=data, weights=weights, mirror=args.mirror, runs=runs, python=python)


CURRENT = "current"


def served(
    args: argparse.Namespace, planned: Planned, where: Places
) -> tuple[Planned, list[Finding]]:
    """Leave out what the interpreter of --environment lacks modules for, if a whole suite is asked.

    Returns what is left, and why each other one is left out; if none would be left, all of them.
    """
    named = args.impl or args.recipe or getattr(args, "executor", "local") == "docker"
    if args.environment is None or named:
        return planned, []
    lacking = inputs.without_modules([plan for plan, _ in planned], where)
    left = [each for each in planned if each[0].implementation not in lacking]
    return (left, list(lacking.values())) if left else (planned, [])


def unused(args: argparse.Namespace, planned: Planned) -> tuple[str, ...]:
    """Return a line if --data was given and some recipes have no use for it."""
    if args.data is None:
        return ()
    drawing = [p for p, _ in planned if p.data and p.data.synthetic and DATA not in p.parameters]
    kinds = {
        "its recipe draws its own images": [plan.implementation for plan in drawing],
        "its recipe reads no data": [
            plan.implementation for plan, _ in planned if plan.data is None
        ],
    }
    told = ((why, dict.fromkeys(names)) for why, names in kinds.items() if names)
    return tuple(f"--data is not used by {', '.join(names)}: {why}" for why, names in told)


def _interpreter(args: argparse.Namespace) -> Path | None:
    """Return the interpreter that --environment names by its path; UnavailableError if none is."""
    if args.environment in (None, CURRENT):
        return None
    python = Path(os.path.abspath(args.environment))  # noqa: PTH100 - a venv's is a link, which counts
    if getattr(args, "executor", "local") == "docker":
        return python  # in the image
    if not python.is_file() or interpreter.describe(python) is None:
        inside = python / "bin" / "python"
        remedy = f"give {inside}" if inside.is_file() else "give `current`, or a path of one"
        text = f"--environment {args.environment} is no Python interpreter"
        raise UnavailableError(text, remedy)
    return python


def reasons(left_out: Sequence[Finding]) -> tuple[str, ...]:
    """Return a line for each that `served` left out."""
    return tuple(f"left out: {', '.join(each.implementations)}: {each.text}" for each in left_out)


def executor(args: argparse.Namespace) -> Executor:
    """Return the executor that the arguments choose; RecipeError for options of another."""
    cool_down = None
    if getattr(args, "budget", None) is not None and args.executor not in STARTED_HERE:
        text = f"--budget and --executor {args.executor}: a job waits for as long as the queue is"
        raise RecipeError(text, "leave --budget out; --time limits each job")
    if args.environment is not None and args.container is not None:
        text = "--environment and --container: the container has an interpreter of its own"
        raise RecipeError(text, "leave one of them out")
    if args.cool_down is not None:
        cool_down = CoolDown(celsius=args.cool_down, limit_s=args.cool_down_limit)
    known = [f for f in ExecutorOptions.__struct_fields__ if f != "cool_down"]
    options = ExecutorOptions(cool_down=cool_down, **{name: getattr(args, name) for name in known})
    for name in ExecutorOptions.__struct_fields__:
        asked = getattr(options, name) != getattr(ExecutorOptions(), name)
        if asked and name not in OPTIONS[args.executor]:
            takers = " or ".join(other for other, names in OPTIONS.items() if name in names)
            text = f"--{name.replace('_', '-')} is for --executor {takers}"
            raise RecipeError(text, "add that, or leave it out")
    return EXECUTORS[args.executor](options)
