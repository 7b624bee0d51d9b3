"""Arguments that several commands share."""

import argparse
import os

TYPE_CHECKING = False  # importing typing takes 3 ms; type checkers know the name
if TYPE_CHECKING:
    from pathlib import Path


def add_recipes(parser: argparse.ArgumentParser) -> None:
    """Add --suite, --impl and --recipe."""
    parser.add_argument("--suite", default="2019", metavar="NAME", help="default: 2019")
    add_impl(parser, "default: the whole suite")
    add_recipe(parser, "recipes from anywhere, instead of the suite's")


def add_impl(parser: argparse.ArgumentParser, purpose: str) -> None:
    """Add --impl."""
    parser.add_argument("--impl", nargs="+", action="extend", metavar="NAME", help=purpose)


def add_recipe(parser: argparse.ArgumentParser, purpose: str) -> None:
    """Add --recipe."""
    parser.add_argument(
        "--recipe", nargs="+", action="extend", type=as_path, metavar="FILE", help=purpose
    )


def add_reference(parser: argparse.ArgumentParser) -> None:
    """Add --reference."""
    parser.add_argument("--reference", metavar="NAME", help="which published table to compare with")


def add_choice(parser: argparse.ArgumentParser) -> None:
    """Add what chooses recipes, and where data, weights and mirror are."""
    add_recipes(parser)
    parser.add_argument(
        "--data",
        type=as_path,
        metavar="DIR",
        default=os.environ.get("MRBENCH_DATA") or None,
        help="COCO's folder",
    )
    add_weights(parser, "folder of pretrained weights")
    add_mirror(
        parser,
        "what `mrbench mirror create` made, or repositories by owner/name for github.com",
    )


def add_weights(parser: argparse.ArgumentParser, purpose: str) -> None:
    """Add --weights, whose default is MRBENCH_WEIGHTS."""
    parser.add_argument(
        "--weights",
        type=as_path,
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


def add_runs(parser: argparse.ArgumentParser) -> None:
    """Add --runs."""
    parser.add_argument(
        "--runs",
        type=as_path,
        metavar="DIR",
        default=os.environ.get("MRBENCH_RUNS") or "runs",
        help="folder of runs; default: ./runs",
    )


def add_gpus(parser: argparse.ArgumentParser) -> None:
    """Add --gpus."""
    parser.add_argument(
        "--gpus",
        type=counts,
        metavar="N,M,...",
        help="how many, or a series such as 1,2,4,8; default: what the suite states",
    )


def add_executor(parser: argparse.ArgumentParser) -> None:
    """Add --executor, and what executors may be asked for."""
    parser.add_argument(
        "--executor", choices=("local", "docker", "slurm"), default="local", help="where it trains"
    )
    containers = parser.add_argument_group("with --executor docker")
    containers.add_argument("--image", metavar="NAME", help="train in it as it is; default: build")
    containers.add_argument("--base-image", metavar="NAME", help="build the environment upon it")
    containers.add_argument(
        "--shm",
        type=shared,
        metavar="SIZE",
        help="of shared memory, as 16g, or `host`; default: half of all",
    )
    containers.add_argument(
        "--memory", type=size, metavar="SIZE", help="limit, as 64g; default: none"
    )
    cluster = parser.add_argument_group("with --executor slurm")
    cluster.add_argument(
        "--nodes", type=positive, default=1, metavar="N", help="--gpus counts those of one node"
    )
    cluster.add_argument("--partition", metavar="P", help="default: the cluster's, for all four")
    cluster.add_argument("--time", metavar="T", help="as sbatch takes it; default: the recipe's")
    cluster.add_argument("--account", metavar="A", help="who pays")
    cluster.add_argument("--constraint", metavar="C", help="features that the nodes must have")
    cluster.add_argument("--container", metavar="IMAGE", help="train in it, by pyxis or apptainer")
    cluster.add_argument(
        "--detach", action="store_true", help="submit and leave; see `mrbench collect`"
    )


def as_path(text: str) -> "Path":
    """Make a path; argparse calls it for defaults too, but not for --version."""
    from pathlib import Path  # noqa: PLC0415 - see above

    return Path(text)


def positive(text: str) -> int:
    """Read a whole number above zero."""
    if text.isdecimal() and int(text) > 0:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a positive number")


def whole(text: str) -> int:
    """Read a whole number, negative ones too."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None


def commit(text: str) -> str:
    """Read a full commit id; what is shorter, or a name, could mean another commit tomorrow."""
    if len(text) == 40 and set(text) <= set("0123456789abcdef"):  # noqa: PLR2004 - SHA-1 in hex
        return text
    raise argparse.ArgumentTypeError(
        f"{text!r} is not a commit of 40 hex digits; give the id that `git rev-parse` prints"
    )


def size(text: str) -> str:
    """Read an amount of memory as Docker's engine takes it."""
    number = text.lower().removesuffix("b").rstrip("kmgt")
    if number.isdecimal() and len(text) - len(number) <= 2:  # noqa: PLR2004 - as kb
        return text
    raise argparse.ArgumentTypeError(f"{text!r} is no amount of memory; give it as 64g or 512m")


def shared(text: str) -> str:
    """Read an amount of shared memory, or `host`."""
    return text if text == "host" else size(text)


def counts(text: str) -> tuple[int, ...]:
    """Read whole numbers parted by commas, in order, each once; what is too small is told later."""
    words = text.split(",")
    if all(word.strip().isdecimal() for word in words):
        return tuple(dict.fromkeys(map(int, words)))
    raise argparse.ArgumentTypeError(f"{text!r}: give a number of GPUs, or several as 1,2,4,8")


def degrees(text: str) -> float:
    """Read a temperature in degrees Celsius that a GPU can have and a person can mean."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if 0 < value < 120:  # noqa: PLR2004 - above, GPUs switch off
        return value
    raise argparse.ArgumentTypeError(f"{text!r} is no temperature of a GPU; give degrees Celsius")
