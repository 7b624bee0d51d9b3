"""What a carried recipe pins of the sources that come with mrbench, held against their files."""

from mrbench.model.job import Workspace
from mrbench.prepare.source import embedded, prepare
from mrbench.recipe.load import load_named


def assert_pinned(source_name: str, suite: str, name: str) -> Workspace:
    """Assert that a recipe has the commit and the tree of the embedded files as they are."""
    file = load_named(suite, name)
    source = file.recipe.source
    commit = embedded.commit_id(source_name)
    assert source.commit == commit, f"put {commit} into recipes/{suite}/{name}.yaml"
    made = prepare(source, file.patches, None, lambda _: None)  # refuses another tree
    assert made.tree == source.tree
    return made
