"""`mrbench cleanup`: remove what runs left that were killed with all their processes."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from mrbench.cli.arguments import add_json, print_json
from mrbench.cli.commands import Command
from mrbench.errors import MrbenchError, UnavailableError
from mrbench.files import home, unfinished
from mrbench.launch.executors.docker import engine
from mrbench.model.finding import Problem
from mrbench.prepare import run_copy
from mrbench.text import printable

UNTOUCHED_S = 3600  # a download that is silent for a minute is given up

COMMAND = Command(
    group="Get ready and clean up",
    order=11,
    brief="clean up after killed runs",
    help="Clean up after killed runs: remove the containers and folders that they left behind.",
    examples="mrbench cleanup    # what lives, and what others own, is left alone",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `mrbench cleanup`."""
    add_json(parser)
    purpose = "also remove containers whose mrbench may run on another machine"
    parser.add_argument("--all", action="store_true", help=purpose)


def main(args: argparse.Namespace) -> int:
    """Remove containers and folders whose mrbench is dead, and say which."""
    folders, left = run_copy.sweep(home() / "scratch")
    removed = [f"folder {path}" for path in folders]
    for path in _parts():
        try:
            path.unlink()
            removed.append(f"file {path}")
        except OSError as exc:
            left.append(Problem(f"{path} cannot be removed ({exc.strerror})", run_copy.REMOVE))
    for problem in left:
        print(f"mrbench: {printable(str(problem))}", file=sys.stderr)
    code = MrbenchError.exit_code if left else 0
    kept: list[str] = []
    try:
        found, kept = _containers(others=args.all)
        removed += found
    except MrbenchError as exc:
        code = code if isinstance(exc, UnavailableError) else exc.exit_code
        print(f"mrbench: no containers looked at: {exc}", file=sys.stderr)
    if args.json:
        print_json({"removed": removed, "left_alone": kept})
        return code
    for line in kept:
        print(f"left alone: {printable(line)}")
    for line in removed:
        print(f"removed {printable(line)}")
    if not removed and not left:
        print("nothing to remove")
    return code


def _parts() -> Iterator[Path]:
    """Yield files of mrbench's home that were being written when all was killed."""
    weights = home() / "weights"
    folders = [home(), *(path for path in home().glob("*/") if path.name != "scratch")]
    folders += [path for path in weights.rglob("*") if path.is_dir()]
    for folder in folders:
        yield from unfinished(folder, UNTOUCHED_S)


def _containers(*, others: bool) -> tuple[list[str], list[str]]:
    """Remove orphaned containers; returns what was removed and what was not."""
    removed, kept = [], []
    with engine.connect(MrbenchError) as client:
        for container in engine.labelled(client, engine.RUN):
            labels = container.labels
            whose = f"pid {labels.get(engine.PID)} on {labels.get(engine.HOST)}"
            text = f"container {container.name} ({container.status}) of {whose}"
            orphaned = engine.orphaned(labels)
            if orphaned or (orphaned is None and others):
                engine.remove(container)
                removed.append(text)
            elif orphaned is None:
                kept.append(f"{text}; it cannot be seen from here, remove it with --all")
            else:
                kept.append(f"{text}, which lives")
    return removed, kept
