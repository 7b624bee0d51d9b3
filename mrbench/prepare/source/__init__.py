"""Prepare a recipe's source: check out the pinned commit, patch it, verify its tree id.

tree.py finds and verifies existing checkouts; checkout.py makes one from what store.py fetches;
address.py knows URLs and mirrors, git.py runs git.
"""

from collections.abc import Callable

from mrbench.files import mark_used
from mrbench.model.inputs import Patches, Source
from mrbench.model.job import Workspace
from mrbench.prepare.source import address
from mrbench.prepare.source.tree import (
    changed_file,
    checkout_path,
    expect,
    lookup,
    untouched,
    verify_tree,
)

__all__ = ["changed_file", "checkout_path", "lookup", "prepare", "verify_tree"]


def prepare(
    source: Source, patches: Patches, mirror: str | None, on_progress: Callable[[str], None]
) -> Workspace:
    """Return the patched checkout, made if it is missing; WorkspaceError if that fails.

    An existing checkout is compared by sizes and times, not hashed: verify_tree does that.
    """
    mark_used(checkout_path(source, patches))
    workspace = untouched(source, patches)
    if workspace is None:
        from mrbench.prepare.source.checkout import make  # noqa: PLC0415 - git and all that

        address.check_address(source)
        workspace = make(source, patches, mirror, on_progress)
    expect(source, workspace.tree)
    return workspace
