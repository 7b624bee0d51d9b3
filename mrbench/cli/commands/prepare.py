"""`mrbench prepare`: everything up to the launch, for login nodes and for looking around."""

import argparse
import functools
from collections.abc import Mapping

import msgspec

from mrbench.cli import choice
from mrbench.cli.arguments import add_choice, add_json, add_quiet, add_set, print_json
from mrbench.cli.commands import Command
from mrbench.console import make_reporter
from mrbench.errors import MrbenchError
from mrbench.model.job import PreparedRun, Workspace
from mrbench.model.places import Places
from mrbench.model.reporter import Reporter
from mrbench.prepare import job, run_copy, source
from mrbench.prepare.mirror import base
from mrbench.prepare.surroundings import HERE
from mrbench.text import printable, shown

COMMAND = Command(
    group="Get ready and clean up",
    order=3,
    brief="set up without training",
    help="Set up everything that a run needs, without training.",
    examples="""\
mrbench prepare demo
mrbench prepare --recipe mine.yaml --checkout-only    # prints the tree id""",
)
RUN_NAME = "prepared"  # one copy per implementation, made anew each time


class Preparation(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What was prepared for one implementation; error: why it was not.

    path: of the run's copy of the source, or of the checkout where only that was asked for.
    """

    implementation: str
    settings: str = ""
    commit: str
    tree: str | None = None
    base_tree: str | None = None
    fetched_bytes: int | None = None
    reused: bool | None = None
    path: str | None = None
    checkout: str | None = None
    directory: str | None = None
    python: str | None = None
    command: tuple[str, ...] | None = None
    variables: Mapping[str, str] | None = None
    error: str | None = None

    def __str__(self) -> str:
        """Return path and tree id in one line, or what went wrong."""
        end = self.error or f"tree {self.tree} at {self.path}"
        return f"{f'{self.implementation} {self.settings}'.rstrip()}: {end}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `mrbench prepare`."""
    add_choice(parser)
    add_set(parser)
    parser.add_argument(
        "--checkout-only", action="store_true", help="make no environment and no links"
    )
    add_json(parser)
    add_quiet(parser, "print problems and where things are only")


def main(args: argparse.Namespace) -> int:
    """Make checkouts, environments and links, and print where they are."""
    args.gpus = args.window = args.commit = None
    planned, places = choice.plans(args), choice.places(args)
    with make_reporter(quiet=args.quiet) as reporter:
        rows, code = _prepare(planned, places, reporter, checkout_only=args.checkout_only)
    if args.json:
        print_json(rows)
    else:
        print("\n".join(printable(str(row)) for row in rows))
    return code


def _prepare(
    planned: choice.Planned, places: Places, reporter: Reporter, *, checkout_only: bool
) -> tuple[list[Preparation], int]:
    """Prepare each plan; one failure does not stop the rest. Returns rows and the exit code."""
    rows, code = [], 0
    for plan, file in planned:
        row = Preparation(
            implementation=plan.implementation, settings=plan.settings, commit=plan.source.revision
        )
        stage = functools.partial(reporter.stage, plan.label)
        try:
            if checkout_only:
                mirror = base.git_base(places.mirror)
                _add(row, source.prepare(plan.source, file.patches, mirror, stage))
            else:
                folder = run_copy.folder(plan.suite, plan.implementation, RUN_NAME)
                _add_all(row, job.prepare(plan, file, places, folder, stage, HERE))
        except MrbenchError as exc:
            row.error = str(exc)
            code = max(code, exc.exit_code)
        rows.append(row)
    return rows, code


def _add(row: Preparation, checkout: Workspace) -> None:
    row.tree, row.base_tree = checkout.tree, checkout.base_tree
    row.fetched_bytes, row.reused = checkout.fetched_bytes, checkout.reused
    row.path = str(checkout.path)


def _add_all(row: Preparation, prepared: PreparedRun) -> None:
    command = job.with_port(prepared.job)
    _add(row, prepared.workspace)
    row.path, row.checkout = str(prepared.folder / "src"), str(prepared.workspace.path)
    row.directory, row.python = str(command.directory), str(prepared.environment.python)
    row.command = command.argv
    row.variables = {name: shown(name, value) for name, value in command.variables.items()}
