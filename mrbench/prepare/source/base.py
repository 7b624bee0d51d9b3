"""What a workspace is, where it stands, and whether it is as it was made: no git is needed."""

import hashlib
import json
import re
from pathlib import Path

import msgspec

from mrbench.errors import WorkspaceError
from mrbench.files import home
from mrbench.model.job import Workspace
from mrbench.model.recipe import Source
from mrbench.prepare.source import tree


class UnreachableError(WorkspaceError):
    """Whoever has the repository gave no answer, or is not there: it says nothing of the recipe."""


LAYOUT = 1  # of what is made; another number makes every checkout anew


def checkout_path(source: Source, patches: tuple[bytes, ...]) -> Path:
    """Return where the patched checkout stands or will stand; reads nothing."""
    inputs = [
        LAYOUT,
        source.url,
        source.commit,
        source.paths,
        msgspec.to_builtins(source.substitutions),
        [hashlib.sha256(patch).hexdigest() for patch in patches],
    ]
    digest = hashlib.sha256(json.dumps(inputs).encode()).hexdigest()
    return home() / "work" / f"{repository_name(source.url)}-{source.commit[:12]}-{digest[:8]}"


def repository_name(url: str) -> str:
    """Return the last part of the URL, fit for a file name."""
    last = url.rstrip("/").removesuffix(".git").rstrip("/")
    return re.sub(r"[^A-Za-z0-9._-]+", "-", re.split(r"[/:]", last)[-1]).lstrip(".-") or "source"


def record_path(checkout: Path) -> Path:
    """Return the file beside a checkout that lists what belongs into it."""
    return checkout.with_name(f"{checkout.name}.tree")


def as_workspace(
    path: Path, record: tree.Record, fetched_bytes: int = 0, *, reused: bool
) -> Workspace:
    """Return what a record tells about the checkout at `path`."""
    return Workspace(
        path=path,
        commit=record.commit,
        tree=record.tree,
        base_tree=record.base_tree,
        fetched_bytes=fetched_bytes,
        reused=reused,
    )


def expect(source: Source, made: str) -> None:
    """Refuse a tree that is not the recipe's."""
    if source.tree not in (None, made):
        raise WorkspaceError(
            f"{source.url} at {source.commit[:12]}, patched, has tree {made}, the recipe says"
            f" {source.tree}",
            "correct source.tree, or the patches",
        )


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
