"""`mrbench prepare`: everything up to the launch, for login nodes and for looking around."""

import functools
from collections.abc import Mapping, Sequence

import msgspec

from mrbench.errors import MrbenchError
from mrbench.model.job import PreparedRun, Workspace
from mrbench.model.places import Places
from mrbench.model.plan import Plan
from mrbench.model.reporter import Reporter
from mrbench.prepare import job, run_copy, source
from mrbench.prepare.mirror import base
from mrbench.prepare.surroundings import HERE
from mrbench.recipe.load import RecipeFile
from mrbench.text import shown

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


def prepare_all(
    planned: Sequence[tuple[Plan, RecipeFile]],
    places: Places,
    *,
    checkout_only: bool,
    reporter: Reporter,
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
