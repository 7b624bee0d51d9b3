"""`mrbench prepare`: everything up to the launch, for login nodes and for looking around."""

from collections.abc import Sequence
from typing import Any

from mrbench.console import Reporter
from mrbench.errors import MrbenchError
from mrbench.model.job import Workspace
from mrbench.model.places import Places
from mrbench.model.plan import Plan
from mrbench.prepare import job, run_copy, source
from mrbench.prepare.mirror import base
from mrbench.prepare.surroundings import HERE
from mrbench.recipe.load import RecipeFile

RUN_NAME = "prepared"  # one copy per implementation, made anew each time


def prepare_all(
    planned: Sequence[tuple[Plan, RecipeFile]],
    places: Places,
    *,
    checkout_only: bool,
    reporter: Reporter,
) -> tuple[list[dict[str, Any]], int]:
    """Prepare each plan; one failure does not stop the rest. Returns rows and the exit code."""
    rows, code = [], 0
    for plan, file in planned:
        row: dict[str, Any] = {"implementation": plan.implementation, "commit": plan.source.commit}
        try:
            row |= _prepare(plan, file, places, checkout_only=checkout_only, reporter=reporter)
        except MrbenchError as exc:
            row["error"] = str(exc)
            code = max(code, exc.exit_code)
        rows.append(row)
    return rows, code


def _prepare(
    plan: Plan, file: RecipeFile, places: Places, *, checkout_only: bool, reporter: Reporter
) -> dict[str, Any]:
    def stage(text: str) -> None:
        reporter.stage(plan.implementation, text)

    if checkout_only:
        checkout = source.prepare(plan.source, file.patches, base.git_base(places.mirror), stage)
        return _row(checkout) | {"path": str(checkout.path)}
    folder = run_copy.folder(plan.suite, plan.implementation, RUN_NAME)
    ready = job.prepare(plan, file, places, folder, stage, HERE)
    command = job.with_port(ready.job)
    return _row(ready.workspace) | {
        "path": str(ready.folder / "src"),
        "checkout": str(ready.workspace.path),
        "directory": str(command.directory),
        "python": str(ready.environment.python),
        "command": list(command.argv),
        "variables": dict(command.variables),
    }


def _row(checkout: Workspace) -> dict[str, Any]:
    names = ("tree", "base_tree", "fetched_bytes", "reused")
    return {name: getattr(checkout, name) for name in names}


def as_text(rows: Sequence[dict[str, Any]]) -> str:
    """Return one line of path and tree id for each, or of what went wrong."""
    lines = []
    for row in rows:
        if "error" in row:
            lines.append(f"{row['implementation']}: {row['error']}")
        else:
            lines.append(f"{row['implementation']}: tree {row['tree']} at {row['path']}")
    return "\n".join(lines)
