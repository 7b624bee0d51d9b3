"""Make a patched checkout: complete, verified and recorded, or absent."""

import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from mrbench.errors import WorkspaceError
from mrbench.model.job import Workspace
from mrbench.model.recipe import Source
from mrbench.prepare.source import address, patching, store, tree
from mrbench.prepare.source.base import (
    as_workspace,
    checkout_path,
    expect,
    record_path,
    repository_name,
)
from mrbench.prepare.source.git import GitError, git, objects
from mrbench.prepare.source.standing import untouched

Patches = tuple[tuple[str, bytes], ...]  # name and content, in the order to apply
# Bytes as they are in the repository, whatever its .gitattributes or the user's want converted.
ATTRIBUTES = "* -text -eol -ident -filter -working-tree-encoding\n"


def make(
    source: Source, patches: Patches, mirror: str | None, on_progress: Callable[[str], None]
) -> Workspace:
    """Make the checkout, or find that another process made it meanwhile."""
    bare = address.store_path(source.url)
    try:
        with store.locked(bare, on_progress) as lock:
            found = untouched(source, tuple(content for _, content in patches))
            return found or _make(source, patches, mirror, on_progress, lock)
    except GitError as exc:
        full = store.NO_SPACE.search(exc.stderr)
        if full:
            raise store.no_room(full.group()) from exc
        raise WorkspaceError(str(exc), f"remove {bare} and run again") from exc
    except OSError as exc:
        raise store.no_room(f"{exc.strerror} ({exc.filename or bare})") from exc


def _make(
    source: Source,
    patches: Patches,
    mirror: str | None,
    say: Callable[[str], None],
    lock: int,
) -> Workspace:
    path = checkout_path(source, tuple(content for _, content in patches))
    # One place per upstream, under its lock: whatever is there was left by a process that died.
    making = path.parent / f".making-{sha256(source.url.encode()).hexdigest()[:12]}"
    old = making.with_suffix(".old")
    for left in (making, old):
        shutil.rmtree(left, ignore_errors=True)
    making.mkdir(parents=True)
    bare = address.store_path(source.url)
    before = store.size_bytes(bare)
    try:
        store.ensure(bare, source, mirror, say, lock)
        fetched = store.size_bytes(bare) - before
        say(f"checking out {repository_name(source.url)} at {source.commit[:12]}")
        record = _check_out(making, bare, source, patches, lock)
        expect(source, record.tree)
        if path.exists():
            path.rename(old)
        tree.write(record_path(path), record)
        making.rename(path)
    finally:
        for left in (making, old):
            shutil.rmtree(left, ignore_errors=True)
    return as_workspace(path, record, fetched, reused=False)


def _check_out(
    folder: Path, bare: Path, source: Source, patches: Patches, lock: int
) -> tree.Record:
    """Fill `folder`: a repository of its own that borrows the store's objects and adds its own."""
    inner = folder / ".git"

    def run(*words: str) -> bytes:
        return git(inner, *words, tree=folder, lock=lock)

    def listing() -> tuple[tree.Tracked, ...]:
        return tree.tracked(folder, run("ls-files", "-s", "-t", "-z"))

    run("init", "--quiet", "--template=")
    (inner / "info").mkdir()
    (inner / "info" / "attributes").write_text(ATTRIBUTES)
    (inner / "objects" / "info" / "alternates").write_text(f"{bare / 'objects'}\n")
    (inner / "HEAD").write_text(f"{source.commit}\n")
    if (bare / "shallow").exists():
        shutil.copyfile(bare / "shallow", inner / "shallow")
    if source.paths:
        wanted = "".join(f"/{path.strip('/')}\n" for path in source.paths)
        (inner / "info" / "sparse-checkout").write_text(wanted)
        with (inner / "config").open("a") as config:
            config.write("[core]\n\tsparseCheckout = true\n")
    run("read-tree", "-m", "-u", "HEAD")
    with objects(inner) as repository:
        base_tree = repository.commit(source.commit).tree.hexsha
    before = after = listing()
    for change in source.substitutions:
        patching.substitute(folder, before, change, source)
    if source.substitutions:
        run("add", "--update")
    for name, content in patches:
        patching.apply(folder, name, content, source, lock)
    if patches or source.substitutions:
        after = listing()
    patching.check_links(folder, before, after)
    record = tree.Record(
        source.commit, run("write-tree", "--missing-ok").decode().strip(), base_tree, after
    )
    if not tree.intact(folder, record):
        raise WorkspaceError(
            f"the files do not come out as {record.tree} says",
            "set MRBENCH_HOME to a folder on an ordinary file system",
            file=folder,
        )
    return record
