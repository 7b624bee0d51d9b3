"""Arguments that several commands share."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mrbench.cli.values import (
    RANDOM,
    SYNTHETIC,
    aggregation,
    commit,
    counts,
    degrees,
    folder_or_random,
    folder_or_synthetic,
    margin,
    positive,
    setting,
    shared,
    size,
    variable,
)
from mrbench.run.executors import EXECUTORS

MARGIN = 0.03  # the slowdown that is too much


class OneSuite(argparse.Action):
    """Takes a suite from SUITE or --suite; both may name it, but not two different ones."""

    def __call__(
        self,
        _parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,  # noqa: ARG002 - argcomplete gives it by this name
    ) -> None:
        """Store the name; ArgumentError where another one is there."""
        if values == argparse.SUPPRESS:  # argcomplete calls it also where no SUITE stands
            return
        said = vars(namespace).setdefault("suite_said", values)
        if said != values:
            raise argparse.ArgumentError(None, f"suite {said} or suite {values}? give one of them")
        namespace.suite = values


class Names(argparse.Action):
    """Takes names as `a b`, `a,b`, or one after another."""

    def __call__(
        self,
        _parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,  # noqa: ARG002 - argcomplete gives it by this name
    ) -> None:
        """Add the names to those that are there."""
        words = [name for text in values or () for name in text.split(",")]
        before = getattr(namespace, self.dest) or []
        setattr(namespace, self.dest, [*before, *filter(None, words)])


def add_suite_option(
    parser: argparse.ArgumentParser, default: str | None = "2019", told: str = "default: 2019"
) -> None:
    """Add --suite alone, for commands whose other words leave SUITE no place."""
    parser.add_argument("--suite", action=OneSuite, default=default, metavar="NAME", help=told)


def add_named_runs(parser: argparse.ArgumentParser, default: str) -> None:
    """Add SUITE|RUN ... and --suite, for mrbench.cli.stored.named. default: in words."""
    purpose = (
        "a suite, or runs: folders, ends of their paths, archives, tags, or an implementation"
        f" (its latest run); default: {default}"
    )
    parser.add_argument("run", nargs="*", metavar="SUITE|RUN", help=purpose)
    add_suite_option(parser, None, "the same for a suite")


def named_words(args: argparse.Namespace) -> list[str]:
    """Return the words that add_named_runs took."""
    return [*args.run, *([args.suite] if args.suite else ())]


def add_recipes(parser: argparse.ArgumentParser, *, named: bool = True) -> None:
    """Add SUITE, --suite, --impl and --recipe. named: whether SUITE may stand without --suite."""
    if named:
        parser.add_argument(
            "suite",
            nargs="?",
            action=OneSuite,
            default=argparse.SUPPRESS,
            metavar="SUITE",
            help="suite; default: 2019",
        )
        add_suite_option(parser, told="the same")
    else:
        add_suite_option(parser)
    add_impl(parser, "implementations; default: the whole suite")
    add_recipe(parser, "recipe files to use instead of the suite's")


def add_impl(parser: argparse.ArgumentParser, purpose: str, nargs: int | str = "+") -> None:
    """Add --impl."""
    parser.add_argument("--impl", nargs=nargs, action=Names, metavar="NAME", help=purpose)


def add_recipe(parser: argparse.ArgumentParser, purpose: str, nargs: int | str = "+") -> None:
    """Add --recipe."""
    parser.add_argument(
        "--recipe", nargs=nargs, action="extend", type=Path, metavar="FILE", help=purpose
    )


def add_reference(parser: argparse.ArgumentParser) -> None:
    """Add --reference."""
    parser.add_argument("--reference", metavar="NAME", help="published table to compare with")


def add_choice(parser: argparse.ArgumentParser) -> None:
    """Add what chooses recipes, and where data, weights and mirror are."""
    add_recipes(parser)
    add_places(parser)


def add_places(parser: argparse.ArgumentParser) -> None:
    """Add where data, weights, mirror and packages are."""
    parser.add_argument(
        "--data",
        type=folder_or_synthetic,
        metavar="DIR",
        default=os.environ.get("MRBENCH_DATA") or None,
        help=f"COCO dataset folder, or `{SYNTHETIC}`: train on 2,000 images drawn like COCO's"
        f" ({SYNTHETIC}:N: on N of them)",
    )
    add_weights(
        parser, f"folder of pretrained weights, or `{RANDOM}`: train without them", folder_or_random
    )
    add_mirror(
        parser,
        "a mirror (`mrbench mirror create`), or a base URL of repositories by owner/name",
    )
    purpose = (
        "train with packages that are installed already instead of the recipe's lock: those of"
        " an interpreter, by its path, or `current`: of the one that runs mrbench"
    )
    parser.add_argument("--environment", metavar="WHERE", help=purpose)


def add_weights(
    parser: argparse.ArgumentParser, purpose: str, read: Callable[[str], object] = Path
) -> None:
    """Add --weights, whose default is MRBENCH_WEIGHTS. read: makes the value of its text."""
    parser.add_argument(
        "--weights",
        type=read,
        metavar="DIR",
        default=os.environ.get("MRBENCH_WEIGHTS") or None,
        help=purpose,
    )


def add_mirror(parser: argparse.ArgumentParser, purpose: str) -> None:
    """Add --mirror, whose default is MRBENCH_MIRROR."""
    parser.add_argument(
        "--mirror",
        metavar="BASE",
        default=os.environ.get("MRBENCH_MIRROR") or None,
        help=purpose,
    )


def add_pass_variable(parser: argparse.ArgumentParser) -> None:
    """Add --pass-variable."""
    parser.add_argument(
        "--pass-variable",
        type=variable,
        nargs="+",
        action="extend",
        metavar="NAME",
        help="further variables that the training is given; they are recorded",
    )


def add_runs(parser: argparse.ArgumentParser, *, inner: bool = False) -> None:
    """Add --runs. inner: to an action whose command has it too; where it stands does not matter."""
    parser.add_argument(
        "--runs",
        type=Path,
        metavar="DIR",
        # a default of the action would replace what stands before the action
        default=argparse.SUPPRESS if inner else os.environ.get("MRBENCH_RUNS") or "runs",
        help="folder of runs; default: ./runs",
    )


def add_json(
    parser: argparse.ArgumentParser | argparse._ArgumentGroup,
    told: str = "print JSON",
    *,
    inner: bool = False,
) -> None:
    """Add --json: stdout has JSON only. inner: as add_runs."""
    default = argparse.SUPPRESS if inner else False
    parser.add_argument("--json", action="store_true", default=default, help=told)


def print_json(value: object) -> None:
    """Print a value of our types, or of JSON's, where --json asks for it; paths as texts."""
    import msgspec  # noqa: PLC0415 - 10 ms that no parser waits for

    sys.stdout.write(json.dumps(msgspec.to_builtins(value, enc_hook=str), indent=1) + "\n")


def add_quiet(parser: argparse.ArgumentParser | argparse._ArgumentGroup, told: str) -> None:
    """Add -q and --quiet. told: what is printed still."""
    parser.add_argument("-q", "--quiet", action="store_true", help=told)


def add_gpus(parser: argparse.ArgumentParser) -> None:
    """Add --gpus."""
    purpose = "number of GPUs, or a series such as 1,2,4,8; default: the suite's"
    parser.add_argument("--gpus", type=counts, metavar="N,M,...", help=purpose)


def add_set(
    parser: argparse.ArgumentParser,
    told: str = "value of a parameter of the recipes, or several: each combination is run",
    metavar: str = "NAME=VALUE,...",
) -> None:
    """Add --set."""
    parser.add_argument("--set", type=setting, action="append", metavar=metavar, help=told)


def add_plans(parser: argparse.ArgumentParser) -> None:
    """Add all that decides which plans are run: recipes, commit, GPUs, window, parameters."""
    add_choice(parser)
    purpose = "commit (40 hex digits) instead of the recipe's"
    parser.add_argument("--commit", type=commit, metavar="SHA", help=purpose)
    add_gpus(parser)
    parser.add_argument("--window", metavar="A:B", help="measure iterations A+1 to B")
    add_set(parser)
    add_pass_variable(parser)


def add_waits(parser: argparse.ArgumentParser) -> None:
    """Add what to wait for before each run: other runs, --cool-down and --wait-until-quiet."""
    busy = parser.add_mutually_exclusive_group()
    purpose = "wait at most S seconds for other runs on this machine; default: as long as it takes"
    busy.add_argument("--wait", type=positive, metavar="S", help=purpose)
    purpose = "exit with 4 where other runs train or wait on this machine"
    busy.add_argument("--no-wait", dest="wait", action="store_const", const=0, help=purpose)
    purpose = "wait before each run until GPUs are at most C degrees Celsius"
    parser.add_argument("--cool-down", type=degrees, metavar="C", help=purpose)
    purpose = "wait at most S seconds for that; default: 600"
    parser.add_argument("--cool-down-limit", type=positive, default=600, metavar="S", help=purpose)
    parser.add_argument(
        "--wait-until-quiet",
        type=positive,
        nargs="?",
        const=600,
        metavar="S",
        help="wait before each run for other programs to end, at most S seconds; default: 600",
    )


def add_executor(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """Add --executor, and what executors may be asked for; return the group of Slurm's options."""
    purpose = "where to train; default: local"
    parser.add_argument("--executor", choices=tuple(EXECUTORS), default="local", help=purpose)
    containers = parser.add_argument_group("with --executor docker")
    for option, metavar, kind, purpose in (
        ("image", "NAME", str, "train in this image as is; default: build one"),
        ("base-image", "NAME", str, "build the environment on this image"),
        ("shm", "SIZE", shared, "shared memory, e.g. 16g, or `host`; default: half of all memory"),
        ("memory", "SIZE", size, "memory limit, e.g. 64g; default: none"),
    ):
        containers.add_argument(f"--{option}", metavar=metavar, type=kind, help=purpose)
    cluster = parser.add_argument_group("with --executor slurm")
    purpose = "number of nodes; --gpus counts GPUs per node"
    cluster.add_argument("--nodes", type=positive, default=1, metavar="N", help=purpose)
    for option, metavar, purpose in (
        ("partition", "P", "Slurm partition; default: the cluster's"),
        ("time", "T", "time limit, as for sbatch; default: the recipe's"),
        ("account", "A", "Slurm account; default: the cluster's"),
        ("constraint", "C", "node features to require; default: none"),
        ("qos", "Q", "quality of service; default: the cluster's"),
        ("reservation", "R", "reservation; default: none"),
        ("nodelist", "NODES", "names of the nodes to run on; default: any"),
        ("container", "IMAGE", "train in this image, by pyxis or apptainer"),
    ):
        cluster.add_argument(f"--{option}", metavar=metavar, help=purpose)
    purpose = "share nodes with others' jobs"
    cluster.add_argument("--no-exclusive", action="store_true", help=purpose)
    return cluster


def add_aggregate(parser: argparse.ArgumentParser, default: str) -> None:
    """Add --aggregate. default: in words."""
    purpose = (
        "how a number is made of several runs: mean, or mlperf:N, the median of all sets of N"
        f" runs in a row, of each the mean without fastest and slowest; default: {default}"
    )
    parser.add_argument("--aggregate", type=aggregation, metavar="WAY", help=purpose)


def add_margin(
    parser: argparse.ArgumentParser | argparse._ArgumentGroup,
    told: str = "slowdown that is too much",
) -> None:
    """Add --margin. told: what it is."""
    purpose = f"{told}; default: 3%%"
    parser.add_argument("--margin", type=margin, default=MARGIN, metavar="SHARE", help=purpose)
