"""What the arguments choose: recipes, plans, and the folders they work with."""

import argparse
from pathlib import Path

from mrbench.doctor.cooldown import CoolDown
from mrbench.errors import RecipeError
from mrbench.launch.executors import Wishes
from mrbench.model.places import Places
from mrbench.model.plan import Plan
from mrbench.prepare import run_copy
from mrbench.prepare.mirror import base
from mrbench.recipe import foreign, load, plan
from mrbench.recipe.load import RecipeFile

Planned = list[tuple[Plan, RecipeFile]]
# What only one executor knows.
OPTIONS = {
    "docker": ("image", "base_image", "shm", "memory"),
    "slurm": ("nodes", "partition", "time", "account", "constraint", "container", "detach"),
}


def plans(args: argparse.Namespace) -> Planned:
    """Resolve all chosen recipes for each count of GPUs, the counts in order.

    What cannot be is told for all of them at once.
    """
    window = plan.parse_window(args.window) if args.window else None
    files = chosen_files(args)
    planned, problems = [], []
    for count in args.gpus or (None,):
        for file in files:
            try:
                made = plan.make_plan(
                    file,
                    gpus=count,
                    window=window,
                    commit=args.commit,
                    nodes=getattr(args, "nodes", 1),
                    image=getattr(args, "container", None),
                )
                planned.append((made, file))
            except RecipeError as exc:
                problems.append(str(exc))
    if problems:
        raise RecipeError("\n".join(dict.fromkeys(problems)))
    return planned


def chosen_files(args: argparse.Namespace, *, locked: bool = True) -> tuple[RecipeFile, ...]:
    """Read the recipes that the arguments choose; not locked: their locks may be missing."""
    if args.recipe:
        if args.impl:
            raise RecipeError("--impl and --recipe exclude each other", "give one of them")
        return tuple(foreign.load(path, args.suite, locked=locked) for path in args.recipe)
    names = dict.fromkeys(args.impl or load.implementations(args.suite))
    return tuple(load.load_named(args.suite, name, locked=locked) for name in names)


def places(args: argparse.Namespace) -> Places:
    """Return the folders that the arguments name; UnavailableError if one is not there."""
    for option, folder in (("--data", args.data), ("--weights", args.weights)):
        run_copy.require_folder(folder, option)
    runs = getattr(args, "runs", Path("runs"))
    weights = args.weights or base.weights_folder(args.mirror)
    return Places(data=args.data, weights=weights, mirror=args.mirror, runs=runs)


def wishes(args: argparse.Namespace) -> Wishes:
    """Return what the arguments ask of the executor; RecipeError for what it does not know."""
    for executor, names in OPTIONS.items():
        given = [n for n in names if getattr(args, n) and (n, getattr(args, n)) != ("nodes", 1)]
        if given and args.executor != executor:
            option = f"--{given[0].replace('_', '-')}"
            raise RecipeError(f"{option} is for --executor {executor}", "add that, or leave it out")
    if args.executor == "slurm" and args.cool_down is not None:
        raise RecipeError("--cool-down looks at this machine's GPUs", "leave it out on a cluster")
    return Wishes(
        executor=args.executor,
        image=args.image,
        base_image=args.base_image,
        shm=args.shm,
        memory=args.memory,
        nodes=args.nodes,
        partition=args.partition,
        time_limit=args.time,
        account=args.account,
        constraint=args.constraint,
        container=args.container,
        detach=args.detach,
    )


def cool_down(args: argparse.Namespace) -> CoolDown | None:
    """Return what is asked of the GPUs' temperature before each run."""
    if args.cool_down is None:
        return None
    return CoolDown(celsius=args.cool_down, limit_s=args.cool_down_limit)
