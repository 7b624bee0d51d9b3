"""The checkouts that stand already: found, looked at, verified. Git is not needed for that."""

from pathlib import Path

from mrbench.model.job import Workspace
from mrbench.model.recipe import Source
from mrbench.prepare.source import tree
from mrbench.prepare.source.base import as_workspace, checkout_path, record_path


def lookup(source: Source, patches: tuple[bytes, ...]) -> Workspace | None:
    """Return the checkout that stands there, as recorded; reads one file, runs nothing."""
    path = checkout_path(source, patches)
    record = _recorded(path)
    return as_workspace(path, record, reused=True) if record else None


def untouched(source: Source, patches: tuple[bytes, ...]) -> Workspace | None:
    """Look up a checkout; one that somebody changed is as good as none."""
    path = checkout_path(source, patches)
    record = _recorded(path)
    # A copied cache has other times: only then it pays to hash.
    if record and (tree.looks_untouched(path, record) or tree.intact(path, record)):
        return as_workspace(path, record, reused=True)
    return None


def verify_tree(workspace: Workspace, folder: Path | None = None) -> bool:
    """Tell whether the tracked files, hashed as they stand, have the tree id; also of a copy."""
    record = _recorded(workspace.path)
    if record is None or record.tree != workspace.tree:
        return False
    return tree.intact(folder or workspace.path, record)


def _recorded(path: Path) -> tree.Record | None:
    return tree.read(record_path(path)) if path.is_dir() else None
