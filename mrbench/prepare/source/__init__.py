"""A recipe's source, made real: the pinned commit, patched, its tree id verified.

tree.py finds and verifies what was made before; checkout.py makes it, from what store.py fetches;
address.py knows URLs and mirrors, git.py runs git.
"""

from collections.abc import Callable

from mrbench.model.job import Workspace
from mrbench.model.recipe import Source
from mrbench.prepare.source import address
from mrbench.prepare.source.tree import checkout_path, expect, lookup, untouched, verify_tree

__all__ = ["checkout_path", "lookup", "prepare", "verify_tree"]


def prepare(
    source: Source,
    patches: tuple[tuple[str, bytes], ...],
    mirror: str | None,
    on_progress: Callable[[str], None],
) -> Workspace:
    """Find the patched checkout, or make it; WorkspaceError if that cannot be.

    patches: name and content, in the order to apply. A checkout that stands is looked at (sizes,
    times), not hashed: verify_tree does that.
    """
    found = untouched(source, tuple(content for _, content in patches))
    if found is None:
        from mrbench.prepare.source.checkout import make  # noqa: PLC0415 - git and all that

        address.check_address(source)
        found = make(source, patches, mirror, on_progress)
    expect(source, found.tree)
    return found
