"""The repositories of a mirror: bare, with the pinned commits and nothing of their history."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import msgspec

from mrbench.errors import WorkspaceError
from mrbench.model.inputs import PACKAGE, Source, as_source
from mrbench.prepare.mirror.base import REPOS
from mrbench.prepare.source import address, store
from mrbench.prepare.source.git import GitError, git
from mrbench.prepare.source.tree import repository_name
from mrbench.recipe.load import RecipeFile

Say = Callable[[str], None]


def sources(file: RecipeFile) -> list[Source]:
    """Return the repositories that a recipe takes; those that mrbench carries need no mirror."""
    return [s for s in all_sources(file) if s.url and not s.url.startswith(PACKAGE)]


def all_sources(file: RecipeFile) -> list[Source]:
    """Return what a recipe takes: its source and the packages that are built from sources."""
    return [file.recipe.source, *map(as_source, file.recipe.environment.packages)]


def title(source: Source) -> str:
    """Name a pinned commit to the reader."""
    return f"{source.url} at {source.commit[:12]}"


def place(source: Source) -> str:
    """Return a repository's folder, relative to the mirror."""
    return f"{REPOS}/{address.kept_as(source.url)}.git"


def add(folder: Path, source: Source, base: str | None, say: Say, lock: int) -> None:
    """Fetch a pinned commit into the cache, and copy it from there; WorkspaceError if it cannot be.

    A recipe that names source.paths gets the blobs under them, and all trees.
    """
    address.check_address(source)
    cached = address.store_path(source.url)
    target = folder / place(source)
    try:
        with store.locked(cached, say) as held:
            store.ensure(cached, source, base, say, held)
            say(f"copying {repository_name(source.url)} at {source.commit[:12]}")
            copied = msgspec.structs.replace(source, url=f"file://{quote(str(cached))}")
            store.ensure(target, copied, None, lambda _: None, lock)
    except GitError as exc:
        raise WorkspaceError(str(exc), f"remove {cached} and {target}, and run again") from exc
    except OSError as exc:
        text = str(exc.strerror)
        raise WorkspaceError(text, "make room there", file=exc.filename or target) from exc
    (target / "FETCH_HEAD").unlink(missing_ok=True)  # names the cache of this machine


def problem(folder: Path, source: Source, lock: int) -> str | None:
    """Say what a mirror lacks of a pinned commit, or None."""
    bare = folder / place(source)
    if not (bare / "refs" / "pins" / source.commit).is_file():
        return f"has no commit {source.commit}"
    try:
        lacking = store.missing_blobs(bare, source, lock)
    except WorkspaceError as exc:
        return f"commit {source.commit} cannot be read: {exc}"
    return f"lacks {len(lacking)} files of commit {source.commit}" if lacking else None


def damage(bare: Path, lock: int) -> str | None:
    """Say what git finds wrong with a repository's objects, or None; one that is not there: no."""
    if not (bare / "HEAD").is_file():
        return None
    try:
        git(bare, "fsck", "--full", "--no-dangling", "--no-progress", lock=lock)
    except GitError as exc:
        return str(exc)
    return None
